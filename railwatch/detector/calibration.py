"""Calibration: from what injected trains scored to cars and metres with an interval that holds.

A robust line says how many cars a score means; the errors of held-out trials that are like the
scene say how far that may be off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from railwatch.count import QUANTILE_LEVELS

F64 = npt.NDArray[np.float64]

TELLING = 3
"""Features that tell of the count; the logarithm of the noise and how unsure metres are follow."""
LEAST_CAR_M = 12.5
EMPTY_SHARE = 0.1
"""Share of trials without a car."""
CAR_M = 14.0
"""Length that metres are fitted in."""
NEARBY = 0.5
"""Trials count as alike over so wide a range of the logarithm of their cars."""
NEARBY_CARS = 4.0
"""Below so many all are alike."""
NEARBY_NOISE = 0.4
"""Trials count as alike over so wide a range of the logarithm of their noise."""
SURPRISE = 0.02
"""Share of dates on which a site may hold what no usual day lets expect, up to a full yard."""
HUBER = 1.5
ROBUST_STEPS = 12


@dataclass(frozen=True, slots=True)
class Trial:
    """Cars put in and what came out, for each unit."""

    cars: F64
    """(unit,) cars put in."""
    length_m: F64
    """(unit,) metres over couplers put in."""
    features: F64
    """(unit, feature) of the score."""


@dataclass(frozen=True)
class Calibration:
    """From a unit's features to the predictive distribution of its cars or metres."""

    scale: F64
    """(`TELLING`,) divisor of each feature that tells of the count."""
    slope: F64
    """(`TELLING` + 1,) regression on them, scaled, and a constant."""
    spread: F64
    """(4,) variance = s0 + s1 y + s2 y^2 + s3 u^2 of the prediction's error; u the last feature."""
    standard: F64
    """(trial,) errors of held-out trials in units of their spread, rising."""
    found: F64
    """(trial,) what was predicted of each of them."""
    noise: F64
    """(trial,) logarithm of the noise of each of them."""
    likely: F64
    """(trial,) how much more often the site holds as many cars than trials do."""
    capacity: float
    unshown: float
    """Standard deviation of what trials do not show."""
    each: float
    """What one is worth: cars, or the metres of a car."""

    def quantiles(self, features: F64, levels: tuple[float, ...] = QUANTILE_LEVELS) -> F64:
        """Predictive quantiles of a (feature,) vector, clipped to what the track can hold.

        Errors are those of trials with about as many cars: in a full yard roofs hide each other's
        shadows and much is missed, which says nothing of a few cars. And of trials that fit about
        as well: a full yard that is taken for an odd empty one fits badly. Trials hold all from
        none to a full yard; they count as often as the site holds as many.
        """
        y = self.predict(features) / self.each
        apart = (np.log(y + NEARBY_CARS) - np.log(self.found + NEARBY_CARS)) / NEARBY
        worse = (features[TELLING] - self.noise) / NEARBY_NOISE
        weight = np.exp(-0.5 * (apart**2 + np.minimum(worse**2, 12.0))) + 1e-4
        weight *= self.likely
        share = np.cumsum(weight) - 0.5 * weight
        error = np.interp(levels, share / weight.sum(), self.standard)
        wide = np.sqrt(np.maximum(_variance(self.spread, y, features[-1]), 1e-4))
        middle = wide * np.interp(0.5, share / weight.sum(), self.standard)
        shown = wide * error - middle
        normal = ndtri(levels)
        both = np.sign(normal) * np.hypot(shown, self.unshown * normal)
        return np.asarray(self.each * np.clip(y + middle + both, 0.0, self.capacity))

    def predict(self, features: F64) -> float:
        """Give the expected value for a (feature,) vector."""
        row = np.append(features[:TELLING] / self.scale, 1.0)
        return self.each * float(np.clip(row @ self.slope, 0.0, self.capacity))


