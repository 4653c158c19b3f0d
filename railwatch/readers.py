"""Reading what is published, for people who work in Python: pandas tables and lazy xarray.

    import railwatch

    counts = railwatch.open_counts("s3://bucket/prefix", "tumangang")
    imagery = railwatch.open_cube("s3://bucket/prefix", "tumangang")["sentinel-2-l2a-10m"]
    strips = railwatch.open_strips("s3://bucket/prefix", "tumangang", "sentinel-2-l2a-10m")

Each follows `latest.json` once, so what one call returns is of one publication. Everything here can
be had without railwatch, too: docs/consumers.md shows how, format by format.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from railwatch.errors import OperatorError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from railwatch.publication.pointer import Pointer
    from railwatch.store import Store


def open_counts(url: str, area_id: str) -> pd.DataFrame:
    """Read all counts of an area.

    Parameters
    ----------
    url
        Folder or `s3://bucket/prefix` that is published to.
    area_id
        The area's id.

    Returns
    -------
    pandas.DataFrame
        Contract 4's columns, one row a siding, group or facility (`siding_id` `*`) and scene,
        ordered by time. `acquired` and `published_at` are datetime64[us, UTC]; lengths (`*_m`) are
        float64 metres and `cars*` float64 railcars, NaN where the scene was refused; `refusal` is
        the reason, null where there is a count.

    Raises
    ------
    OperatorError
        Nothing is published of the area.
    """
    import pandas as pd

    store, pointer = _published(url, area_id)
    return pd.read_parquet(io.BytesIO(store.get(f"{pointer.folder}counts.parquet")))


def open_cube(url: str, area_id: str) -> xr.DataTree:
    """Open everything of an area that is an array, lazily.

    Returns
    -------
    xarray.DataTree
        One node a cube (`sentinel-2-l2a-10m`), each with `imagery` (values (time, band, y, x)
        float, reflectance 0-1, NaN where not measured; mask (time, y, x) uint8; x and y metres in
        the UTM zone of `spatial_ref`), `strips` and `occupancy`; and the node `counts`, tables
        (scene, siding) in metres and railcars.

    Raises
    ------
    OperatorError
        Nothing is published of the area.
    """
    import xarray as xr

    store, pointer = _published(url, area_id)
    return xr.open_datatree(_zarr(store, pointer), engine="zarr", chunks=None)


def open_strips(url: str, area_id: str, cube: str) -> xr.Dataset:
    """Open what the detector looked at, and what it made of it, along each siding.

    Parameters
    ----------
    url, area_id
        As for `open_counts`.
    cube
        Name of a cube, e.g. `sentinel-2-l2a-10m`; the children of `open_cube` are named so.

    Returns
    -------
    xarray.Dataset
        `values` (time, siding, band, offset, chainage) float, reflectance 0-1, and `probability`
        (time, siding, chainage) float32, of the track being occupied, 0-1; NaN where unknown.
        `chainage_m` (siding, chainage) and `offset` are metres along and to the left of the siding.

    Raises
    ------
    OperatorError
        Nothing is published of the area, or it has no such cube.
    """
    tree = open_cube(url, area_id)
    if cube not in tree.children or "strips" not in tree[cube].children:
        names = ", ".join(sorted(name for name in tree.children if name != "counts"))
        raise OperatorError(f"{url}: {area_id}: no strips of cube {cube!r}; there are: {names}")
    strips = tree[f"{cube}/strips"].to_dataset()
    return strips.assign(probability=tree[f"{cube}/occupancy"].to_dataset()["probability"])


def _published(url: str, area_id: str) -> tuple[Store, Pointer]:
    """Open a store and follow an area's pointer."""
    from railwatch.publication.pointer import pointer_of
    from railwatch.store import Store

    store = Store.open(url)
    return store, pointer_of(store, area_id)


def _zarr(store: Store, pointer: Pointer) -> Any:
    """Root of the published Zarr as zarr-python opens it."""
    from railwatch.store import BucketStore, FolderStore

    root = f"{pointer.folder}cube.zarr"
    if isinstance(store, FolderStore):
        return store.file(root)
    if isinstance(store, BucketStore):
        from zarr.storage import ObjectStore

        return ObjectStore(store.below(root), read_only=True)
    raise OperatorError(f"{store.url}: arrays are read from a folder or a bucket")
