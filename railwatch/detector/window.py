"""Which pixels of a scene the detector needs: the sidings, and a ring to register on.

Single cars are snapped to the rails themselves, so sharp scenes need no ring beyond their own
geolocation error; blurred ones are registered on the land around (method.md 2.3 step 2).
"""

from __future__ import annotations

from collections.abc import Collection

from railwatch.count import ResolutionClass
from railwatch.detector.resolution import resolution_class
from railwatch.grid import grid_for, tiles_touching
from railwatch.record.footprint import Footprint
from railwatch.siding import SidingSet

RING_M: dict[ResolutionClass, float] = {
    ResolutionClass.A: 25.0,
    ResolutionClass.B: 300.0,
    ResolutionClass.C: 640.0,
    ResolutionClass.D: 100.0,
}
"""Metres around the sidings. 25 m holds the geolocation error of VHR (10-15 m, method.md 3.4);
640 m is 64 pixels at 10 m, enough windows for a shift good to hundredths of a pixel."""


def footprint_for(sidings: SidingSet, gsd_m: float, bands: Collection[str]) -> Footprint:
    """Tiles of an area's grid to fetch for a sensor of `gsd_m`.

    Raises
    ------
    ValueError
        No sensor of that GSD says anything about railcars.
    """
    level = resolution_class(gsd_m, bands)
    if level is None:
        raise ValueError(f"nothing can be counted at {gsd_m:g} m")
    grid = grid_for(sidings, gsd_m, RING_M[level])
    return Footprint(grid, tiles_touching(grid, sidings, RING_M[level]))
