"""Crossing: the facilities at both ends of a border crossing as one series.

Cars that leave Tumangang may stand at Khasan the same evening, so the sum says what neither end
does. The sum of two intervals is too wide and the sum of two medians is not the median: the
distributions themselves are added. Errors of both ends are taken as independent; where one scene
shows both ends, a shared error (haze, registration) makes the true interval somewhat wider.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Sequence
from statistics import NormalDist

from railwatch.count import (
    CONDITIONAL_WAGON_M,
    INTERVAL,
    QUANTILE_LEVELS,
    BaselineState,
    Count,
)
from railwatch.series.comparability import Observation, observations
from railwatch.series.latent import LatentCount, latent_count

_LOW, _MIDDLE, _HIGH = (1 - INTERVAL) / 2, 0.5, (1 + INTERVAL) / 2

_SURENESS = list(BaselineState)
"""From the surest state to the least sure one, in the order `BaselineState` lists them."""


def crossing(
    one: Iterable[Count],
    other: Iterable[Count],
    tolerance: dt.timedelta = dt.timedelta(hours=12),
) -> list[Count]:
    """Sum two facilities on the dates that both were seen.

    A count is paired with the nearest one of the same class at the other end, each used once; where
    either end was refused there is no sum, because half a crossing is not a crossing.

    Parameters
    ----------
    one, other
        Rows of the two areas in any order; facility rows are summed.
    tolerance
        Longest time between the two looks.

    Returns
    -------
    list[Count]
        Facility rows whose area, scene, siding set and detector join both names by `+`, ready for
        `with_records`; `conditional_wagons` is the summed length in units of 14 m.
    """
    free = observations(other)
    sums = []
    for observed in observations(one):
        partner = _nearest(observed, free, tolerance)
        if partner is not None:
            free.remove(partner)
            sums.append(_sum(observed, partner))
    return sums


def _nearest(
    observed: Observation, free: Sequence[Observation], tolerance: dt.timedelta
) -> Observation | None:
    near = [
        candidate
        for candidate in free
        if candidate.count.resolution_class is observed.count.resolution_class
        and abs(candidate.acquired - observed.acquired) <= tolerance
    ]
    return min(near, key=lambda c: (abs(c.acquired - observed.acquired), c.acquired), default=None)


def _sum(one: Observation, other: Observation) -> Count:
    a, b = one.count, other.count
    both = one.latent.plus(other.latent)
    metres = _metres(a, b)
    total_m = a.total_m + b.total_m
    low_m, middle_m, high_m = (
        (metres.quantile(level) for level in (_LOW, _MIDDLE, _HIGH)) if metres else (None,) * 3
    )
    sigmas = [s for s in (a.registration_sigma_m, b.registration_sigma_m) if s is not None]
    return dataclasses.replace(
        a,
        area_id=_joined(a.area_id, b.area_id),
        scene_id=_joined(a.scene_id, b.scene_id),
        acquired=max(a.acquired, b.acquired),
        sensor=_joined(a.sensor, b.sensor),
        gsd_m=max(a.gsd_m, b.gsd_m),
        method=_joined(a.method, b.method),
        occupied_m=middle_m,
        occupied_m_low=low_m,
        occupied_m_high=high_m,
        cars=both.quantile(_MIDDLE),
        cars_low=both.quantile(_LOW),
        cars_high=both.quantile(_HIGH),
        visible_m=a.visible_m + b.visible_m,
        total_m=total_m,
        clear_fraction=(a.clear_fraction * a.total_m + b.clear_fraction * b.total_m) / total_m,
        baseline_state=_less_sure(a.baseline_state, b.baseline_state),
        registration_shift_m=None,
        registration_sigma_m=max(sigmas) if len(sigmas) == 2 else None,
        siding_set=_joined(a.siding_set, b.siding_set),
        detector=_joined(a.detector, b.detector),
        snapshot=_joined(a.snapshot, b.snapshot),
        published_at=None,
        p_record=None,
        record_sentence=None,
        quantiles=tuple(both.quantile(level) for level in QUANTILE_LEVELS),
        static_stock_m=None,
        lateral_cargo=None,
        moving=None,
        tarp_share=None,
        conditional_wagons=None if middle_m is None else middle_m / CONDITIONAL_WAGON_M,
        extra={},
    )


def _metres(a: Count, b: Count) -> LatentCount | None:
    """Occupied metres of both, one metre a value; None where one has none."""
    one, other = _length(a), _length(b)
    return None if one is None or other is None else one.plus(other)


def _length(count: Count) -> LatentCount | None:
    """Occupied metres of one, as the two halves of normals that share its median."""
    low, middle, high = count.occupied_m_low, count.occupied_m, count.occupied_m_high
    if low is None or middle is None or high is None:
        return None
    normal = NormalDist()
    unit = normal.inv_cdf(_HIGH)
    scaled = [normal.inv_cdf(level) / unit for level in QUANTILE_LEVELS]
    sides = [(high - middle if z >= 0 else middle - low) * z for z in scaled]
    return latent_count([max(middle + side, 0.0) for side in sides])


def _less_sure(a: BaselineState | None, b: BaselineState | None) -> BaselineState | None:
    states = [state for state in (a, b) if state is not None]
    return max(states, key=_SURENESS.index, default=None)


def _joined(a: str, b: str) -> str:
    """Both names, or the one they share."""
    return a if a == b else f"{a}+{b}"
