"""One siding as a class A scene sees it: its cells along the track, and the pixels around them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from railwatch.count import Refusal
from railwatch.detector.segmented_strip import STEP_M, sample
from railwatch.grid import Grid
from railwatch.scene import NODATA, MaskClass, SceneRaster
from railwatch.siding import Siding
from railwatch.stretch import Stretches, existing_stretches, visible_stretches
from railwatch.track import Track

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Cells = npt.NDArray[np.intp]

BEYOND_M = 30.0
"""What is looked at beyond a siding's ends, to see where its track ends and whole cars, metres."""
LEAST_CLEAR = 0.5
"""Share of a siding's visible length that must be clear, else it is refused."""
_UNUSABLE = (MaskClass.NODATA, MaskClass.CLOUD)
_TRACK_BED_M = 2.0
"""Half the width that must be measured to know what stands on a cell, metres."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A scene's pixels and which of them can be used."""

    raster: SceneRaster
    unusable: Bools
    """(y, x) bool: no data in any band, or cloud."""
    grid: Grid

    @classmethod
    def of(cls, raster: SceneRaster, grid: Grid) -> Picture:
        """Mark what cannot be used."""
        unusable = (raster.values == NODATA).any(axis=0) | np.isin(raster.mask, _UNUSABLE)
        return cls(raster, unusable, grid)


@dataclass(frozen=True, slots=True)
class Sight:
    """One siding, cell by cell."""

    siding: Siding
    track: Track
    total_m: float
    """Metres where cars may stand on the scene's day."""
    visible_m: float
    """Of these, metres no roof hides."""
    chainage_m: Array
    """(cell,) float64, centres, from `BEYOND_M` before the track to as much after it."""
    counted: Bools
    """(cell,) bool: a car whose middle is here counts."""
    roofed: Bools
    """(cell,) bool: a roof is known to hide it."""

    @classmethod
    def of(cls, siding: Siding, grid: Grid, usable: Stretches | None, day: dt.date) -> Sight:
        """Lay cells along a siding; cars count in `usable`, or anywhere on it."""
        track = Track.of(siding, grid.crs)
        chainage = np.arange(-BEYOND_M + STEP_M / 2, track.length_m + BEYOND_M, STEP_M)
        return _laid(siding, track, usable, day, chainage)

    def positions(
        self, offset_m: Array, shift: Array, cells: Cells | None = None
    ) -> tuple[Array, Array]:
        """Where cells lie in the scene: x and y of (..., cell) offsets under the scene's shift."""
        chainage = self.chainage_m if cells is None else self.chainage_m[cells]
        # One direction a cell for all its offsets: `Track.xy` would find it for each.
        x, y = self.track.xy(chainage, 0.0)
        ahead = self.track.direction(chainage)
        return x + shift[0] - offset_m * ahead[:, 1], y + shift[1] + offset_m * ahead[:, 0]

    def strip(
        self,
        picture: Picture,
        middle_m: Array,
        offsets_m: Array,
        shift: Array,
        cells: Cells | None = None,
    ) -> npt.NDArray[np.float32]:
        """Sample raw (band, offset, cell) float32 at `offsets_m` to the left of `middle_m`.

        `cells` chooses some, in any order; None: all.
        """
        across = offsets_m[:, None] + middle_m[None]
        row, col = picture.grid.pixel(*self.positions(across, shift, cells))
        return sample(picture.raster.values, picture.unusable, row, col)

    def clear(self, strip: npt.NDArray[np.float32], cells: Cells | None = None) -> Bools:
        """(cell,) bool: the track bed is measured and under no roof; `strip` lies on the track."""
        middle, half = strip.shape[1] // 2, round(_TRACK_BED_M / STEP_M)
        bed = strip[0, middle - half : middle + half + 1]
        roofed = self.roofed if cells is None else self.roofed[cells]
        return np.asarray(np.isfinite(bed).all(axis=0) & ~roofed, dtype=np.bool_)

    def moved(self, along_m: float, usable: Stretches | None, day: dt.date) -> Sight:
        """Say that the scene shows everything `along_m` further along than was thought."""
        return _laid(self.siding, self.track, usable, day, self.chainage_m - along_m)

    def refusal(self, picture: Picture, clear_fraction: float) -> Refusal | None:
        """Say why nothing can be counted here, None where it can."""
        if not self.counted.any():
            return Refusal.INVISIBLE
        if clear_fraction >= LEAST_CLEAR:
            return None
        still = np.zeros(2)
        row, col = picture.grid.pixel(*self.positions(np.zeros(len(self.chainage_m)), still))
        rows, cols = picture.grid.shape
        row = np.clip(np.round(row), 0, rows - 1).astype(np.int64)
        col = np.clip(np.round(col), 0, cols - 1).astype(np.int64)
        clouded = picture.raster.mask[row, col][self.counted] == MaskClass.CLOUD
        return Refusal.CLOUD if clouded.mean() > (1 - LEAST_CLEAR) / 2 else Refusal.NODATA


def _laid(
    siding: Siding, track: Track, usable: Stretches | None, day: dt.date, chainage_m: Array
) -> Sight:
    """Say what counts of cells at these chainages."""
    usable = usable or Stretches(((0.0, track.length_m),))
    exists, seen = (f(siding, usable, day) for f in (existing_stretches, visible_stretches))
    return Sight(
        siding,
        track,
        exists.length_m,
        seen.length_m,
        chainage_m,
        seen.contains(chainage_m),
        exists.minus(seen).contains(chainage_m),
    )
