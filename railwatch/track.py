"""A track: a siding's centreline on the ground, and the way between ground and track coordinates.

Chainage runs along the line exactly as it was digitised, so positions agree with what the operator
drew and hid. Directions across it are smoothed: at each chainage the cross-line stands square to
the chord that spans `SMOOTHING_M` to either side. That turns the corner of a digitised line into a
turn over twice that length, so that strips sampled beside it neither tear outside nor overlap
inside. It is not a map projection: lengths are UTM metres, within 0.1 % of true ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from railwatch.siding import Siding

Floats = npt.NDArray[np.float64]

SMOOTHING_M = 15.0
"""Half the chord a cross-line is square to, metres.

A corner of 0.1 rad then acts as a curve of 300 m radius, near the sharpest a main-line car runs.
"""

TOLERANCE_M = 1e-3
"""`back` of `xy` gives the chainage and offset again within this, metres."""

_ROUNDS = 60


@dataclass(frozen=True, slots=True)
class ChainageOffset:
    """Positions in track coordinates: metres along, metres across."""

    chainage: Floats
    """(...) float64, metres from the line's first point; beyond its ends the line runs straight."""
    offset: Floats
    """(...) float64, metres, positive to the left of the direction of travel."""


@dataclass(frozen=True, eq=False)
class Track:
    """A centreline in projected metres with cumulative chainage."""

    id: str
    points: Floats
    """(point, xy) float64, metres, no point repeated."""

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape[0] < 2 or self.points.shape[1] != 2:
            raise ValueError(f"{self.id}: points must be (two or more, 2), got {self.points.shape}")
        if not np.all(np.hypot(*np.diff(self.points, axis=0).T) > 0):
            raise ValueError(f"{self.id}: a point repeats the one before it")

    @classmethod
    def of(cls, siding: Siding, crs: pyproj.CRS) -> Track:
        """Project a siding's centreline."""
        return cls(siding.id, siding.projected(crs))

    @cached_property
    def chainage(self) -> Floats:
        """(point,) float64, metres from the first point to each."""
        steps = np.hypot(*np.diff(self.points, axis=0).T)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def length_m(self) -> float:
        """Length of the centreline, metres."""
        return float(self.chainage[-1])

    @cached_property
    def line(self) -> shapely.LineString:
        """The centreline as a geometry."""
        return shapely.LineString(self.points)

    @cached_property
    def _directions(self) -> Floats:
        """(segment, xy) float64, unit vectors."""
        return np.asarray(np.diff(self.points, axis=0) / np.diff(self.chainage)[:, None])

    def _segment(self, chainage: Floats) -> npt.NDArray[np.intp]:
        """Segment each chainage lies on; the end ones reach on for ever."""
        inner = self.chainage[1:-1]
        return np.searchsorted(inner, chainage, side="right")

    def _centre(self, chainage: Floats) -> Floats:
        """(..., xy) float64, points of the centreline."""
        at = self._segment(chainage)
        along = chainage - self.chainage[at]
        return np.asarray(self.points[at] + along[..., None] * self._directions[at])

    def _chord(self, chainage: Floats) -> Floats:
        """(..., xy) float64, from `SMOOTHING_M` behind to as much ahead."""
        return self._centre(chainage + SMOOTHING_M) - self._centre(chainage - SMOOTHING_M)

    def direction(self, chainage: npt.ArrayLike) -> Floats:
        """Point the way of travel at each chainage: (..., xy) float64 unit vectors, smoothed."""
        chord = self._chord(np.asarray(chainage, dtype=np.float64))
        return np.asarray(chord / np.hypot(chord[..., 0], chord[..., 1])[..., None])

    def xy(self, chainage: npt.ArrayLike, offset: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Put track coordinates on the ground.

        Parameters
        ----------
        chainage, offset
            (...) metres, broadcast against each other; offset is positive to the left.

        Returns
        -------
        x, y
            (...) float64, projected metres.
        """
        s, d = np.broadcast_arrays(
            np.asarray(chainage, dtype=np.float64), np.asarray(offset, dtype=np.float64)
        )
        centre = self._centre(s)
        ahead = self.direction(s)
        return centre[..., 0] - d * ahead[..., 1], centre[..., 1] + d * ahead[..., 0]

    def back(self, x: npt.ArrayLike, y: npt.ArrayLike) -> ChainageOffset:
        """Find track coordinates of ground positions, the inverse of `xy` within `TOLERANCE_M`.

        It is one while the offset is smaller than the radius of the curve, on whose inner side
        cross-lines meet. Found by Newton's rule on the along-track distance, held in a bracket
        that halves where the rule leaves it.

        Parameters
        ----------
        x, y
            (...) projected metres.
        """
        x, y = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        ground = np.column_stack([x.ravel(), y.ravel()])
        s = self._nearest(ground)
        reach = np.hypot(*(ground - self._centre(s)).T) + 2 * SMOOTHING_M
        low, high = s - reach, s + reach
        for _ in range(_ROUNDS):
            along, slope = self._along(ground, s)
            low = np.where(along > 0, s, low)
            high = np.where(along < 0, s, high)
            with np.errstate(divide="ignore", invalid="ignore"):
                after = s - along / slope
            inside = (after > low) & (after < high)
            after = np.where(inside, after, 0.5 * (low + high))
            after = np.where(along == 0, s, after)
            moved = float(np.max(np.abs(after - s), initial=0.0))
            s = after
            if moved < TOLERANCE_M / 1000:
                break
        ahead = self.direction(s)
        off = ground - self._centre(s)
        offset = ahead[:, 0] * off[:, 1] - ahead[:, 1] * off[:, 0]
        return ChainageOffset(s.reshape(x.shape), offset.reshape(x.shape))

    def _nearest(self, ground: Floats) -> Floats:
        """Chainage of the nearest centreline point, straight on beyond the ends."""
        s = shapely.line_locate_point(self.line, shapely.points(ground))
        before = (ground - self.points[0]) @ self._directions[0]
        beyond = (ground - self.points[-1]) @ self._directions[-1] + self.length_m
        s = np.where((s <= 0) & (before < 0), before, s)
        return np.where((s >= self.length_m) & (beyond > self.length_m), beyond, s)

    def _along(self, ground: Floats, s: Floats) -> tuple[Floats, Floats]:
        """How far each ground point lies ahead of the cross-line at `s`, and its slope by `s`."""
        chord = self._chord(s)
        size = np.hypot(chord[:, 0], chord[:, 1])[:, None]
        ahead = chord / size
        turn = (
            self._directions[self._segment(s + SMOOTHING_M)]
            - self._directions[self._segment(s - SMOOTHING_M)]
        ) / size
        turn -= np.sum(turn * ahead, axis=1)[:, None] * ahead
        off = ground - self._centre(s)
        slope = np.sum(off * turn, axis=1) - np.sum(
            self._directions[self._segment(s)] * ahead, axis=1
        )
        return np.sum(off * ahead, axis=1), slope

    def samples(self, step_m: float) -> Floats:
        """Space chainages evenly from end to end, at most `step_m` apart: (k,) float64."""
        return np.linspace(0.0, self.length_m, max(2, int(np.ceil(self.length_m / step_m)) + 1))
