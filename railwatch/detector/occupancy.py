"""Which of several neighbouring tracks are covered, cell by cell along them.

A factorial hidden Markov model. The state at one chainage is the *subset* of up to `MAX_TRACKS`
parallel tracks that is covered there; each track switches on and off on its own. A covered track
adds to the residual (scene minus empty track) what `subset_model` says. Ghahramani & Jordan,
Factorial Hidden Markov Models (1997), is the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

from railwatch.detector.one_track import forward_backward

MAX_TRACKS = 7
"""Tracks inferred jointly; 2**7 subsets. Wider yards are cut into blocks."""

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Dynamics:
    """How occupancy changes along a track, and how far neighbouring cells repeat each other."""

    cell_m: float
    """Length of a cell, metres."""
    train_m: float = 160.0
    """Mean length of a covered stretch, metres (method.md 2.3 step 7: 180 m)."""
    gap_m: float = 800.0
    """Mean length of an uncovered stretch, metres."""
    temper: float = 1.0
    """Power on the likelihood: cells closer than the point spread repeat the same evidence."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """What the model believes after seeing one scene of one block."""

    track: F64
    """(track, cell): probability that the track is covered there."""
    draws: F64
    """(draw, unit): covered cells of each reporting unit in each posterior sample."""


@nb.njit(cache=True)
def _propagate(p: F64, tracks: int, on: float, off: float) -> None:  # pragma: no cover - compiled
    """Push a distribution over subsets through each track's own switching, in place."""
    for k in range(tracks):
        bit = 1 << k
        for subset in range(p.shape[0]):
            if subset & bit == 0:
                e = p[subset]
                o = p[subset | bit]
                p[subset] = e * (1.0 - on) + o * off
                p[subset | bit] = e * on + o * (1.0 - off)


@nb.njit(cache=True, nogil=True)
def _filter(
    likelihood: F64, allowed: npt.NDArray[np.int64], tracks: int, on: float, off: float
) -> F64:  # pragma: no cover - compiled
    """Forward filter: (cell, subset) probability given the cells up to it."""
    cells, subsets = likelihood.shape
    forward = np.zeros((cells, subsets))
    stationary = on / (on + off)
    p = np.ones(subsets)
    for subset in range(subsets):
        for k in range(tracks):
            p[subset] *= stationary if subset >> k & 1 else 1.0 - stationary
    for s in range(cells):
        if s > 0:
            _propagate(p, tracks, on, off)
        for subset in range(subsets):
            # A track that is not there cannot be covered: its mass falls to the uncovered twin.
            if subset & ~allowed[s]:
                p[subset & allowed[s]] += p[subset]
                p[subset] = 0.0
        p *= likelihood[s]
        p /= p.sum()
        forward[s] = p
    return forward


@nb.njit(cache=True, nogil=True)
def _marginals(
    forward: F64,
    likelihood: F64,
    allowed: npt.NDArray[np.int64],
    tracks: int,
    on: float,
    off: float,
) -> F64:  # pragma: no cover - compiled
    """Backward pass: (track, cell) probability of being covered given all cells."""
    cells, subsets = forward.shape
    marginal = np.zeros((tracks, cells))
    backward = np.ones(subsets)
    q = np.zeros(subsets)
    for s in range(cells - 1, -1, -1):
        q[:] = forward[s] * backward
        total = q.sum()
        for subset in range(subsets):
            for k in range(tracks):
                if subset >> k & 1:
                    marginal[k, s] += q[subset] / total
        for subset in range(subsets):
            there = subset & allowed[s]
            q[subset] = backward[there] * likelihood[s, there]
        backward[:] = q / q.sum()
        # The switching matrix transposed: an uncovered past sees the cell through (1 - on, on).
        for k in range(tracks):
            bit = 1 << k
            for subset in range(subsets):
                if subset & bit == 0:
                    e = backward[subset]
                    o = backward[subset | bit]
                    backward[subset] = e * (1.0 - on) + o * on
                    backward[subset | bit] = e * off + o * (1.0 - off)
    return marginal


@nb.njit(cache=True, nogil=True)
def _into(
    chance: F64, after: int, there: int, tracks: int, on: float, off: float
) -> None:  # pragma: no cover - compiled
    """Fill (subset,) probabilities of the next cell's subset given each of this one's.

    Each track doubles what is filled, so a subset costs one product and not one a track. A track
    that is not there says nothing.
    """
    chance[0] = 1.0
    for k in range(tracks):
        bare, covered = 1.0, 1.0
        if there >> k & 1:
            now = after >> k & 1
            bare = on if now else 1.0 - on
            covered = 1.0 - off if now else off
        filled = 1 << k
        for subset in range(filled):
            chance[filled + subset] = chance[subset] * covered
            chance[subset] *= bare


