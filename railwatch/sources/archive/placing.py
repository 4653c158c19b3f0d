"""Placing: a file's planes onto an area's grid, in windows that hold the wanted pieces.

A file whose pixels coincide with the grid's is copied verbatim. Any other (coarser bands, another
CRS, rotated or south-up) is resampled once: images by cubic convolution where the file is as fine
as the grid and bilinearly where it is coarser, which has no overshoot at edges it cannot resolve;
masks by nearest neighbour. Unmeasured pixels take no part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import CRSError
from rasterio.warp import reproject, transform_bounds
from rasterio.windows import Window

from railwatch.grid import PIECE_PX, TILE_PX, Grid
from railwatch.sources.archive.tiff import side_m

ALIGNED_PX = 0.01
"""Pixels coincide when corners differ by less; a resampling to mend it would only blur."""
MARGIN_PX = 4
"""Pixels read around a window that is resampled: cubic convolution reaches two."""
COARSE = 1.2
"""Ratio of the file's pixels to the grid's from which there is no detail to keep sharp."""
BAND_TILES = 8
"""Tile rows read at a time at most: bounds memory for large scenes."""


@dataclass(frozen=True, slots=True)
class Part:
    """A rectangle of the grid, pixels."""

    rows: slice
    cols: slice

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.rows.stop - self.rows.start, self.cols.stop - self.cols.start


def parts_of(pieces: npt.NDArray[np.bool_], shape: tuple[int, int]) -> Iterator[Part]:
    """Cut the tiles the wanted pieces lie in into few rectangles.

    Whole bands where most tiles are wanted, else runs: files hold squares larger than pieces, and
    reading costs by those. What is unwanted in a rectangle is read with it; who asked blanks it.
    """
    side = TILE_PX // PIECE_PX
    down = np.logical_or.reduceat(pieces, np.arange(0, len(pieces), side), axis=0)
    tiles = np.logical_or.reduceat(down, np.arange(0, pieces.shape[1], side), axis=1)
    for first in range(0, len(tiles), BAND_TILES):
        band = tiles[first : first + BAND_TILES]
        rows = np.flatnonzero(band.any(axis=1)).tolist()
        cols = np.flatnonzero(band.any(axis=0)).tolist()
        if not rows:
            continue
        box = band[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
        if 2 * np.count_nonzero(box) >= box.size:
            yield _part((first + rows[0], first + rows[-1]), (cols[0], cols[-1]), shape)
            continue
        for row in rows:
            wanted = np.flatnonzero(band[row])
            for run in np.split(wanted, np.flatnonzero(np.diff(wanted) != 1) + 1):
                yield _part((first + row, first + row), (int(run[0]), int(run[-1])), shape)


@dataclass(frozen=True)
class Placing:
    """How one file lies on one grid."""

    dataset: Any
    transform: Affine
    crs: CRS
    grid: Grid

    @cached_property
    def aligned(self) -> tuple[int, int] | None:
        """(row, column) of the file's first pixel on the grid; None unless pixels coincide."""
        t, grid = self.transform, self.grid
        if t.b or t.d or _epsg(self.crs.to_wkt()) != grid.epsg:
            return None
        drift = max(abs(t.a - grid.gsd_m), abs(t.e + grid.gsd_m)) / grid.gsd_m
        col, row = (t.c - grid.west) / grid.gsd_m, (grid.north - t.f) / grid.gsd_m
        off = max(abs(col - round(col)), abs(row - round(row)))
        if off + drift * max(self.dataset.width, self.dataset.height) > ALIGNED_PX:
            return None
        return round(row), round(col)

    def copy(self, part: Part, planes: list[int], out: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
        """Read planes of an aligned file straight into their place.

        Parameters
        ----------
        part
            Of the grid.
        planes
            From 1.
        out
            (plane, y, x) over the whole grid, of the file's number type.

        Returns
        -------
        The part of `out` that was read; None where the file does not reach it, or is not aligned.
        """
        at = self.aligned
        window = None if at is None else _overlap(part, at, self.dataset)
        if at is None or window is None:
            return None
        row, col = window.row_off + at[0], window.col_off + at[1]
        there = out[:, row : row + window.height, col : col + window.width]
        self.dataset.read(planes, window=window, out=there)
        return there

    def place(
        self,
        part: Part,
        planes: list[int],
        convert: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
        fill: int,
        *,
        nearest: bool = False,
        masked: bool = False,
    ) -> npt.NDArray[Any] | None:
        """Read planes over a part of the grid; None where the file does not reach it.

        Parameters
        ----------
        part
            Of the grid.
        planes
            From 1.
        convert
            From (plane, y, x) as in the file to (band, y, x) of integers with `fill` for
            unmeasured; runs before resampling.
        fill
            Value of pixels that are unmeasured or beyond the file.
        nearest
            For classes, which have no mean.
        masked
            Apply the mask that the file has of its own.
        """
        at = self.aligned
        window = self._window(part) if at is None else _overlap(part, at, self.dataset)
        if window is None:
            return None
        read = convert(self.dataset.read(planes, window=window))
        if masked:
            read[:, self.dataset.read_masks(planes[0], window=window) == 0] = fill
        out = np.full((len(read), *part.shape), fill, dtype=read.dtype)
        if at is not None:
            row = window.row_off + at[0] - part.rows.start
            col = window.col_off + at[1] - part.cols.start
            out[:, row : row + window.height, col : col + window.width] = read
            return out
        scale = min(1.0, side_m(self.transform, self.crs) / self.grid.gsd_m)
        for plane, source in zip(out, read, strict=True):
            reproject(
                source,
                plane,
                src_transform=self.transform @ Affine.translation(window.col_off, window.row_off),
                src_crs=self.crs,
                src_nodata=fill,
                dst_transform=self._corner(part),
                dst_crs=CRS.from_epsg(self.grid.epsg),
                dst_nodata=fill,
                resampling=Resampling.nearest if nearest else self._resampling(),
                # Exact and at a stated scale: GDAL would take both from the windows, and the result
                # would depend on how tiles are cut.
                tolerance=0.0,
                XSCALE=scale,
                YSCALE=scale,
            )
        return out

    def _corner(self, part: Part) -> Affine:
        shift = Affine.translation(part.cols.start, part.rows.start)
        return Affine(*(self.grid.transform @ shift)[:6])

    def _resampling(self) -> Resampling:
        coarse = side_m(self.transform, self.crs) > COARSE * self.grid.gsd_m
        return Resampling.bilinear if coarse else Resampling.cubic

    def _window(self, part: Part) -> Window | None:
        """Window of the file that holds a part of the grid, with a margin; None if none does."""
        side = self.grid.gsd_m
        west, north = self.grid.west, self.grid.north
        bounds = (
            west + part.cols.start * side,
            north - part.rows.stop * side,
            west + part.cols.stop * side,
            north - part.rows.start * side,
        )
        try:
            west, south, east, north = transform_bounds(
                CRS.from_epsg(self.grid.epsg), self.crs, *bounds, densify_pts=21
            )
        except CRSError:
            return None
        into = ~self.transform
        corners = [into @ (x, y) for x in (west, east) for y in (south, north)]
        cols, rows = zip(*corners, strict=True)
        if not np.isfinite([*cols, *rows]).all():
            return None
        left, right = math.floor(min(cols)) - MARGIN_PX, math.ceil(max(cols)) + MARGIN_PX
        top, bottom = math.floor(min(rows)) - MARGIN_PX, math.ceil(max(rows)) + MARGIN_PX
        return _clipped(top, bottom, left, right, self.dataset)


@lru_cache(maxsize=64)
def _epsg(wkt: str) -> int | None:
    """EPSG code of a CRS; finding one takes half a millisecond, and scenes of an area share it."""
    code: int | None = CRS.from_wkt(wkt).to_epsg()
    return code


def _overlap(part: Part, at: tuple[int, int], dataset: Any) -> Window | None:
    """Window of an aligned file that lies in a part of the grid."""
    return _clipped(
        part.rows.start - at[0],
        part.rows.stop - at[0],
        part.cols.start - at[1],
        part.cols.stop - at[1],
        dataset,
    )


def _clipped(top: int, bottom: int, left: int, right: int, dataset: Any) -> Window | None:
    top, bottom = max(top, 0), min(bottom, dataset.height)
    left, right = max(left, 0), min(right, dataset.width)
    if top >= bottom or left >= right:
        return None
    return Window(left, top, right - left, bottom - top)


def _part(rows: tuple[int, int], cols: tuple[int, int], shape: tuple[int, int]) -> Part:
    """Rectangle of the tiles between two rows and two columns, both included."""
    return Part(
        slice(rows[0] * TILE_PX, min((rows[1] + 1) * TILE_PX, shape[0])),
        slice(cols[0] * TILE_PX, min((cols[1] + 1) * TILE_PX, shape[1])),
    )
