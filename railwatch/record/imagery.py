"""The cubes: pixels of scenes by slot, in tiles of all bands.

    cubes/{cube key}                        attributes: footprint in use
    cubes/{cube key}/{footprint}            attributes: the footprint itself
    cubes/{cube key}/{footprint}/{bands}
        values  (slot, band, y, x) uint16   chunks (1, all, 64, 64), fill 65535
        mask    (slot, y, x) uint8          chunks (1, 256, 256), fill nodata

A slot holds one scene, once. Tiles that are not wanted or hold no data are never written. Chunks
are encoded here and handed to the store as they are, because zarr's own pipeline costs twice the
CPU for tiles this small; the bytes are those its codecs make, which a test checks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import google_crc32c
import numcodecs.blosc
import numpy as np
import numpy.typing as npt
import zarr
from zarr.buffer import default_buffer_prototype
from zarr.codecs import BloscCodec
from zarr.core.sync import sync

from railwatch.errors import IntegrityError
from railwatch.grid import TILE_PX
from railwatch.record.entry import SceneEntry, cube_path, key_path
from railwatch.record.footprint import Footprint
from railwatch.record.repository import SLOTS
from railwatch.scene import NODATA, MaskClass, SceneRaster

MASK_PX = 4 * TILE_PX
_LEVEL = 1
_LZ4 = {
    np.dtype(np.uint16): numcodecs.blosc.Blosc("lz4", _LEVEL, numcodecs.blosc.Blosc.BITSHUFFLE),
    np.dtype(np.uint8): numcodecs.blosc.Blosc("lz4", _LEVEL, numcodecs.blosc.Blosc.NOSHUFFLE),
}


def ensure(store: Any, cube_key: str, footprint: Footprint, bands: tuple[str, ...]) -> bool:
    """Make the arrays of a cube unless they are there; say whether anything was made."""
    path = cube_path(cube_key, footprint.digest, bands)
    root = zarr.open_group(store, mode="a")
    if path in root:
        return False
    group = root.require_group(f"{key_path(cube_key)}/{footprint.digest}")
    group.attrs["footprint"] = footprint.to_json()
    rows, cols = footprint.grid.shape
    cube = root.create_group(path)
    cube.attrs["bands"] = list(bands)
    cube.create_array(
        "values",
        shape=(SLOTS, len(bands), rows, cols),
        chunks=(1, len(bands), TILE_PX, TILE_PX),
        dtype=np.uint16,
        fill_value=int(NODATA),
        compressors=BloscCodec(cname="lz4", clevel=_LEVEL, shuffle="bitshuffle"),
        dimension_names=("slot", "band", "y", "x"),
    )
    cube.create_array(
        "mask",
        shape=(SLOTS, rows, cols),
        chunks=(1, MASK_PX, MASK_PX),
        dtype=np.uint8,
        fill_value=int(MaskClass.NODATA),
        compressors=BloscCodec(cname="lz4", clevel=_LEVEL, shuffle="noshuffle"),
        dimension_names=("slot", "y", "x"),
    )
    return True


def footprints_in_use(store: Any) -> dict[str, str]:
    """Digest of the footprint in use, by cube key."""
    cubes = zarr.open_group(store, path="cubes", mode="r")
    return {
        name.replace("%2F", "/"): str(group.attrs["footprint"])
        for name, group in cubes.groups()
        if "footprint" in group.attrs  # a cube that is made has none before its first commit
    }


def use_footprint(store: Any, cube_key: str, digest: str) -> None:
    """Make one footprint of a cube key the one in use."""
    zarr.open_group(store, path=key_path(cube_key), mode="a").attrs["footprint"] = digest


def footprint(store: Any, cube_key: str, digest: str) -> Footprint:
    """Read back a footprint of the record."""
    path = f"{key_path(cube_key)}/{digest}"
    said = zarr.open_group(store, path=path, mode="r").attrs["footprint"]
    if not isinstance(said, dict):
        raise IntegrityError(f"{path}: footprint is not an object")
    return Footprint.from_json(said)


def write(
    store: Any, path: str, slot: int, raster: SceneRaster, tiles: npt.NDArray[np.bool_]
) -> None:
    """Write a scene's wanted tiles that hold data; the mask only where one of them is."""
    chunks = dict(_value_chunks(path, slot, raster, tiles))
    if chunks:
        chunks |= _mask_chunks(path, slot, raster.mask)
    put_chunks(store, chunks)


