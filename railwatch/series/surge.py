"""Surge: when a confirmed record began.

A record says that the yard is fuller than ever; its onset says since when. The series up to the
confirming scene is split in two levels at every possible place and the splits are weighed by how
well they explain what was seen, which gives dates with a probability rather than one date.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from railwatch.count import Count
from railwatch.series.comparability import Observation, Scale, observations
from railwatch.series.judgement import assess
from railwatch.series.record import Record, RecordRules

_SPAN = dt.timedelta(days=365)
"""How far back the level before a surge is looked for; longer would mix in other years' traffic."""


@dataclass(frozen=True, slots=True)
class Onset:
    """Where a series splits into a lower and a higher level."""

    index: int
    """Most probable first observation of the higher level."""
    first: int
    """Earliest first observation in the credible set."""
    last: int
    """Latest one."""
    probability: float
    """Of `index`."""


@dataclass(frozen=True, slots=True)
class Surge:
    """A confirmed record and its beginning."""

    candidate_id: str
    """Scene that made the record."""
    confirmed_id: str
    """Scene that confirmed it."""
    began_after: dt.datetime
    """Last scene before the interval of dates: the level was still the old one."""
    began_by: dt.datetime
    """First scene by which it surely was the new one."""
    likely: dt.datetime
    """Most probable first scene at the new level."""
    probability: float
    """Of `likely`, among the dates of scenes."""
    cars_before: float
    """Median of the year before, cars."""
    cars_after: float
    """Median since, cars."""
    scenes_to_call: int
    """Usable scenes from the most probable onset to the confirmation, both counted."""
    sentence: str


def surges(
    counts: Iterable[Count],
    rules: RecordRules | None = None,
    scale: Scale | None = None,
    *,
    judged: Sequence[Record] | None = None,
) -> list[Surge]:
    """Find the onset of every confirmed record, from scenes up to its confirmation only.

    Parameters
    ----------
    counts
        Rows of one area in any order.
    rules, scale
        As in `assess`.
    judged
        What `assess` said of the same counts, where that is known already.
    """
    rows = list(counts)
    records = assess(rows, rules, scale) if judged is None else judged
    if all(record.supports is None for record in records):
        return []
    seen = {observed.count.scene_id: observed for observed in observations(rows, scale)}
    found = []
    for record in records:
        if record.supports is None:
            continue
        candidate = seen[record.supports]
        series = [
            observed
            for observed in seen.values()
            if observed.key == candidate.key
            and candidate.acquired - _SPAN <= observed.acquired <= record.acquired
        ]
        onset = split(np.array([observed.latent.quantile(0.5) for observed in series]))
        if onset is not None:
            found.append(_surge(series, onset, seen[record.scene_id], candidate))
    return found


def split(cars: npt.NDArray[np.float64], credible: float = 0.9) -> Onset | None:
    """Weigh every place where a series may rise to a new level.

    Counts are made of equal variance by y = 2 sqrt(x + 3/8) (Anscombe 1948, Biometrika 35). Either
    side of a split is normal with unknown mean and variance under the conjugate normal-inverse-
    gamma prior; the posterior of the split is the product of both marginal likelihoods (Gelman et
    al., Bayesian Data Analysis, 3rd ed., section 3.3), all places equal beforehand, falls left out.

    Parameters
    ----------
    cars
        (observation,) float64, medians in order of acquisition.
    credible
        Probability of the set that `first` and `last` span.

    Returns
    -------
    Onset or None
        None where fewer than three observations, or none that rises, are there.
    """
    y = 2 * np.sqrt(cars + 0.375)
    places = [k for k in range(1, y.size) if y[k:].mean() > y[:k].mean()]
    if y.size < 3 or not places:
        return None
    prior = float(y.mean())
    log_weight = np.array([_evidence(y[:k], prior) + _evidence(y[k:], prior) for k in places])
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    order = np.argsort(-weight, kind="stable")
    needed = int(np.searchsorted(np.cumsum(weight[order]), credible)) + 1
    kept = [places[i] for i in order[:needed]]
    best = int(order[0])
    return Onset(places[best], min(kept), max(kept), round(float(weight[best]), 6))


def _evidence(y: npt.NDArray[np.float64], prior_mean: float) -> float:
    """Log marginal likelihood of one level.

    Prior: mean known as well as by a hundredth of an observation, variance about 1 (Poisson's on
    this scale) known as well as by two.
    """
    kappa, alpha, beta = 0.01, 1.0, 1.0
    n, mean = y.size, float(y.mean())
    kappa_n, alpha_n = kappa + n, alpha + n / 2
    beta_n = (
        beta
        + 0.5 * float(((y - mean) ** 2).sum())
        + kappa * n * (mean - prior_mean) ** 2 / (2 * kappa_n)
    )
    return (
        math.lgamma(alpha_n)
        - math.lgamma(alpha)
        + alpha * math.log(beta)
        - alpha_n * math.log(beta_n)
        + 0.5 * math.log(kappa / kappa_n)
        - n / 2 * math.log(2 * math.pi)
    )


def _surge(
    series: Sequence[Observation], onset: Onset, confirmed: Observation, candidate: Observation
) -> Surge:
    medians = [observed.latent.quantile(0.5) for observed in series]
    before = float(np.median(medians[: onset.index]))
    after = float(np.median(medians[onset.index :]))
    began_after, began_by = series[onset.first - 1].acquired, series[onset.last].acquired
    likely = series[onset.index].acquired
    # A confirmation by another sensor is no member of the series, and one more look.
    looks = len(series) - onset.index + (confirmed.key != candidate.key)
    return Surge(
        candidate_id=candidate.count.scene_id,
        confirmed_id=confirmed.count.scene_id,
        began_after=began_after,
        began_by=began_by,
        likely=likely,
        probability=onset.probability,
        cars_before=before,
        cars_after=after,
        scenes_to_call=looks,
        sentence=(
            f"surge from about {before:.0f} to {after:.0f} cars, begun after "
            f"{began_after:%Y-%m-%d} and by {began_by:%Y-%m-%d} (90 % interval), first seen "
            f"{likely:%Y-%m-%d}, confirmed {confirmed.acquired:%Y-%m-%d} on usable scene {looks}"
        ),
    )
