"""Conformal adjustment: intervals that reference counts have put right.

References of one stratum (resolution class and number of parallel tracks) say where the truth fell
within the published distributions; the distributions are then moved and stretched so that nine in
ten truths fall inside. One adjustment holds for a whole series: one that changed with time would
turn every new reference into a step that looks like a record.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from railwatch.count import FACILITY, INTERVAL, QUANTILE_LEVELS, Count, ResolutionClass
from railwatch.series.comparability import Scale
from railwatch.series.reference import Reference, in_force

ENOUGH = 20
"""References a stratum needs to be put right by itself; 19 is the least that 5 % tails allow."""

SHORTEST_CAR_M = 12.0
"""A siding holds no more cars than its visible length over this (method.md 2.3 step 11)."""

_LEAST_HALF_WIDTH = 0.5
"""Cars; so that a distribution of no width can still be wrong by a finite measure."""

_LEVEL = {level: index for index, level in enumerate(QUANTILE_LEVELS)}
_LOW, _MIDDLE, _HIGH = (_LEVEL[round(p, 3)] for p in ((1 - INTERVAL) / 2, 0.5, (1 + INTERVAL) / 2))


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Where the truth falls, in half-widths of the published interval from its median."""

    low: float
    """At the lower bound; -1 leaves it where it was."""
    middle: float
    """At the median; 0 leaves it."""
    high: float
    """At the upper bound; 1 leaves it."""
    references: int
    """Reference counts it rests on."""
    pooled: bool
    """True where the stratum alone had too few."""


def adjust(
    counts: Sequence[Count],
    references: Iterable[Reference],
    tolerance: dt.timedelta = dt.timedelta(days=1),
) -> list[Count]:
    """Put the counts of one area right by its analysts' reference counts.

    With 20 references in a stratum: split conformal, each tail by itself (Lei et al. 2018; Romano
    et al. 2019), its level tracked in time (`tracked_alpha`). With fewer, all strata are pooled and
    the width is inflated but never narrowed (`inflated`). With none nothing changes.

    Parameters
    ----------
    counts
        Rows of one area in any order.
    references
        References of the area; corrected ones are passed over.
    tolerance
        Longest time between a scene and the day of its reference.

    Returns
    -------
    list[Count]
        The same rows; adjusted ones have new `quantiles`, `cars*` and, in `extra`, `n_ref`.
    """
    pairs = _pairs(counts, in_force(list(references)), tolerance)
    if not pairs:
        return list(counts)
    by_stratum: dict[tuple[str, str], list[float]] = {}
    for count, cars in pairs:
        by_stratum.setdefault(stratum(count), []).append(score(count, cars))
    pooled = inflated([score(count, cars) for count, cars in pairs])
    adjustments = {
        name: conformal(scores) for name, scores in by_stratum.items() if len(scores) >= ENOUGH
    }
    return [
        _adjusted(count, adjustments.get(stratum(count), pooled)) if count.quantiles else count
        for count in counts
    ]


def calibrated(counts: Iterable[Count]) -> Scale:
    """Name the classes whose facility rows references of their own have put right.

    Their medians now mean the same thing, cars as analysts count them, so they may stand in one
    series; a class that few references only widened keeps to itself.

    Parameters
    ----------
    counts
        As `adjust` gives them.
    """
    return Scale(frozenset(_calibrated_classes(counts)))


def _calibrated_classes(counts: Iterable[Count]) -> Iterator[ResolutionClass]:
    for count in counts:
        if count.siding_id == FACILITY and count.extra.get("n_ref_pooled") == "False":
            yield count.resolution_class


def stratum(count: Count) -> tuple[str, str]:
    """Class, and whether the row is a facility, one track, or a group of two or three, or more."""
    if count.siding_id == FACILITY:
        return (count.resolution_class.value, FACILITY)
    tracks = count.siding_id.count("+") + 1
    return (count.resolution_class.value, "1" if tracks == 1 else "2-3" if tracks <= 3 else "4+")


def score(count: Count, cars: float) -> float:
    """Signed distance of the truth from the median, in half-widths of the interval on that side."""
    middle = count.quantiles[_MIDDLE]
    return (cars - middle) / _half_width(count.quantiles, upper=cars >= middle)


def conformal(scores: Sequence[float]) -> Adjustment:
    """Turn at least 20 scores, in order of time, into an adjustment that covers.

    Bounds are the floor((k + 1) a / 2)-th and ceil((k + 1)(1 - a / 2))-th smallest of k scores: a
    new exchangeable one falls between them with probability at least 1 - a (Lei et al. 2018, JASA
    113, section 2.2).
    """
    low, high = _bounds(scores, tracked_alpha(scores))
    return Adjustment(low, float(np.median(scores)), high, len(scores), pooled=False)


def tracked_alpha(scores: Sequence[float], rate: float = 0.02) -> float:
    """Level that has kept its promise on the references so far.

    Adaptive conformal inference (Gibbs and Candès 2021, eq. 2): after each reference
    a <- a + rate (0.1 - missed), where missed says whether it fell outside the bounds of those
    before it. A site that drifts misses more and gets wider bounds.
    """
    alpha = 1 - INTERVAL
    for index in range(ENOUGH, len(scores)):
        low, high = _bounds(scores[:index], alpha)
        missed = not low <= scores[index] <= high
        alpha += rate * ((1 - INTERVAL) - missed)
    return min(max(alpha, 0.02), 0.2)


