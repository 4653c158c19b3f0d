"""The pixel grid of an area at one GSD: where the cube's pixels lie on the ground.

A grid is north-up in the area's UTM zone and snapped to whole multiples of its pixel size, so that
Sentinel-2's own pixels fall on it without resampling. It covers the sidings and a ring that
co-registration needs; only tiles that touch either are stored, and of those only the pieces that do
are read where pixels are paid for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from affine import Affine

from railwatch.siding import SidingSet

TILE_PX = 64
"""Side of a stored tile, pixels."""
PIECE_PX = 8
"""Side of the squares of a tile that are read or not, pixels; tiles are whole multiples of it."""


@dataclass(frozen=True, slots=True)
class Grid:
    """North-up pixel grid: x grows with columns, y falls with rows."""

    epsg: int
    gsd_m: float
    """Pixel side, metres."""
    west: float
    """x of the left edge of column 0, metres."""
    north: float
    """y of the upper edge of row 0, metres."""
    shape: tuple[int, int]
    """(rows, columns)."""

    @property
    def crs(self) -> pyproj.CRS:
        """The grid's coordinate reference system."""
        return pyproj.CRS.from_epsg(self.epsg)

    @property
    def transform(self) -> Affine:
        """From (column, row) of pixel corners to (x, y)."""
        return Affine(self.gsd_m, 0.0, self.west, 0.0, -self.gsd_m, self.north)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north), metres."""
        rows, cols = self.shape
        return (
            self.west,
            self.north - rows * self.gsd_m,
            self.west + cols * self.gsd_m,
            self.north,
        )

    def x(self) -> npt.NDArray[np.float64]:
        """Pixel centres, (x,) metres."""
        return self.west + (np.arange(self.shape[1], dtype=np.float64) + 0.5) * self.gsd_m

    def y(self) -> npt.NDArray[np.float64]:
        """Pixel centres, (y,) metres, falling."""
        return self.north - (np.arange(self.shape[0], dtype=np.float64) + 0.5) * self.gsd_m

    def pixel(
        self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """(row, column) of ground points, as floats where 0.0 is the centre of the first pixel."""
        return (self.north - y) / self.gsd_m - 0.5, (x - self.west) / self.gsd_m - 0.5


def grid_for(sidings: SidingSet, gsd_m: float, ring_m: float) -> Grid:
    """Build the grid that covers the sidings and `ring_m` metres around them.

    Edges are whole multiples of `TILE_PX` pixels of `gsd_m`, so grids of one GSD share tile edges.
    """
    lines = [siding.projected(sidings.utm) for siding in sidings]
    low = np.min([line.min(axis=0) for line in lines], axis=0) - ring_m
    high = np.max([line.max(axis=0) for line in lines], axis=0) + ring_m
    step = TILE_PX * gsd_m
    west, south = (math.floor(v / step) * step for v in low)
    east, north = (math.ceil(v / step) * step for v in high)
    shape = (round((north - south) / gsd_m), round((east - west) / gsd_m))
    return Grid(sidings.utm.to_epsg() or 0, gsd_m, west, north, shape)


def tiles_touching(
    grid: Grid, sidings: SidingSet, margin_m: float, side_px: int = TILE_PX
) -> npt.NDArray[np.bool_]:
    """Which squares of `side_px` come within `margin_m` of a siding: (row, column) bool."""
    rows, cols = (-(-n // side_px) for n in grid.shape)
    corridor = shapely.union_all(
        [shapely.LineString(s.projected(grid.crs)).buffer(margin_m) for s in sidings]
    )
    shapely.prepare(corridor)
    step = side_px * grid.gsd_m
    west = grid.west + np.arange(cols) * step
    north = grid.north - np.arange(rows) * step
    boxes = shapely.box(west[None, :], north[:, None] - step, west[None, :] + step, north[:, None])
    return np.asarray(shapely.intersects(corridor, boxes), dtype=np.bool_)
