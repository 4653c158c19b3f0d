"""Scene to cube with what a user would pick instead of railwatch. Runs in a peers' environment.

    python ingest.py PEER ARCHIVE OUT

Every peer ends with `sync` of what it wrote, and with the CRC-32 of the cube's pixels read back
outside the watch: a cube that differs from its source would show.
"""

from __future__ import annotations

import importlib
import os
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import numpy as np
from stopwatch import Stopwatch

CHUNK = 512
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")


def files(archive: Path) -> list[Path]:
    return sorted(archive.rglob("analytic.tif"))


def read(path: Path) -> np.ndarray:
    import rasterio

    with rasterio.open(path) as source:
        return source.read()


def blosc() -> Any:
    from zarr.codecs import BloscCodec

    return BloscCodec(cname="lz4", clevel=1, shuffle="bitshuffle")


def zarr_array(store: Any, shape: tuple[int, ...], *, fast: bool) -> Any:
    import zarr

    chunks = (1, shape[1], min(CHUNK, shape[2]), min(CHUNK, shape[3]))
    return zarr.create_array(
        store,
        name="values",
        shape=shape,
        chunks=chunks,
        dtype="uint16",
        fill_value=65535,
        compressors=blosc() if fast else "auto",
    )


def shape_of(paths: list[Path]) -> tuple[int, ...]:
    import rasterio

    with rasterio.open(paths[0]) as first:
        return (len(paths), first.count, first.height, first.width)


def zarr_python(paths: list[Path], out: Path, *, fast: bool) -> Callable[[], np.ndarray]:
    import zarr
    from zarr.storage import LocalStore

    array = zarr_array(LocalStore(out), shape_of(paths), fast=fast)
    for i, path in enumerate(paths):
        array[i] = read(path)
    return lambda: np.asarray(zarr.open_array(LocalStore(out), path="values", mode="r")[:])


def tensorstore(paths: list[Path], out: Path) -> Callable[[], np.ndarray]:
    import tensorstore as ts

    shape = shape_of(paths)
    chunk = [1, shape[1], min(CHUNK, shape[2]), min(CHUNK, shape[3])]
    spec = {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": str(out)},
        "metadata": {
            "shape": list(shape),
            "data_type": "uint16",
            "fill_value": 65535,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
            "codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {
                    "name": "blosc",
                    "configuration": {
                        "cname": "lz4",
                        "clevel": 1,
                        "shuffle": "bitshuffle",
                        "typesize": 2,
                        "blocksize": 0,
                    },
                },
            ],
        },
        "create": True,
        "context": {"data_copy_concurrency": {"limit": 1}},
    }
    store = ts.open(spec).result()
    for i, path in enumerate(paths):
        store[i].write(read(path)).result()
    return lambda: np.asarray(store.read().result())


def icechunk(
    paths: list[Path], out: Path, *, each: bool, fast: bool = True
) -> Callable[[], np.ndarray]:
    import icechunk as ic
    import zarr

    repository = ic.Repository.create(ic.local_filesystem_storage(str(out)))
    session = repository.writable_session("main")
    zarr_array(session.store, shape_of(paths), fast=fast)
    session.commit("make")
    session = repository.writable_session("main")
    for i, path in enumerate(paths):
        zarr.open_array(session.store, path="values", mode="r+")[i] = read(path)
        if each:
            session.commit(f"scene {i}")
            session = repository.writable_session("main")
    if not each:
        session.commit("scenes")

    def cube() -> np.ndarray:
        store = repository.readonly_session("main").store
        return np.asarray(zarr.open_array(store, path="values", mode="r")[:])

    return cube


def _plain(array: Any, i: int) -> Any:
    array.attrs.clear()
    array.encoding.clear()
    array = array.expand_dims(time=[i]).to_dataset(name="values")
    array["values"].encoding.clear()
    return array


def _cube(out: Path) -> Callable[[], np.ndarray]:
    import xarray as xr

    return lambda: np.asarray(xr.open_zarr(out, mask_and_scale=False)["values"])


def rioxarray_append(paths: list[Path], out: Path) -> Callable[[], np.ndarray]:
    import rioxarray

    for i, path in enumerate(paths):
        with rioxarray.open_rasterio(path) as opened:
            scene = _plain(opened.load().drop_vars("spatial_ref"), i)
        if i == 0:
            scene = scene.chunk({"time": 1, "y": CHUNK, "x": CHUNK})
            scene.to_zarr(out, mode="w", consolidated=False)
        else:
            scene.to_zarr(out, append_dim="time", consolidated=False)
    return _cube(out)


def rioxarray_concat(paths: list[Path], out: Path) -> Callable[[], np.ndarray]:
    import rioxarray
    import xarray as xr

    scenes = []
    for i, path in enumerate(paths):
        with rioxarray.open_rasterio(path) as opened:
            scenes.append(_plain(opened.load().drop_vars("spatial_ref"), i))
    cube = xr.concat(scenes, "time")
    cube.to_zarr(
        out,
        mode="w",
        consolidated=False,
        encoding={"values": {"chunks": (1, cube.sizes["band"], CHUNK, CHUNK)}},
    )
    return _cube(out)