def put_chunks(store: Any, chunks: dict[str, bytes]) -> None:
    """Hand encoded chunks to a session's store, several at a time."""
    of = default_buffer_prototype().buffer

    async def put() -> None:
        await asyncio.gather(*(store.set(key, of.from_bytes(said)) for key, said in chunks.items()))

    sync(put())


def get_chunks(store: Any, path: str, slot: int, footprint: Footprint) -> dict[str, bytes]:
    """Return the encoded chunks of one slot, by key."""
    prototype = default_buffer_prototype()
    keys = [f"{path}/values/c/{slot}/0/{r}/{c}" for r, c in np.argwhere(footprint.tiles)]
    rows, cols = (-(-n // MASK_PX) for n in footprint.grid.shape)
    keys += [f"{path}/mask/c/{slot}/{r}/{c}" for r in range(rows) for c in range(cols)]

    async def get() -> list[Any]:
        return await asyncio.gather(*(store.get(key, prototype) for key in keys))

    found = zip(keys, sync(get()), strict=True)
    return {key: said.to_bytes() for key, said in found if said is not None}


def read(store: Any, entry: SceneEntry, footprint: Footprint) -> SceneRaster:
    """Read a scene's pixels and compare their checksum.

    Raises
    ------
    IntegrityError
        The stored tiles are not the ones that were written.
    """
    if entry.scene is None:
        raise ValueError(f"{entry.item_id}: a rejected item has no pixels")
    cube = zarr.open_group(store, path=entry.cube_path, mode="r")
    try:
        values = np.asarray(_array(cube, "values")[entry.slot], dtype=np.uint16)
        mask = np.asarray(_array(cube, "mask")[entry.slot], dtype=np.uint8)
    except RuntimeError as exc:  # what blosc raises for bytes that it did not write
        raise IntegrityError(f"{entry.item_id}: stored pixels cannot be decoded: {exc}") from exc
    raster = SceneRaster(entry.scene.bands, values, mask, entry.spent_pu)
    if checksum(raster, footprint.tiles) != entry.checksum:
        raise IntegrityError(
            f"{entry.item_id}: stored pixels are not what was written to {entry.cube_path}: "
            "remove the record of this area and ingest again"
        )
    return raster


def checksum(raster: SceneRaster, tiles: npt.NDArray[np.bool_]) -> str:
    """CRC-32C over values and mask of the wanted tiles, row by row, eight hex digits."""
    crc = google_crc32c.Checksum()
    for y, x in _windows(tiles):
        crc.update(np.ascontiguousarray(raster.values[:, y, x]).tobytes())
        crc.update(np.ascontiguousarray(raster.mask[y, x]).tobytes())
    return str(crc.hexdigest(), "ascii")


def _value_chunks(
    path: str, slot: int, raster: SceneRaster, tiles: npt.NDArray[np.bool_]
) -> Iterator[tuple[str, bytes]]:
    for y, x in _windows(tiles):
        values = raster.values[:, y, x]
        if (values != NODATA).any():
            key = f"{path}/values/c/{slot}/0/{y.start // TILE_PX}/{x.start // TILE_PX}"
            yield key, _encoded(values, (len(values), TILE_PX, TILE_PX), int(NODATA))


def _mask_chunks(path: str, slot: int, mask: npt.NDArray[np.uint8]) -> dict[str, bytes]:
    chunks = {}
    for r in range(0, mask.shape[0], MASK_PX):
        for c in range(0, mask.shape[1], MASK_PX):
            part = mask[r : r + MASK_PX, c : c + MASK_PX]
            if (part != MaskClass.NODATA).any():
                key = f"{path}/mask/c/{slot}/{r // MASK_PX}/{c // MASK_PX}"
                chunks[key] = _encoded(part, (MASK_PX, MASK_PX), int(MaskClass.NODATA))
    return chunks


def _encoded(part: npt.NDArray[Any], shape: tuple[int, ...], fill: int) -> bytes:
    """Encode as zarr does: a chunk at the edge is filled up to its full shape."""
    if part.shape != shape:
        full = np.full(shape, fill, dtype=part.dtype)
        full[tuple(slice(0, n) for n in part.shape)] = part
        part = full
    return bytes(_LZ4[part.dtype].encode(np.ascontiguousarray(part)))


def _windows(tiles: npt.NDArray[np.bool_]) -> Iterator[tuple[slice, slice]]:
    for r, c in np.argwhere(tiles).tolist():
        yield slice(r * TILE_PX, (r + 1) * TILE_PX), slice(c * TILE_PX, (c + 1) * TILE_PX)


def _array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    found = group[name]
    if not isinstance(found, zarr.Array):
        raise IntegrityError(f"{group.path}/{name}: is not an array")
    return found
