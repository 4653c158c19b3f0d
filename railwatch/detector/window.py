"""Which pixels of a scene the detector needs: the sidings, and land to register on.

Single cars are snapped to the rails themselves, so sharp scenes need no ring beyond their own
geolocation error; blurred ones are registered on the land around (method.md 2.3 step 2).

At 10 m pixels are paid for, and a ring that is wide enough for a short siding is far too wide for a
long one, which has land enough at its feet (docs/decisions/0180). So the ring is as wide as it has
to be to hold `LAND_PX`, and what the cheapest requests over it bring along is kept: the footprint
is those rectangles, whoever reads it.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from railwatch.count import ResolutionClass
from railwatch.detector.resolution import resolution_class
from railwatch.grid import PIECE_PX, TILE_PX, Grid, grid_for, tiles_touching
from railwatch.record.footprint import Footprint
from railwatch.rectangle import Rectangle, cheapest_cover
from railwatch.siding import SidingSet

RING_M: dict[ResolutionClass, float] = {
    ResolutionClass.A: 25.0,
    ResolutionClass.B: 300.0,
    ResolutionClass.C: 640.0,
    ResolutionClass.D: 100.0,
}
"""Metres around the sidings, in class C at most. 25 m holds the geolocation error of VHR (10-15 m,
method.md 3.4); 640 m is 64 pixels at 10 m, enough for the shortest siding."""

RINGS_M = (120.0, 150.0, 190.0, 240.0, 300.0, 380.0, 480.0, RING_M[ResolutionClass.C])
"""Rings tried in class C, the narrowest first. 120 m hold a train's blur, the land beside it and
any cloud whose margin of 50 m reaches the track."""
LAND_PX = 45_000
"""Pixels that are enough to register on: 44 windows of 32 x 32."""


def footprint_for(sidings: SidingSet, gsd_m: float, bands: Collection[str]) -> Footprint:
    """Ground to fetch around an area's sidings for a sensor of `gsd_m`.

    Raises
    ------
    ValueError
        No sensor of that GSD says anything about railcars.
    """
    level = resolution_class(gsd_m, bands)
    if level is None:
        raise ValueError(f"nothing can be counted at {gsd_m:g} m")
    grid = grid_for(sidings, gsd_m, RING_M[level])
    if level is not ResolutionClass.C:
        return Footprint(grid, tiles_touching(grid, sidings, RING_M[level]))
    cover: tuple[Rectangle, ...] = ()
    for ring_m in RINGS_M:
        cover = cheapest_cover(grid, tiles_touching(grid, sidings, ring_m, PIECE_PX), _units)
        if sum(one.rows * one.columns for one in cover) >= LAND_PX:
            break
    return _trimmed(grid, cover)


def _units(width: int, height: int) -> float:
    """Price of a request of Sentinel-2 L2A: five bands and two quality layers."""
    return width * height / 512**2 * 7 / 3


def _trimmed(grid: Grid, cover: tuple[Rectangle, ...]) -> Footprint:
    """Make the footprint of some rectangles, on no more tiles than they lie in."""
    rows, cols = (-(-n // PIECE_PX) for n in grid.shape)
    pieces = np.zeros((rows, cols), dtype=np.bool_)
    for one in cover:
        within = (slice(s.start // PIECE_PX, s.stop // PIECE_PX) for s in one.window)
        pieces[tuple(within)] = True
    top, bottom = _tiles_spanned(pieces.any(axis=1))
    left, right = _tiles_spanned(pieces.any(axis=0))
    side = TILE_PX // PIECE_PX
    around = Grid(
        grid.epsg,
        grid.gsd_m,
        grid.west + left * TILE_PX * grid.gsd_m,
        grid.north - top * TILE_PX * grid.gsd_m,
        ((bottom - top) * TILE_PX, (right - left) * TILE_PX),
    )
    inside = pieces[top * side : bottom * side, left * side : right * side]
    return Footprint.of_pieces(around, np.ascontiguousarray(inside))


def _tiles_spanned(wanted: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """First tile and the one after the last, of a line of pieces."""
    there = np.flatnonzero(wanted)
    side = TILE_PX // PIECE_PX
    return int(there[0]) // side, int(there[-1]) // side + 1
