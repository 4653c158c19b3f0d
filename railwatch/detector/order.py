"""Order statistics over dates: medians, misses and modes of very many short series at once.

Each series is brought together, sorted once by NumPy (whose vector sort of contiguous rows is
several times as fast as selecting one value), and what is asked of it is read off its order: the
median absolute deviation needs no second sort, because the misses nearest to the median are those
next to it. Values that are not finite take no part.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numba as nb
import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
Values = npt.NDArray[np.floating]

TOGETHER = 1 << 18
"""Values sorted at a time: 2 MB, which stay in the cache from sorting to reading off."""


def median(values: Values) -> F64:
    """Median over the first axis; NaN where a series holds nothing.

    Parameters
    ----------
    values : (date, ...) float32 or float64

    Returns
    -------
    (...) float64
    """
    return np.asarray(_read_off(values, _median, 1)[0])


def median_and_miss(values: Values) -> tuple[F64, F64]:
    """Median over the first axis and the median of the absolute differences from it.

    Parameters
    ----------
    values : (date, ...) float32 or float64

    Returns
    -------
    (...) float64 each, NaN where a series holds nothing.
    """
    found = _read_off(values, _median_and_miss, 2)
    return found[0], found[1]


def half_sample_mode(values: Values) -> F64:
    """Half-sample mode over the first axis (Bickel & Fruehwirth 2006).

    Parameters
    ----------
    values : (date, ...) float32 or float64

    Returns
    -------
    (...) float64, NaN where a series holds nothing.
    """
    return np.asarray(_read_off(values, _half_sample_mode, 1)[0])


def _read_off(values: Values, kernel: Callable[..., None], answers: int) -> F64:
    """Sort every series and have `kernel` fill (answer, series) from rows of sorted values."""
    dates, shape = len(values), values.shape[1:]
    flat = np.asarray(values).reshape(dates, math.prod(shape))
    out = np.full((answers, flat.shape[1]), np.nan)
    if dates:
        each = max(1, TOGETHER // dates)
        for first in range(0, flat.shape[1], each):
            part = slice(first, first + each)
            rows = flat[:, part].T.copy()
            rows.sort(axis=1)  # NaN last
            kernel(rows, out[:, part])
    return out.reshape(answers, *shape)


@nb.njit(cache=True, nogil=True)
def _held(row: Values) -> int:  # pragma: no cover - compiled
    """How many values at the beginning of a sorted row are finite."""
    n = len(row)
    while n > 0 and not np.isfinite(row[n - 1]):
        n -= 1
    return n


@nb.njit(cache=True, nogil=True)
def _first(row: Values, n: int) -> int:  # pragma: no cover - compiled
    """Place of the first value that is not minus infinity."""
    start = 0
    while start < n and not np.isfinite(row[start]):
        start += 1
    return start


@nb.njit(cache=True, nogil=True)
def _middle(row: Values, first: int, end: int) -> float:  # pragma: no cover - compiled
    n = end - first
    return 0.5 * (np.float64(row[first + (n - 1) // 2]) + np.float64(row[first + n // 2]))


@nb.njit(cache=True, nogil=True)
def _median(rows: Values, out: F64) -> None:  # pragma: no cover - compiled
    for i in range(len(rows)):
        end = _held(rows[i])
        first = _first(rows[i], end)
        if end > first:
            out[0, i] = _middle(rows[i], first, end)


@nb.njit(cache=True, nogil=True)
def _median_and_miss(rows: Values, out: F64) -> None:  # pragma: no cover - compiled
    for i in range(len(rows)):
        row = rows[i]
        end = _held(row)
        first = _first(row, end)
        n = end - first
        if n == 0:
            continue
        centre = _middle(row, first, end)
        out[0, i] = centre
        # Misses grow away from the centre on either side: merge the two sides up to the middle.
        right = first + n // 2
        left = right - 1
        before = miss = 0.0
        for _ in range(n // 2 + 1):
            below = centre - row[left] if left >= first else np.inf
            above = row[right] - centre if right < end else np.inf
            before = miss
            if below < above:
                miss = below
                left -= 1
            else:
                miss = above
                right += 1
        out[1, i] = miss if n % 2 else 0.5 * (before + miss)


@nb.njit(cache=True, nogil=True)
def _half_sample_mode(rows: Values, out: F64) -> None:  # pragma: no cover - compiled
    for i in range(len(rows)):
        row = rows[i]
        end = _held(row)
        first = _first(row, end)
        n = end - first
        while n > 2:
            half = (n + 1) // 2
            best, where = np.inf, first
            for k in range(first, first + n - half + 1):
                width = np.float64(row[k + half - 1]) - np.float64(row[k])
                if width < best:
                    best, where = width, k
            first, n = where, half
        if n > 0:
            out[0, i] = 0.5 * (np.float64(row[first]) + np.float64(row[first + n - 1]))