def inflated(scores: Sequence[float]) -> Adjustment:
    """Widen by what few references allow to believe; never narrow, never move.

    The score over its nominal spread is normal with unknown variance; a scaled inverse chi-square
    prior of 10 degrees of freedom around the nominal one makes the next score Student's with 10 + k
    (Gelman et al., Bayesian Data Analysis, 3rd ed., sections 2.6 and 3.2).
    """
    prior = 10.0
    nominal = NormalDist().inv_cdf((1 + INTERVAL) / 2)
    degrees = prior + len(scores)
    squares = sum((nominal * value) ** 2 for value in scores)
    scale = math.sqrt((prior + squares) / degrees)
    width = max(1.0, _student_quantile((1 + INTERVAL) / 2, degrees) * scale / nominal)
    return Adjustment(-width, 0.0, width, len(scores), pooled=True)


def _bounds(scores: Sequence[float], alpha: float) -> tuple[float, float]:
    """Order statistics of both tails; where the sample is too small for a level, its extremes."""
    ordered = sorted(scores)
    k = len(ordered)
    # A level of 0.1 minus rounding must not cost a rank.
    low = math.floor((k + 1) * alpha / 2 + 1e-9)
    high = math.ceil((k + 1) * (1 - alpha / 2) - 1e-9)
    return ordered[max(low, 1) - 1], ordered[min(high, k) - 1]


def _student_quantile(level: float, degrees: float) -> float:
    """Give Student's quantile by expansion, right to 1e-3 from 10 degrees on (AMS 55, 26.7.5)."""
    x = NormalDist().inv_cdf(level)
    return (
        x
        + (x**3 + x) / (4 * degrees)
        + (5 * x**5 + 16 * x**3 + 3 * x) / (96 * degrees**2)
        + (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / (384 * degrees**3)
    )


def _pairs(
    counts: Sequence[Count], references: Sequence[Reference], tolerance: dt.timedelta
) -> list[tuple[Count, float]]:
    """Give each reference its nearest usable counts, one a resolution class, in order of time."""
    pairs = []
    for reference in references:
        noon = dt.datetime.combine(reference.date, dt.time(12), dt.UTC)

        def distance(count: Count, noon: dt.datetime = noon) -> dt.timedelta:
            return abs(count.acquired - noon)

        near = [
            count
            for count in counts
            if count.siding_id == reference.siding_id
            and count.quantiles
            and abs(count.acquired.date() - reference.date) <= tolerance
        ]
        pairs += [(count, reference.cars) for count in _nearest_each_class(near, distance)]
    return sorted(pairs, key=lambda pair: (pair[0].acquired, pair[0].scene_id))


def _nearest_each_class(
    near: Sequence[Count], distance: Callable[[Count], dt.timedelta]
) -> list[Count]:
    classes = sorted({count.resolution_class for count in near})
    return [
        min(
            (count for count in near if count.resolution_class is wanted),
            key=lambda count: (distance(count), count.scene_id),
        )
        for wanted in classes
    ]


def _half_width(quantiles: Sequence[float], *, upper: bool) -> float:
    middle = quantiles[_MIDDLE]
    width = quantiles[_HIGH] - middle if upper else middle - quantiles[_LOW]
    return max(width, _LEAST_HALF_WIDTH)


def _multiples(quantiles: Sequence[float]) -> list[float]:
    """Distance of each quantile from the median in half-widths; normal where there is no width."""
    middle = quantiles[_MIDDLE]
    nominal = NormalDist().inv_cdf((1 + INTERVAL) / 2)
    multiples = []
    for level, quantile in zip(QUANTILE_LEVELS, quantiles, strict=True):
        bound = quantiles[_HIGH] if level >= 0.5 else quantiles[_LOW]
        width = abs(bound - middle)
        multiples.append(
            (quantile - middle) / width
            if width >= _LEAST_HALF_WIDTH
            else NormalDist().inv_cdf(level) / nominal
        )
    return multiples


def _adjusted(count: Count, by: Adjustment) -> Count:
    """Move every quantile to where its multiple of a half-width is now believed to lie."""
    middle = count.quantiles[_MIDDLE]
    most = max(count.visible_m / SHORTEST_CAR_M, middle)
    moved = []
    for multiple in _multiples(count.quantiles):
        stretch = by.high - by.middle if multiple >= 0 else by.middle - by.low
        target = by.middle + multiple * stretch
        value = middle + target * _half_width(count.quantiles, upper=target >= 0)
        moved.append(min(max(value, 0.0), most))
    return dataclasses.replace(
        count,
        quantiles=tuple(moved),
        cars=moved[_MIDDLE],
        cars_low=moved[_LOW],
        cars_high=moved[_HIGH],
        extra={**count.extra, "n_ref": float(by.references), "n_ref_pooled": str(by.pooled)},
    )