def _items(archive: Path) -> list[Any]:
    import pystac

    found = [pystac.Item.from_file(str(path)) for path in sorted(archive.rglob("*.json"))]
    for one in found:
        one.make_asset_hrefs_absolute()
    return found


def stackstac(archive: Path, out: Path) -> Callable[[], np.ndarray]:
    import stackstac as library

    items = [one.to_dict() for one in _items(archive)]
    cube = library.stack(
        items,
        assets=list(BANDS),
        dtype=np.dtype("uint16"),
        fill_value=np.uint16(65535),
        rescale=False,
        chunksize=CHUNK,
        epsg=32652,
        properties=False,
        band_coords=False,
        xy_coords=False,
    )
    cube = cube.drop_vars([name for name in cube.coords if name not in ("time", "band")])
    cube.attrs.clear()
    cube.chunk({"band": len(BANDS)}).to_dataset(name="values").to_zarr(
        out, mode="w", consolidated=False
    )
    return _cube(out)


def odc_stac(archive: Path, out: Path) -> Callable[[], np.ndarray]:
    import odc.stac
    import rasterio
    from odc.geo.geobox import GeoBox

    first = next(iter(sorted(archive.rglob("red.tif"))))
    with rasterio.open(first) as source:
        box = GeoBox(source.shape, source.transform, source.crs)
    cube = odc.stac.load(
        _items(archive), bands=list(BANDS), geobox=box, chunks={"x": CHUNK, "y": CHUNK}
    )
    for name in cube.variables:
        cube[name].attrs.clear()
    cube.drop_vars("spatial_ref").to_zarr(out, mode="w", consolidated=False)

    def back() -> np.ndarray:
        import xarray as xr

        opened = xr.open_zarr(out, mask_and_scale=False)
        return np.stack([opened[band].to_numpy() for band in BANDS], axis=1)

    return back


def eolearn(paths: list[Path], out: Path) -> Callable[[], np.ndarray]:
    import datetime as dt
    import warnings

    warnings.simplefilter("ignore")
    from eolearn.core import EOPatch, FeatureType
    from sentinelhub import CRS, BBox

    scenes = np.stack([np.moveaxis(read(path), 0, -1) for path in paths])
    patch = EOPatch(bbox=BBox((0, 0, 1, 1), CRS.WGS84))
    patch.timestamps = [
        dt.datetime(2022, 3, 1, tzinfo=dt.UTC) + dt.timedelta(days=i) for i in range(len(paths))
    ]
    patch[FeatureType.DATA]["values"] = scenes
    patch.save(str(out), use_zarr=True)

    def back() -> np.ndarray:
        loaded = EOPatch.load(str(out))
        return np.moveaxis(loaded[FeatureType.DATA]["values"], -1, 1)

    return back


STACKED: dict[str, Callable[[list[Path], Path], Callable[[], np.ndarray]]] = {
    "zarr-python blosc": lambda p, o: zarr_python(p, o, fast=True),
    "zarr-python default": lambda p, o: zarr_python(p, o, fast=False),
    "tensorstore blosc": tensorstore,
    "icechunk blosc, one commit": lambda p, o: icechunk(p, o, each=False),
    "icechunk blosc, a commit a scene": lambda p, o: icechunk(p, o, each=True),
    "rioxarray, append": rioxarray_append,
    "rioxarray, concat": rioxarray_concat,
    "eo-learn zarr": eolearn,
}
SINGLE = {"stackstac": stackstac, "odc-stac": odc_stac}
IMPORTS = {
    "zarr-python": ("zarr", "rasterio"),
    "tensorstore": ("tensorstore", "rasterio"),
    "icechunk": ("icechunk", "zarr", "rasterio"),
    "rioxarray,": ("rioxarray", "xarray", "zarr", "dask.array"),
    "eo-learn": ("rasterio", "eolearn.core"),
    "stackstac": ("stackstac", "xarray", "zarr", "dask.array", "pystac"),
    "odc-stac": ("odc.stac", "xarray", "zarr", "dask.array", "pystac"),
}


def main() -> None:
    peer, archive, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    for name in IMPORTS[peer.split(" ")[0]]:
        importlib.import_module(name)
    if "dask" in sys.modules:
        import dask

        dask.config.set(scheduler="synchronous")  # no thread of it costs more than it does
    with Stopwatch() as watch:
        single = SINGLE.get(peer)
        cube = single(archive, out) if single else STACKED[peer](files(archive), out)
        os.sync()
    watch.weigh(out)
    pixels = cube()
    watch.tell(crc=zlib.crc32(np.ascontiguousarray(pixels).tobytes()), shape=list(pixels.shape))


if __name__ == "__main__":
    main()
