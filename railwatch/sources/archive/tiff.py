"""GeoTIFF files of an archive, opened so that no file can do harm.

GDAL chooses a driver by content and some drivers fetch URLs, so only its GTiff driver may open a
file, only as a file of the store, and without the files beside it. What a file claims of its size
is checked before any memory is asked for, and only windows are read. Files in a bucket are read by
ranges through the worker; GDAL never learns a URL. This module is imported by the decoder alone.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags

from railwatch.decoder import Files
from railwatch.decoder.damaged import DAMAGED
from railwatch.errors import SceneError
from railwatch.scene import Rejection
from railwatch.store import FolderStore

MAX_SIDE = 500_000
"""Pixels; a Sentinel-2 tile has 10,980, a long strip at 0.3 m 300,000."""
MAX_BLOCK_BYTES = 256 << 20
"""GDAL decodes whole blocks; a file that wants more for one is refused."""
MAX_PLANES = 64
METRES_A_DEGREE = 111_320.0
"""Of latitude, and of longitude on the equator."""

_OPTIONS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no .aux.xml, .ovr or .msk from beside the file
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_CACHEMAX": 64 << 20,
    "GDAL_NUM_THREADS": "1",  # scenes are spread over workers, not over threads
    "CPL_LOG_ERRORS": "OFF",
}


@contextlib.contextmanager
def opened(files: Files, key: str, scene_id: str) -> Iterator[Any]:
    """Open a file of the archive as a rasterio dataset.

    Raises
    ------
    SceneError
        It is missing, no GeoTIFF, damaged, or claims a size nothing here has.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(rasterio.Env(**_OPTIONS))
            if isinstance(files, FolderStore):
                path = files.file(key)
                if not path.is_file():
                    raise _missing(scene_id, key)
                dataset = stack.enter_context(rasterio.open(path, driver="GTiff"))
            else:
                opener = functools.partial(_open_ranges, files, files.size(key))
                dataset = stack.enter_context(rasterio.open(key, driver="GTiff", opener=opener))
            _check(dataset, scene_id, key)
            yield dataset
        except KeyError:
            raise _missing(scene_id, key) from None
        except DAMAGED as exc:
            raise SceneError(
                scene_id, Rejection.ASSET_UNREADABLE, f"{key}: cannot be read: {_reason(exc)}"
            ) from exc


def side_m(transform: Affine, crs: CRS | None) -> float:
    """Side of a file's pixels, metres: of one that has no map coordinates, as if they were."""
    side = math.sqrt(abs(transform.determinant))
    return side * METRES_A_DEGREE if crs is not None and crs.is_geographic else side


def alpha_plane(dataset: Any) -> int | None:
    """Return the plane that says where the others hold data; None where there is none."""
    found = [
        i
        for i, c in zip(dataset.indexes, dataset.colorinterp, strict=True)
        if c is ColorInterp.alpha
    ]
    return found[0] if found else None


def has_mask(dataset: Any) -> bool:
    """Whether the file has a mask of its own for all planes, apart from an alpha plane."""
    flags = dataset.mask_flag_enums[0]
    return MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags


COLOURLESS = {ColorInterp.gray, ColorInterp.undefined, ColorInterp.palette}


def _check(dataset: Any, scene_id: str, key: str) -> None:
    """Hold what the file claims against what is sane."""

    def refused(problem: str) -> SceneError:
        return SceneError(scene_id, Rejection.ASSET_UNREADABLE, f"{key}: {problem}")

    if max(dataset.width, dataset.height) > MAX_SIDE:
        raise refused(
            f"claims {dataset.width} x {dataset.height} pixels, more than {MAX_SIDE} a side"
        )
    if dataset.count > MAX_PLANES:
        raise refused(f"claims {dataset.count} planes, more than {MAX_PLANES}")
    kinds = {np.dtype(dtype).kind for dtype in dataset.dtypes if not dtype.startswith("complex_")}
    if not kinds or not kinds <= set("uif"):
        raise refused(f"holds {dataset.dtypes[0]}, not real numbers")
    planes = (
        dataset.count
        if dataset.interleaving is not None and dataset.interleaving.name == "pixel"
        else 1
    )
    for (rows, cols), dtype in zip(dataset.block_shapes, dataset.dtypes, strict=True):
        if rows * cols * np.dtype(dtype).itemsize * planes > MAX_BLOCK_BYTES:
            raise refused(f"claims blocks of {cols} x {rows} pixels: tile it, 512 x 512 is usual")


def _missing(scene_id: str, key: str) -> SceneError:
    return SceneError(scene_id, Rejection.ASSET_MISSING, f"{key}: is not in the archive")


def _reason(exc: Exception) -> str:
    """First line of the innermost cause that says something, e.g. which tile is cut short."""
    while exc.__cause__ is not None and isinstance(exc.__cause__, Exception):
        exc = exc.__cause__
    return " ".join(str(exc).split())[:200]


def _open_ranges(files: Files, size: int, key: str, mode: str = "rb") -> _Ranges:
    """Open an object as GDAL asks for it; rasterio may open it more than once."""
    if "w" in mode or "a" in mode or "+" in mode:
        raise PermissionError(key)
    return _Ranges(files, key, size)


class _Ranges(io.RawIOBase):
    """An object of a store as a seekable file, read in blocks that are kept for a while."""

    BLOCK = 256 << 10
    KEPT = 64

    def __init__(self, files: Files, key: str, size: int) -> None:
        super().__init__()
        self._files, self._key, self._size = files, key, size
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size if size is None or size < 0 else min(self._size, self._at + size)
        parts = []
        while self._at < end:
            number, start = divmod(self._at, self.BLOCK)
            part = self._block(number)[start : start + end - self._at]
            if not part:
                break
            parts.append(part)
            self._at += len(part)
        return b"".join(parts)

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        start = number * self.BLOCK
        block = self._files.get_range(self._key, start, min(self.BLOCK, self._size - start))
        self._blocks[number] = block
        if len(self._blocks) > self.KEPT:
            self._blocks.popitem(last=False)
        return block
