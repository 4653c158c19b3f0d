"""Chance: how high a count would rise with nothing new going on.

Of n + 1 exchangeable observations the newest is the highest with probability 1 / (n + 1), so a
hundred areas see some twenty records a year that mean nothing (method.md 0.8). A record is
announced only where the site's own past also makes its height improbable.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from railwatch.series.latent import LatentCount


def chance_rate(earlier: int) -> float:
    """Probability that the newest of `earlier` + 1 exchangeable observations is the highest."""
    return 1.0 / (earlier + 1)


def tail_probability(latent: LatentCount, past: npt.NDArray[np.float64]) -> float:
    """Chance of a count at least this high, by what the site showed before.

    P = sum_k P(N = k) P(Y >= k), where Y is the predictive distribution of the past: a negative
    binomial with the past's mean and variance, both raised by what is not known of them.

    Parameters
    ----------
    latent
        The count on trial.
    past
        (observation,) float64, medians of comparable earlier counts, cars; at least two.
    """
    mean, variance = predictive_moments(past)
    survival = _survival(mean, variance, latent.cdf.size)
    return math.fsum(latent.pmf * survival)


def predictive_moments(past: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Mean and variance of the next count, cautious where the past is short or dependent.

    Neighbouring scenes see the same standing cars, so n observations weigh as
    n_eff = n (1 - r) / (1 + r), r the lag-one autocorrelation (Bartlett 1946); the variance is
    raised by (n_eff + 1) / (n_eff - 3), its value in a Student predictive (Gelman et al., Bayesian
    Data Analysis, 3rd ed., section 3.2), and is at least Poisson's.
    """
    mean = float(past.mean())
    variance = float(past.var(ddof=1))
    spread = past - mean
    total = float(spread @ spread)
    lag_one = float(spread[1:] @ spread[:-1]) / total if total > 0 else 0.0
    r = min(max(lag_one, 0.0), 0.9)
    n_eff = max(past.size * (1 - r) / (1 + r), 5.0)
    mean = max(mean, 1.0 / past.size)
    return mean, max(variance * (n_eff + 1) / (n_eff - 3), mean * (1 + 1 / n_eff) + 0.25)


def _survival(mean: float, variance: float, size: int) -> npt.NDArray[np.float64]:
    """P(Y >= k) for k = 0 ... size - 1, Y negative binomial with this mean and variance."""
    dispersion = mean**2 / (variance - mean)
    success = mean / variance
    steps = np.arange(size - 1)
    ratios = np.log((steps + dispersion) / (steps + 1) * (1 - success))
    pmf = np.exp(np.concatenate([[0.0], np.cumsum(ratios)]) + dispersion * math.log(success))
    return np.asarray(np.clip(1 - np.concatenate([[0.0], np.cumsum(pmf)[:-1]]), 0.0, 1.0))
