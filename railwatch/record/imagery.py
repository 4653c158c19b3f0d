"""The cubes: pixels of scenes by slot, in tiles of all bands.

    cubes/{cube key}                        attributes: footprint in use
    cubes/{cube key}/{footprint}            attributes: the footprint itself
    cubes/{cube key}/{footprint}/{bands}
        values  (slot, band, y, x) uint16   chunks (1, all, 64, 64) in shards (1, all, 256, 256),
                                            fill 65535
        mask    (slot, y, x) uint8          chunks (1, 256, 256), fill nodata

A slot holds one scene, once. Tiles that are not wanted or hold no data are never written. Shards
are read whole: what detectors and publications ask for is nearly always all of a scene.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import google_crc32c
import numpy as np
import numpy.typing as npt
import zarr

from railwatch.errors import IntegrityError
from railwatch.grid import TILE_PX
from railwatch.record import chunk
from railwatch.record.entry import SceneEntry, cube_path, key_path
from railwatch.record.footprint import Footprint
from railwatch.record.repository import SLOTS
from railwatch.scene import NODATA, MaskClass, SceneRaster

SHARD_TILES = 4
"""Tiles along a side of a shard; blocks of a large scene begin at multiples of it."""
SHARD_PX = MASK_PX = SHARD_TILES * TILE_PX
IN_SHARD = SHARD_TILES**2

Corner = tuple[int, int]
"""Tile row and column; of a block of a large scene, multiples of four."""
Window = tuple[slice, slice]
"""Rows and columns, without steps."""
_Place = tuple[int, Window, Window]
"""Position of a slot, where a square lies in the window, and which part of it does."""


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
    cube.create_array(
        "values",
        shape=(SLOTS, len(bands), rows, cols),
        chunks=(1, len(bands), TILE_PX, TILE_PX),
        shards=(1, len(bands), SHARD_PX, SHARD_PX),
        dtype=np.uint16,
        fill_value=int(NODATA),
        compressors=chunk.codecs(np.uint16),
        dimension_names=("slot", "band", "y", "x"),
    )
    cube.create_array(
        "mask",
        shape=(SLOTS, rows, cols),
        chunks=(1, MASK_PX, MASK_PX),
        dtype=np.uint8,
        fill_value=int(MaskClass.NODATA),
        compressors=chunk.codecs(np.uint8),
        dimension_names=("slot", "y", "x"),
    )
    return True


def footprints_in_use(store: Any) -> dict[str, str]:
    """Digest of the footprint in use, by cube key."""
    cubes = {f"cubes/{name}": name for name in chunk.below(store, "cubes") if name != "zarr.json"}
    return {
        cubes[path].replace("%2F", "/"): str(said["footprint"])
        for path, said in chunk.attributes(store, [*cubes]).items()
        if "footprint" in said  # a cube that is made has none before its first commit
    }


def use_footprint(store: Any, cube_key: str, digest: str) -> None:
    """Make one footprint of a cube key the one in use."""
    zarr.open_group(store, path=key_path(cube_key), mode="a").attrs["footprint"] = digest


def footprint(store: Any, cube_key: str, digest: str) -> Footprint:
    """Read back a footprint of the record."""
    path = f"{key_path(cube_key)}/{digest}"
    said = chunk.attributes(store, [path])[path]["footprint"]
    if not isinstance(said, dict):
        raise IntegrityError(f"{path}: footprint is not an object")
    return Footprint.from_json(said)


def encoded(
    place: tuple[str, int],
    raster: SceneRaster,
    tiles: npt.NDArray[np.bool_],
    corner: Corner = (0, 0),
    before: int = 0,
) -> tuple[dict[str, bytes], int]:
    """Encode wanted tiles that hold data, and the mask where one of them is.

    Parameters
    ----------
    place
        Cube path and slot.
    raster
        The scene, or a block of it.
    tiles
        Wanted tiles of the raster.
    corner
        Tile row and column of the cube where the raster begins.
    before
        Checksum of the blocks before this one.

    Returns
    -------
    chunks
        Shards of the values and chunks of the mask, by key.
    checksum
        As `checksum` gives it.
    """
    path, slot = place
    shards: dict[str, dict[int, bytes]] = {}
    crc = before
    for y, x in _windows(tiles):
        part = np.ascontiguousarray(raster.values[:, y, x])
        crc = _extended(crc, part, raster.mask[y, x])
        if (part != NODATA).any():
            row, col = corner[0] + y.start // TILE_PX, corner[1] + x.start // TILE_PX
            (down, inner_row), (right, inner_col) = (
                divmod(row, SHARD_TILES),
                divmod(col, SHARD_TILES),
            )
            held = shards.setdefault(f"{path}/values/c/{slot}/0/{down}/{right}", {})
            held[inner_row * SHARD_TILES + inner_col] = chunk.encoded(
                part, (len(part), TILE_PX, TILE_PX), int(NODATA)
            )
    chunks = {key: chunk.shard(held, IN_SHARD) for key, held in shards.items()}
    if chunks:
        chunks |= _mask_chunks(place, raster.mask, corner)
    return chunks, crc


def move(source: Any, target: Any, path: str, slots: tuple[int, int], footprint: Footprint) -> None:
    """Copy one slot's chunks as they are to another slot of another session."""
    old, new = slots
    rows, cols = (-(-n // SHARD_PX) for n in footprint.grid.shape)
    places = [f"{r}/{c}" for r in range(rows) for c in range(cols)]
    keys = [f"{path}/values/c/{old}/0/{place}" for place in places]
    keys += [f"{path}/mask/c/{old}/{place}" for place in places]
    for key, said in chunk.get(source, keys):
        array, place = key.rsplit("/c/", 1)
        chunk.put(target, {f"{array}/c/{new}/{place.split('/', 1)[1]}": said})


def read(store: Any, entry: SceneEntry, footprint: Footprint) -> SceneRaster:
    """Read a scene's pixels and compare their checksum.

    Raises
    ------
    IntegrityError
        The stored tiles are not the ones that were written.
    """
    if entry.scene is None:
        raise ValueError(f"{entry.item_id}: a rejected item has no pixels")
    everything = slice(0, footprint.grid.shape[0]), slice(0, footprint.grid.shape[1])
    bands = len(entry.scene.bands)
    try:
        values = read_values(store, entry.cube_path, [entry.slot], bands, everything)[0]
        mask = read_mask(store, entry.cube_path, [entry.slot], everything)[0]
    except IntegrityError as exc:
        raise _damaged(entry, str(exc)) from exc
    raster = SceneRaster(entry.scene.bands, values, mask, entry.spent_pu)
    if f"{checksum(raster, footprint.tiles):08x}" != entry.checksum:
        raise _damaged(entry, entry.cube_path)
    return raster


def _damaged(entry: SceneEntry, where: str) -> IntegrityError:
    return IntegrityError(
        f"{entry.item_id}: stored pixels are not what was written ({where}): "
        "`railwatch verify --repair` leaves the scene out, and the next run fetches it again"
    )


def read_values(
    store: Any, path: str, slots: Sequence[int], bands: int, window: Window
) -> npt.NDArray[np.uint16]:
    """Read (slot, band, y, x) uint16 of the slots given, in a window of rows and columns."""
    height, width = (part.stop - part.start for part in window)
    out = np.full((len(slots), bands, height, width), NODATA, dtype=np.uint16)
    wanted: dict[str, dict[int, _Place]] = {}
    for i, slot in enumerate(slots):
        for (row, col), inside, outside in _places(window, TILE_PX):
            (down, inner_row), (right, inner_col) = (
                divmod(row, SHARD_TILES),
                divmod(col, SHARD_TILES),
            )
            held = wanted.setdefault(f"{path}/values/c/{slot}/0/{down}/{right}", {})
            held[inner_row * SHARD_TILES + inner_col] = i, inside, outside
    for key, said in chunk.get(store, wanted):
        held = wanted[key]
        for number, tile in chunk.in_shard(said, IN_SHARD, key).items():
            if number in held:
                i, inside, outside = held[number]
                pixels = chunk.decoded(tile, (bands, TILE_PX, TILE_PX), np.uint16, key)
                out[i, :, *inside] = pixels[:, *outside]
    return out


def read_mask(store: Any, path: str, slots: Sequence[int], window: Window) -> npt.NDArray[np.uint8]:
    """Read (slot, y, x) uint8 of the slots given, in a window of rows and columns."""
    height, width = (part.stop - part.start for part in window)
    out = np.full((len(slots), height, width), MaskClass.NODATA, dtype=np.uint8)
    where = {
        f"{path}/mask/c/{slot}/{row}/{col}": (i, inside, outside)
        for i, slot in enumerate(slots)
        for (row, col), inside, outside in _places(window, MASK_PX)
    }
    for key, said in chunk.get(store, where):
        i, inside, outside = where[key]
        out[i, *inside] = chunk.decoded(said, (MASK_PX, MASK_PX), np.uint8, key)[outside]
    return out


def checksum(raster: SceneRaster, tiles: npt.NDArray[np.bool_], before: int = 0) -> int:
    """CRC-32C over values and mask of the wanted tiles, row by row, going on from `before`."""
    crc = before
    for y, x in _windows(tiles):
        crc = _extended(crc, raster.values[:, y, x], raster.mask[y, x])
    return crc


def _extended(crc: int, values: npt.NDArray[np.uint16], mask: npt.NDArray[np.uint8]) -> int:
    crc = google_crc32c.extend(crc, values.tobytes())
    return int(google_crc32c.extend(crc, mask.tobytes()))


def _mask_chunks(
    place: tuple[str, int], mask: npt.NDArray[np.uint8], corner: Corner
) -> dict[str, bytes]:
    path, slot = place
    chunks = {}
    for r in range(0, mask.shape[0], MASK_PX):
        for c in range(0, mask.shape[1], MASK_PX):
            part = mask[r : r + MASK_PX, c : c + MASK_PX]
            if (part != MaskClass.NODATA).any():
                row = (corner[0] * TILE_PX + r) // MASK_PX
                col = (corner[1] * TILE_PX + c) // MASK_PX
                key = f"{path}/mask/c/{slot}/{row}/{col}"
                chunks[key] = chunk.encoded(part, (MASK_PX, MASK_PX), int(MaskClass.NODATA))
    return chunks


def _windows(tiles: npt.NDArray[np.bool_]) -> Iterator[tuple[slice, slice]]:
    for r, c in np.argwhere(tiles).tolist():
        yield slice(r * TILE_PX, (r + 1) * TILE_PX), slice(c * TILE_PX, (c + 1) * TILE_PX)


def _places(window: Window, side: int) -> Iterator[tuple[Corner, Window, Window]]:
    """For each square of `side` pixels in a window: its row and column, its place, the part."""

    def overlaps(part: slice) -> Iterator[tuple[int, slice, slice]]:
        for n in range(part.start // side, -(-part.stop // side)):
            low, high = max(part.start, n * side), min(part.stop, (n + 1) * side)
            yield (
                n,
                slice(low - part.start, high - part.start),
                slice(low - n * side, high - n * side),
            )

    for row, y_in, y_out in overlaps(window[0]):
        for col, x_in, x_out in overlaps(window[1]):
            yield (row, col), (y_in, x_in), (y_out, x_out)
