"""What class A says of a scene: single cars, how many there may be, and what was not looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from railwatch.count import QUANTILE_LEVELS, Car, Refusal
from railwatch.detection import Occupancy, Registration
from railwatch.detector.segmented_path import Draws
from railwatch.detector.segmented_sight import Sight
from railwatch.detector.segmented_strip import STEP_M
from railwatch.siding import SidingKind

Array = npt.NDArray[np.float64]

ROOF_HALF_WIDTH_M = 1.55
"""Half the width of an outline (method.md 3.1: bodies 2.9-3.2 m)."""
COUPLING_M = 1.14
"""What a car takes beyond its body, half at either end, metres (method.md 3.1: gondolas)."""
_AGREE_M = 2.0
"""A drawn car is the same car when neither end is further off than this."""
_KINDS: tuple[tuple[str, float, float], ...] = (
    ("tank", 10.4, 11.4),
    ("gondola", 12.3, 13.3),
    ("boxcar", 13.3, 14.0),
    ("flat_60ft", 18.0, 19.0),
    ("passenger", 23.0, 23.9),
    ("flat_80ft", 23.9, 24.9),
)
"""Body lengths by type: coupled lengths of method.md 3.1 less a coupling of 1.1 m, metres."""


@dataclass(frozen=True, slots=True)
class SidingCars:
    """What one siding holds on one scene; numbers are None where `refusal` says why."""

    siding_id: str
    summed: bool
    """False on main lines, which are watched but never counted."""
    cars: tuple[Car, ...]
    """The likeliest string of cars, by chainage."""
    draws: npt.NDArray[np.int32]
    """(draw,) int32, equally likely numbers of cars; empty where refused."""
    metres: Array
    """(draw,) float64, metres of those cars, each with the coupling it shares (method.md 3.1)."""
    visible_m: float
    total_m: float
    clear_fraction: float
    """Share of `visible_m` that was measured."""
    occupancy: Occupancy | None
    refusal: Refusal | None = None

    @property
    def occupied_m(self) -> float | None:
        """Median of the drawn metres; None where refused."""
        return float(np.median(self.metres)) if len(self.metres) else None

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Cars at `QUANTILE_LEVELS`; empty where refused."""
        return _quantiles(self.draws)


@dataclass(frozen=True, slots=True)
class SegmentedResult:
    """All sidings of a scene, in the siding set's order."""

    sidings: tuple[SidingCars, ...]
    registration: Registration | None
    """The shift found and applied; None where nothing was looked at."""
    confidence: float
    """Probability that the shift is the right one and not a neighbouring track away."""

    @property
    def draws(self) -> npt.NDArray[np.int32]:
        """Cars of the facility, (draw,) int32: the sum of summed sidings that were not refused."""
        answered = [s.draws for s in self.sidings if s.summed and s.refusal is None]
        return np.sum(answered, axis=0, dtype=np.int32) if answered else np.empty(0, np.int32)

    @property
    def metres(self) -> Array:
        """Occupied metres of the facility, (draw,) float64, summed as `draws` are."""
        answered = [s.metres for s in self.sidings if s.summed and s.refusal is None]
        return np.sum(answered, axis=0, dtype=np.float64) if answered else np.empty(0)

    @property
    def quantiles(self) -> tuple[float, ...]:
        """The facility's cars at `QUANTILE_LEVELS`."""
        return _quantiles(self.draws)


def _quantiles(draws: npt.NDArray[np.int32]) -> tuple[float, ...]:
    if not len(draws):
        return ()
    return tuple(float(q) for q in np.quantile(draws, QUANTILE_LEVELS, method="inverted_cdf"))


def refused(sight: Sight, reason: Refusal, clear_fraction: float) -> SidingCars:
    """Say that a siding gives no count."""
    return SidingCars(
        sight.siding.id,
        sight.siding.kind is not SidingKind.MAIN,
        (),
        np.empty(0, np.int32),
        np.empty(0),
        sight.visible_m,
        sight.total_m,
        clear_fraction,
        None,
        reason,
    )


def summarise(
    sight: Sight,
    drawn: Draws,
    clear: npt.NDArray[np.bool_],
    ground: Array,
    clear_fraction: float,
) -> SidingCars:
    """Turn drawn strings into cars, counts, metres and occupancy of one siding.

    Parameters
    ----------
    clear
        (cell,) bool, measured and under no roof.
    ground
        (cell, xy) float64, where the track's middle was found, metres.
    """
    valid = (clear & sight.counted)[(drawn.begin + drawn.end) // 2]
    valid &= _share(clear, drawn) > 0.5
    counts = np.bincount(drawn.draw[valid], minlength=drawn.number).astype(np.int32)
    seen = clear & sight.counted
    covered = _covered(drawn, valid, len(clear)) & seen
    inside = (sight.chainage_m > 0) & (sight.chainage_m < sight.track.length_m)
    probability = np.where(seen, covered.mean(axis=0), np.nan)
    best = np.flatnonzero(valid & (drawn.draw == 0))
    best = best[np.argsort(drawn.begin[best])]
    return SidingCars(
        sight.siding.id,
        sight.siding.kind is not SidingKind.MAIN,
        tuple(_car(sight, drawn, int(k), ground) for k in best),
        counts,
        covered.sum(axis=1) * STEP_M + counts * COUPLING_M,
        sight.visible_m,
        sight.total_m,
        clear_fraction,
        Occupancy(
            sight.siding.id,
            sight.chainage_m[inside].astype(np.float32),
            probability[inside].astype(np.float32),
        ),
    )


def _share(clear: npt.NDArray[np.bool_], drawn: Draws) -> Array:
    """Share of each drawn car that was seen."""
    running = np.concatenate([[0], np.cumsum(clear)])
    length = drawn.end - drawn.begin
    return np.asarray((running[drawn.end] - running[drawn.begin]) / length, dtype=np.float64)


def _covered(drawn: Draws, valid: npt.NDArray[np.bool_], cells: int) -> npt.NDArray[np.bool_]:
    """(draw, cell) bool: a valid car stands there."""
    edge = np.zeros((drawn.number, cells + 1), dtype=np.int32)
    np.add.at(edge, (drawn.draw[valid], drawn.begin[valid]), 1)
    np.add.at(edge, (drawn.draw[valid], drawn.end[valid]), -1)
    return np.asarray(np.cumsum(edge[:, :-1], axis=1) > 0, dtype=np.bool_)


def _car(sight: Sight, drawn: Draws, k: int, ground: Array) -> Car:
    """Describe one car of the likeliest path; its probability is the share of draws that agree."""
    begin, end = int(drawn.begin[k]), int(drawn.end[k])
    off = np.maximum(np.abs(drawn.begin - begin), np.abs(drawn.end - end)) * STEP_M
    agree = len(np.unique(drawn.draw[off <= _AGREE_M])) / drawn.number
    first, last = ground[begin], ground[end - 1]
    ahead = (last - first) / np.hypot(*(last - first))
    first, last = first - ahead * STEP_M / 2, last + ahead * STEP_M / 2
    left = np.array([-ahead[1], ahead[0]]) * ROOF_HALF_WIDTH_M
    corners = (first + left, last + left, last - left, first - left, first + left)
    length_m = (end - begin) * STEP_M
    return Car(
        sight.siding.id,
        float(sight.chainage_m[begin] - STEP_M / 2),
        float(sight.chainage_m[end - 1] + STEP_M / 2),
        tuple((float(x), float(y)) for x, y in corners),
        agree,
        next((kind for kind, low, high in _KINDS if low <= length_m < high), None),
    )
