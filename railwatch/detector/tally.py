"""From numbers by siding to the rows that are published: one a unit, one for the facility."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from railwatch.count import (
    CONDITIONAL_WAGON_M,
    FACILITY,
    QUANTILE_LEVELS,
    BaselineState,
    Count,
    Refusal,
    ResolutionClass,
)
from railwatch.detection import Registration
from railwatch.scene import Scene

F64 = npt.NDArray[np.float64]

METHOD = {
    ResolutionClass.A: "segmented",
    ResolutionClass.B: "length",
    ResolutionClass.C: "energy",
    ResolutionClass.D: "presence",
}
SUM_DRAWS = 4000
LEAST_TOLD = 0.8
"""Share of the facility that units with an answer must show where others are under cloud."""

_LOW, _MIDDLE, _HIGH = (QUANTILE_LEVELS.index(level) for level in (0.05, 0.5, 0.95))


@dataclass(frozen=True)
class UnitNumbers:
    """What was found on one siding or group; arrays are empty where refused."""

    siding_id: str
    cars: F64
    """(level,) quantiles at `QUANTILE_LEVELS`; empty where there is no number of cars."""
    metres: F64
    """(level,) quantiles of occupied metres."""
    visible_m: float
    total_m: float
    state: BaselineState | None = None
    refusal: Refusal | None = None
    clear_fraction: float | None = None
    """Of this unit alone; None: the scene's."""
    tarp_share: float | None = None


@dataclass(frozen=True)
class Together:
    """The facility's sum over its units, (level,) quantiles at `QUANTILE_LEVELS`."""

    cars: F64
    metres: F64


@dataclass(frozen=True)
class Heading:
    """What all rows of one scene share."""

    area_id: str
    scene: Scene
    level: ResolutionClass
    siding_set: str
    detector: str
    clear_fraction: float
    registration: Registration | None


def rows(
    heading: Heading, units: Sequence[UnitNumbers], together: Together | None = None
) -> tuple[Count, ...]:
    """Rows of one scene: the facility first, then its units.

    The facility is refused where units under cloud keep back too much of it: a sum of the rest
    says nothing of a yard. `together` is the facility's sum where units err together; without it
    they err alone.
    """
    answered = [u for u in units if u.refusal is None and len(u.metres)]
    seed = zlib.crc32(f"{heading.scene.id}/{heading.siding_set}".encode())
    reasons = [u.refusal for u in units if u.refusal is not None]
    if together is None or not answered:
        cars = all(len(u.cars) for u in answered)
        together = Together(
            _summed([u.cars for u in answered], seed) if cars else _NONE,
            _summed([u.metres for u in answered], seed + 1),
        )
    seen = sum(u.visible_m for u in answered)
    hidden = sum(u.total_m for u in units if u.refusal is Refusal.CLOUD)
    told = bool(answered) and seen >= LEAST_TOLD * (seen + hidden)
    whole = UnitNumbers(
        FACILITY,
        together.cars,
        together.metres,
        seen if answered else sum(u.visible_m for u in units),
        sum(u.total_m for u in units),
        _weakest([u.state for u in answered]),
        None if told else (max(reasons, key=reasons.count) if reasons else Refusal.INVISIBLE),
        tarp_share=_mean([u.tarp_share for u in answered]),
    )
    return tuple(_row(heading, unit) for unit in (whole, *units))


_NONE = np.zeros(0)


def _row(heading: Heading, unit: UnitNumbers) -> Count:
    refused = unit.refusal is not None
    metres = None if refused or not len(unit.metres) else unit.metres
    cars = None if refused or not len(unit.cars) else unit.cars
    found = heading.registration
    occupied = None if metres is None else round(float(metres[_MIDDLE]), 1)
    return Count(
        area_id=heading.area_id,
        siding_id=unit.siding_id,
        scene_id=heading.scene.id,
        acquired=heading.scene.acquired,
        sensor=heading.scene.platform,
        gsd_m=heading.scene.gsd_m,
        resolution_class=heading.level,
        method=METHOD[heading.level],
        occupied_m=occupied,
        occupied_m_low=None if metres is None else round(float(metres[_LOW]), 1),
        occupied_m_high=None if metres is None else round(float(metres[_HIGH]), 1),
        cars=None if cars is None else round(float(cars[_MIDDLE]), 1),
        cars_low=None if cars is None else round(float(cars[_LOW]), 1),
        cars_high=None if cars is None else round(float(cars[_HIGH]), 1),
        visible_m=round(unit.visible_m, 1),
        total_m=round(unit.total_m, 1),
        clear_fraction=round(
            heading.clear_fraction if unit.clear_fraction is None else unit.clear_fraction, 4
        ),
        baseline_state=unit.state,
        registration_shift_m=None
        if found is None
        else round(float(np.hypot(found.dx_m, found.dy_m)), 2),
        registration_sigma_m=None if found is None else round(found.sigma_m, 3),
        refusal=unit.refusal,
        siding_set=heading.siding_set,
        detector=heading.detector,
        quantiles=() if cars is None else tuple(round(float(q), 3) for q in cars),
        tarp_share=unit.tarp_share,
        conditional_wagons=None if occupied is None else round(occupied / CONDITIONAL_WAGON_M, 1),
    )


def _summed(parts: Sequence[F64], seed: int) -> F64:
    """Quantiles of the sum of independent parts, by draws that their scene alone decides."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return _NONE
    if len(parts) == 1:
        return parts[0]
    rng = np.random.Generator(np.random.PCG64(seed))
    # Stratified: every part shows each of its strata once, in its own random order.
    strata = (np.arange(SUM_DRAWS) + 0.5) / SUM_DRAWS
    total = np.zeros(SUM_DRAWS)
    for part in parts:
        total += np.interp(rng.permutation(strata), QUANTILE_LEVELS, part)
    return np.quantile(total, QUANTILE_LEVELS)


def _weakest(states: Sequence[BaselineState | None]) -> BaselineState | None:
    """State of the least known part: a sum is no better founded than that."""
    order = list(BaselineState)
    known = [state for state in states if state is not None]
    return max(known, key=order.index) if known else None


def _mean(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return round(float(np.mean(known)), 3) if known else None