def calibrate(
    trials: list[Trial], unit: int, capacity_m: float, unshown: float, fill: float | None
) -> tuple[Calibration, Calibration]:
    """Calibrations of cars and of metres for one unit from its trials.

    `unshown` is the standard deviation, cars, of what trials cannot show: weather that looks like
    trains is taken out of the backgrounds they are put into. `fill` is the share of the track that
    is covered on most dates, None where it is not known.
    """
    table = np.stack([trial.features[unit] for trial in trials])
    cars = np.array([trial.cars[unit] for trial in trials])
    length = np.array([trial.length_m[unit] for trial in trials])
    full = capacity_m / LEAST_CAR_M
    likely = np.ones(len(cars)) if fill is None else _likely(cars, fill * full, full)
    return (
        _regress(table, cars, likely, full, unshown, 1.0),
        # In lengths of a car, so that both are fitted alike.
        _regress(table, length / CAR_M, likely, capacity_m / CAR_M, unshown, CAR_M),
    )


def _likely(cars: F64, usual: float, full: float) -> F64:
    """How often a site holds so many cars against how often trials do: importance weights.

    A site's cars follow a geometric law about their usual number, but for a share of dates on
    which anything may stand there; those of trials are alike over orders of magnitude.
    """
    some = np.maximum(cars, 1.0)
    drawn = np.where(cars > 0, (1.0 - EMPTY_SHARE) / (some * np.log(max(full, 2.0))), EMPTY_SHARE)
    mean = max(usual, 1.0)
    stands = (mean / (1.0 + mean)) ** cars / (1.0 + mean)
    return np.asarray(SURPRISE + (1.0 - SURPRISE) * stands / drawn)


def _regress(
    table: F64, truth: F64, likely: F64, capacity: float, unshown: float, each: float
) -> Calibration:
    explains, noise, unsure = table[:, :TELLING], table[:, TELLING], table[:, -1]
    scale = np.maximum(np.sqrt(np.square(explains).mean(axis=0)), 1e-6)
    design = np.column_stack([explains / scale, np.ones(len(table))])
    fold = np.arange(len(truth)) % 5
    held_out = np.empty_like(truth)
    for f in range(5):
        learn = fold != f
        held_out[~learn] = design[~learn] @ _robust_ridge(design[learn], truth[learn])
    held_out = np.clip(held_out, 0.0, capacity)
    spread = _spread_fit(held_out, unsure, truth - held_out)
    wide = np.sqrt(np.maximum(_variance(spread, held_out, unsure), 1e-4))
    standard = (truth - held_out) / wide
    rising = np.argsort(standard, kind="stable")
    slope = _robust_ridge(design, truth)
    return Calibration(
        scale,
        slope,
        spread,
        standard[rising],
        held_out[rising],
        noise[rising],
        likely[rising],
        capacity,
        unshown,
        each,
    )


def _robust_ridge(design: F64, truth: F64) -> F64:
    """Ridge regression; trains that hardly show widen the spread but do not bend the line.

    Errors grow with the root of the count; those beyond `HUBER` times the usual weigh less (Huber
    1964).
    """
    weight = usual = 1.0 / (truth + 4.0)
    for _ in range(ROBUST_STEPS):
        slope = _ridge(design, truth, weight)
        found = design @ slope
        error = np.abs(truth - found) / np.sqrt(np.maximum(found, 0.0) + 2.0)
        bound = HUBER * max(float(np.median(error)), 0.05) / 0.6745
        weight = usual * np.minimum(1.0, bound / np.maximum(error, 1e-9))
    return slope


def _ridge(design: F64, truth: F64, weight: F64) -> F64:
    normal = (design * weight[:, None]).T @ design
    pull = 2e-3 * np.trace(normal) / len(normal) * np.eye(len(normal))
    pull[-1, -1] = 0.0
    return np.linalg.solve(normal + pull, (design * weight[:, None]).T @ truth)


def _variance(spread: F64, y: F64 | float, unsure: F64 | float) -> F64:
    return np.asarray(
        spread[0] + spread[1] * y + spread[2] * np.square(y) + spread[3] * np.square(unsure)
    )


def _spread_fit(y: F64, unsure: F64, error: F64) -> F64:
    """Non-negative variance law of the error by iterated weighted least squares."""
    from scipy.optimize import nnls

    design = np.column_stack([np.ones_like(y), y, y**2, unsure**2])
    squared = error**2
    floor = max(0.02, float(np.quantile(squared, 0.2)))
    law = np.array([float(squared.mean()), 0.0, 0.0, 0.0])
    for _ in range(8):
        weight = 1.0 / np.maximum(design @ law, floor)
        law, _ = nnls(design * weight[:, None], np.minimum(squared, 12.0 / weight) * weight)
    return np.asarray(law + np.array([0.02, 0.0, 0.0, 0.0]))
