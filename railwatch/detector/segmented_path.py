"""Cars along one siding: a semi-Markov model over whole cars, coupling gaps and empty track.

The evidence says of each cell how much likelier it looks as roof or as coupling gap than as empty
track. This module finds the strings of whole cars that explain a siding best, and draws others in
proportion to their probability (forward filtering, backward sampling; Chib 1996), from which
counts, occupied metres and the probability of each car follow. It knows lengths, never pixels.

Segments and their lengths: a car 9-26 m, a coupling gap 0.5-2.75 m between two cars, empty track of
at least 3 m between two strings (method.md 3.1: bodies 9.7-25.6 m, gaps 0.46-2.61 m).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from railwatch.detector.segmented_strip import STEP_M

Array = npt.NDArray[np.float64]

CAR_CELLS = (round(8.75 / STEP_M), round(26.5 / STEP_M))
"""Shortest and longest body, cells; a cell of slack on either side."""
GAP_CELLS = (round(0.5 / STEP_M), round(2.75 / STEP_M))
EMPTY_CELLS = round(3.0 / STEP_M)

_USUAL_M = (13.2, 2.0)
"""Mean and spread of four-axle bodies (method.md 3.1: 10.9-16 m)."""
_START = math.log(STEP_M / 120.0)
"""Log probability that a string begins in a cell of empty track: one in 120 m."""
_COUPLE, _UNCOUPLE = math.log(0.85), math.log(0.15)
"""Strings of about seven cars; the evidence outweighs this prior many times over."""
_MINUS = -1e30
_NOTHING = -30.0
"""Log share of a sum below which a term is left out."""


@dataclass(frozen=True, slots=True)
class Draws:
    """Strings of cars drawn in proportion to their probability, the likeliest path first."""

    begin: npt.NDArray[np.int32]
    """(car,) int32, first cell of every car of every draw."""
    end: npt.NDArray[np.int32]
    """(car,) int32, cell after the last."""
    draw: npt.NDArray[np.int32]
    """(car,) int32, which draw it belongs to; draw 0 is the likeliest path."""
    number: int
    """Draws in all, the likeliest path included; a draw may hold no car."""

    def best(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """First cell and cell after the last of each car on the likeliest path, along the track."""
        chosen = self.draw == 0
        order = np.argsort(self.begin[chosen])
        return self.begin[chosen][order], self.end[chosen][order]


def length_prior(found_m: Array, weight: Array) -> Array:
    """Log probability of a car's body length, by cells from `CAR_CELLS[0]` on.

    Half uniform over 9-26 m, half about the four-axle cars most fleets consist of. The more cars
    were found, the more their own lengths count, because cars of a string are mostly of one type
    (method.md 2.3 step 8).
    """
    low, high = CAR_CELLS
    lengths = np.arange(low, high + 1) * STEP_M
    usual = np.exp(-0.5 * ((lengths - _USUAL_M[0]) / _USUAL_M[1]) ** 2)
    flat = 0.5 / len(lengths) + 0.5 * usual / usual.sum()
    if not len(found_m) or weight.sum() <= 0:
        return np.asarray(np.log(flat))
    bumps = np.exp(-0.5 * ((lengths[:, None] - found_m) / 0.4) ** 2) @ weight
    trust = min(0.8, weight.sum() / (weight.sum() + 3.0))
    return np.asarray(np.log((1.0 - trust) * flat + trust * bumps / bumps.sum()))


@numba.njit(cache=True, nogil=True)
def _add(a: float, b: float) -> float:
    """Logarithm of the sum of two exponentials."""
    if a < b:
        a, b = b, a
    return a if b <= -1e29 else a + math.log1p(math.exp(b - a))


@numba.njit(cache=True, nogil=True)
def _join(a: float, b: float, best: bool) -> float:
    return max(a, b) if best else _add(a, b)


@numba.njit(cache=True, nogil=True)
def _over(before: Array, prior: Array, last: int, best: bool) -> float:
    """Join `before[last - k] + prior[k]` over all lengths k that reach back into the siding."""
    number = min(len(prior), last + 1)
    top = _MINUS
    for k in range(number):
        top = max(top, before[last - k] + prior[k])
    if best or top <= -1e29:
        return top
    total = 0.0
    for k in range(number):
        part = before[last - k] + prior[k] - top
        if part > _NOTHING:
            total += math.exp(part)
    return top + math.log(total)


@numba.njit(cache=True, nogil=True)
def _filter(car: Array, gap: Array, lengths: Array, gaps: Array, best: bool) -> Array:
    """Score of all (or the best of) explanations of the first t cells by what ends at t.

    `car`, `gap`: (cell + 1,) running sums of the log evidence against empty track. Returns
    (3, cell + 1): car, gap, empty.
    """
    n = len(car) - 1
    alpha = np.full((3, n + 1), _MINUS)
    alpha[2, 0] = 0.0
    stay = math.log1p(-math.exp(_START))
    # What a car, or a gap, that begins at a cell has before it, less the evidence up to there.
    ahead_of_car, ahead_of_gap = np.full(n + 1, _MINUS), np.full(n + 1, _MINUS)
    ahead_of_car[0] = _START
    for t in range(1, n + 1):
        if t >= CAR_CELLS[0]:
            alpha[0, t] = car[t] + _over(ahead_of_car, lengths, t - CAR_CELLS[0], best)
        if t >= GAP_CELLS[0]:
            alpha[1, t] = gap[t] + _over(ahead_of_gap, gaps, t - GAP_CELLS[0], best)
        total = alpha[2, t - 1] + stay
        if t == n:  # a string may end at the siding's end: any remainder is empty
            for a in range(max(0, t - EMPTY_CELLS), t + 1):
                total = _join(total, alpha[0, a] + _UNCOUPLE, best)
        elif t >= EMPTY_CELLS:
            total = _join(total, alpha[0, t - EMPTY_CELLS] + _UNCOUPLE, best)
        alpha[2, t] = total
        ahead_of_car[t] = _join(alpha[1, t], alpha[2, t] + _START, best) - car[t]
        ahead_of_gap[t] = alpha[0, t] + _COUPLE - gap[t]
    return alpha


@numba.njit(cache=True, nogil=True)
def _pick(scores: Array, best: bool, rng: np.random.Generator) -> int:
    """Index of the greatest log score, or one drawn in proportion to the scores."""
    top = np.max(scores)
    if best:
        return int(np.argmax(scores))
    weight = np.exp(scores - top)
    u = rng.random() * weight.sum()
    for i in range(len(weight)):
        u -= weight[i]
        if u <= 0:
            return i
    return len(weight) - 1


@numba.njit(cache=True, nogil=True)
def _walk_back(
    alpha: Array,
    car: Array,
    gap: Array,
    lengths: Array,
    gaps: Array,
    best: bool,
    rng: np.random.Generator,
) -> list[tuple[int, int]]:
    """Take one explanation back from the end: cars as (first cell, cell after the last)."""
    n = len(car) - 1
    cars = [(0, 0)]
    t, state = n, 2
    stay = math.log1p(-math.exp(_START))
    while t > 0:
        if state == 2:
            scores = np.full(EMPTY_CELLS + 2, _MINUS)
            scores[0] = alpha[2, t - 1] + stay
            for back in range(EMPTY_CELLS + 1):
                if t - back >= 0 and (t == n or back == EMPTY_CELLS):
                    scores[back + 1] = alpha[0, t - back] + _UNCOUPLE
            choice = _pick(scores, best, rng)
            if choice == 0:
                t -= 1
            else:
                t, state = t - (choice - 1), 0
        elif state == 0:
            count = min(len(lengths), t - CAR_CELLS[0] + 1)
            scores = np.full(2 * count, _MINUS)
            for k in range(count):
                a = t - CAR_CELLS[0] - k
                gain = car[t] - car[a] + lengths[k]
                scores[2 * k] = alpha[1, a] + gain
                scores[2 * k + 1] = alpha[2, a] + _START + gain
            choice = _pick(scores, best, rng)
            a = t - CAR_CELLS[0] - choice // 2
            cars.append((a, t))
            t, state = a, 1 + choice % 2
        else:
            count = min(len(gaps), t - GAP_CELLS[0] + 1)
            scores = np.full(count, _MINUS)
            for k in range(count):
                a = t - GAP_CELLS[0] - k
                scores[k] = alpha[0, a] + _COUPLE + gap[t] - gap[a] + gaps[k]
            t, state = t - GAP_CELLS[0] - _pick(scores, best, rng), 0
    return cars[1:]


@numba.njit(cache=True, nogil=True)
def _draw(
    car: Array, gap: Array, lengths: Array, gaps: Array, number: int, rng: np.random.Generator
) -> list[tuple[int, int, int]]:
    """Take the likeliest path (draw 0) and `number` - 1 random ones: (draw, first, after last)."""
    found = [(0, 0, 0)]
    for a, b in _walk_back(
        _filter(car, gap, lengths, gaps, True), car, gap, lengths, gaps, True, rng
    ):
        found.append((0, a, b))
    if number > 1:
        alpha = _filter(car, gap, lengths, gaps, False)
        for i in range(1, number):
            for a, b in _walk_back(alpha, car, gap, lengths, gaps, False, rng):
                found.append((i, a, b))
    return found[1:]


def draw_strings(car: Array, gap: Array, lengths: Array, number: int, seed: int = 0) -> Draws:
    """Explain a siding by whole cars, `number` times.

    Parameters
    ----------
    car, gap
        (cell,) float64, log evidence for roof and for coupling gap against empty track.
    lengths
        Log prior by body length, of `length_prior`.
    number
        Draws wanted, the likeliest path among them.
    seed
        Of the random ones.
    """
    low, high = GAP_CELLS
    gaps = np.full(high - low + 1, -math.log(high - low + 1))
    running = [np.concatenate([[0.0], np.cumsum(x)]) for x in (car, gap)]
    found = _draw(running[0], running[1], lengths, gaps, number, np.random.default_rng(1 + seed))
    table = np.asarray(found, dtype=np.int32).reshape(-1, 3)
    return Draws(table[:, 1], table[:, 2], table[:, 0], number)


def joined(parts: Sequence[Draws]) -> Draws:
    """Put draws one after the other; the likeliest path is that of the first part."""
    starts = np.cumsum([0, *(part.number for part in parts)])
    return Draws(
        np.concatenate([part.begin for part in parts]),
        np.concatenate([part.end for part in parts]),
        np.concatenate([part.draw + start for part, start in zip(parts, starts, strict=False)]),
        int(starts[-1]),
    )
