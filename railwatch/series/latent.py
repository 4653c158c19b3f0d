"""The latent count: how many cars really stood there, as a distribution over whole numbers.

A count publishes cars at a few quantile levels. Between them the distribution is read as linear,
beyond the outermost levels as exponential, and then rounded to whole cars, because cars are whole.
Everything downstream (records, sums, onsets) is exact arithmetic on these probabilities: there are
no random draws, so that a published number can be derived again bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from railwatch.count import QUANTILE_LEVELS

TAIL_MASS = 1e-9
"""Probability beyond the lattice; far below anything a thousand observations multiply up to."""


@dataclass(frozen=True, slots=True, eq=False)
class LatentCount:
    """Distribution of a whole number of cars (or metres) from 0 up."""

    cdf: npt.NDArray[np.float64]
    """(value,) float64, P(N <= value) for value 0, 1, ...; the last one is 1."""

    def __post_init__(self) -> None:
        rising = self.cdf.size > 0 and bool(np.all(np.diff(self.cdf) >= 0))
        if self.cdf.ndim != 1 or not rising or self.cdf[0] < 0 or self.cdf[-1] != 1:
            raise ValueError("cdf must rise from at least 0 to exactly 1 over values 0, 1, ...")

    @property
    def pmf(self) -> npt.NDArray[np.float64]:
        """(value,) float64, P(N = value)."""
        return np.diff(self.cdf, prepend=0.0)

    def quantile(self, level: float) -> float:
        """Value at a level, read back with the half-car interpolation that made the lattice."""
        at_least = int(np.searchsorted(self.cdf, level))
        below = float(self.cdf[at_least - 1]) if at_least else 0.0
        mass = float(self.cdf[at_least]) - below
        return max(0.0, at_least - 0.5 + (level - below) / mass) if mass > 0 else float(at_least)

    def plus(self, other: LatentCount) -> LatentCount:
        """Sum of two independent counts: the convolution of their probabilities."""
        cdf = np.cumsum(np.convolve(self.pmf, other.pmf))
        return LatentCount(_closed(cdf))


def latent_count(
    quantiles: Sequence[float], levels: Sequence[float] = QUANTILE_LEVELS
) -> LatentCount:
    """Read a published predictive distribution as probabilities of whole cars.

    P(N <= k) is the interpolated distribution function at k + 1/2. Beyond the outermost levels p
    the tail is exponential through the last two levels: P(X > x) = (1 - p) exp(-(x - q) / s) with
    s = (q - q') / ln((1 - p') / (1 - p)); mass below zero stands at zero.

    Parameters
    ----------
    quantiles
        Cars at `levels`, never falling.
    levels
        Levels in (0, 1), rising; at least two.

    Raises
    ------
    ValueError
        Quantiles are not finite, fall, or do not match the levels in number.
    """
    q = np.asarray(quantiles, dtype=np.float64)
    p = np.asarray(levels, dtype=np.float64)
    if q.shape != p.shape or q.size < 2:
        raise ValueError(f"{q.size} quantiles for {p.size} levels; need one a level, two at least")
    if not np.all(np.isfinite(q)) or np.any(np.diff(q) < 0):
        raise ValueError(f"quantiles must be finite and never fall, got {tuple(quantiles)}")
    above = (q[-1] - q[-2]) / np.log((1 - p[-2]) / (1 - p[-1]))
    below = (q[1] - q[0]) / np.log(p[1] / p[0])
    reach = max(q[-1] + above * np.log((1 - p[-1]) / TAIL_MASS), 0.0)
    x = np.arange(int(np.ceil(reach)) + 1, dtype=np.float64) + 0.5
    cdf = _inner(x, q, p)
    low, high = x < q[0], x >= q[-1]
    cdf[low] = p[0] * np.exp((x[low] - q[0]) / below) if below > 0 else 0.0
    cdf[high] = 1 - (1 - p[-1]) * np.exp(-(x[high] - q[-1]) / above) if above > 0 else 1.0
    return LatentCount(_closed(cdf))


def _inner(
    x: npt.NDArray[np.float64], q: npt.NDArray[np.float64], p: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Distribution function between the levels; a repeated quantile is a jump, not an error."""
    right = np.clip(np.searchsorted(q, x, side="right"), 1, q.size - 1)
    span = q[right] - q[right - 1]
    share = np.where(span > 0, (x - q[right - 1]) / np.where(span > 0, span, 1.0), 1.0)
    return np.asarray(p[right - 1] + share * (p[right] - p[right - 1]))


def _closed(cdf: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Give the last value what is missing to one, and undo rounding that would let it fall."""
    closed = np.minimum(np.maximum.accumulate(cdf), 1.0)
    closed[-1] = 1.0
    return np.asarray(closed)