@nb.njit(cache=True, nogil=True)
def _sample(
    forward: F64,
    allowed: npt.NDArray[np.int64],
    unit: npt.NDArray[np.int64],
    on: float,
    off: float,
    uniforms: F64,
    covered: F64,
) -> None:  # pragma: no cover - compiled
    """Backward sampling: adds covered cells to `covered` (draw, unit)."""
    cells, subsets = forward.shape
    tracks = unit.shape[0]
    q, chance = np.zeros(subsets), np.zeros(subsets)
    for draw in range(uniforms.shape[0]):
        chosen = 0
        for s in range(cells - 1, -1, -1):
            total = 0.0
            if s < cells - 1:
                _into(chance, chosen, allowed[s + 1], tracks, on, off)
                for subset in range(subsets):
                    q[subset] = forward[s, subset] * chance[subset]
                    total += q[subset]
            else:
                for subset in range(subsets):
                    q[subset] = forward[s, subset]
                    total += q[subset]
            level = uniforms[draw, s] * total
            chosen, reached = 0, q[0]
            while reached < level and chosen < subsets - 1:
                chosen += 1
                reached += q[chosen]
            for k in range(tracks):
                if chosen >> k & 1 and unit[k, s] >= 0:
                    covered[draw, unit[k, s]] += 1.0


@nb.njit(cache=True, nogil=True)
def _sample_one(
    forward: F64,
    there: npt.NDArray[np.int64],
    unit: npt.NDArray[np.int64],
    on: float,
    off: float,
    uniforms: F64,
    covered: F64,
) -> None:  # pragma: no cover - compiled
    """Do what `_sample` does for a single track: a comparison a cell.

    What is compared with depends on the cell and on the two states of the next one, not on the
    draw, so it is worked out once.
    """
    cells, draws = len(forward), len(uniforms)
    bare, total = np.empty((2, cells)), np.empty((2, cells))
    for s in range(cells):
        for after in range(2):
            empty, full = forward[s, 0], forward[s, 1]
            if s < cells - 1 and there[s + 1] & 1:
                empty *= on if after else 1.0 - on
                full *= 1.0 - off if after else off
            bare[after, s], total[after, s] = empty, empty + full
    for draw in range(draws):
        chosen = 0
        for s in range(cells - 1, -1, -1):
            chosen = 1 if bare[chosen, s] < uniforms[draw, s] * total[chosen, s] else 0
            if chosen and unit[s] >= 0:
                covered[draw, unit[s]] += 1.0


def infer(
    loglik: F64,
    allowed: npt.NDArray[np.int64],
    unit: npt.NDArray[np.int64],
    dynamics: Dynamics,
    *,
    draws: int,
    seed: int,
) -> Posterior:
    """Posterior occupancy of one block in one scene.

    Parameters
    ----------
    loglik : (cell, subset) float64
        From `SubsetModel.loglik`.
    allowed : (cell,) int64
        Bit k set where track k lies and can hold cars.
    unit : (track, cell) int64
        Reporting unit (a siding or group) each place belongs to, -1 for none.
    draws : int
        Posterior samples to take; drawn from `seed`, so equal inputs give equal bits.
    """
    tracks, cells = unit.shape
    units = int(np.max(unit, initial=-1)) + 1
    on = min(0.5, dynamics.cell_m / dynamics.gap_m)
    off = min(0.5, dynamics.cell_m / dynamics.train_m)
    if tracks == 1:
        evidence = (loglik[:, 1] - loglik[:, 0]) * dynamics.temper
        forward, one = forward_backward(evidence, allowed, on, off)
        marginal = one[None]
    else:
        scaled = loglik * dynamics.temper
        likelihood = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        forward = _filter(likelihood, allowed, tracks, on, off)
        marginal = _marginals(forward, likelihood, allowed, tracks, on, off)
    covered = np.zeros((draws, units))
    if not draws:
        return Posterior(marginal, covered)
    uniforms = np.random.Generator(np.random.PCG64(seed)).random((draws, cells))
    if tracks == 1:
        _sample_one(forward, allowed, unit[0], on, off, uniforms, covered)
    else:
        _sample(forward, allowed, unit, on, off, uniforms, covered)
    return Posterior(marginal, covered)
