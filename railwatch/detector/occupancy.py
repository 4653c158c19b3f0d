"""Which of several neighbouring tracks are covered, cell by cell along them.

A factorial hidden Markov model. The state at one chainage is the *subset* of up to `MAX_TRACKS`
parallel tracks that is covered there; each track switches on and off on its own. A covered track
adds to the residual (scene minus empty track) the roof's contrast, which nobody knows beforehand,
smeared by the sensor, and a shadow. The contrast is integrated out as a Gaussian, so bright and
dark cars count alike and only their energy, cross-track place and shadow speak.

For one spectral channel, residual r, whitened by the noise of the empty track, is under subset S

    r ~ sum_j w_j N(sum_{k in S} h_jk,  I + sum_{k in S} sum_m lambda_jm g_km g_km^T)

a mixture over how strongly cars stand out (rust on brown ballast hardly does, a white tank does),
with g_km the whitened ways in which a covered track k may differ (its roof's contrast, how far and
deep its shadow falls) and h_k its expected signal. The likelihood needs only inner products with g
and h, so a cell costs a few thousand flops even for 64 subsets. Ghahramani & Jordan, Factorial
Hidden Markov Models (1997), is the model; the marginalised contrast is the usual Gaussian linear
model.
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
class Footprint:
    """What a covered track adds at one kind of cross-section, in whitened units."""

    g: F64
    """(channel, track, way, offset): ways in which the signal of a covered track varies."""
    h: F64
    """(component, channel, track, offset): expected signal of a covered track."""
    variance: F64
    """(component, channel, way): variance along each way around the expected signal."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """What the model believes after seeing one scene of one block."""

    track: F64
    """(track, cell): probability that the track is covered there."""
    draws: F64
    """(draw, unit): covered cells of each reporting unit in each posterior sample."""


@nb.njit(cache=True, fastmath=False)
def _solve_spd(a: F64, n: int, out: F64) -> float:  # pragma: no cover - compiled
    """Invert the leading n x n block of a symmetric positive matrix; returns log det."""
    low = np.zeros((n, n))
    logdet = 0.0
    for i in range(n):
        for j in range(i + 1):
            s = a[i, j]
            for k in range(j):
                s -= low[i, k] * low[j, k]
            if i == j:
                low[i, i] = np.sqrt(s)
                logdet += 2.0 * np.log(low[i, i])
            else:
                low[i, j] = s / low[j, j]
    inverse = np.zeros((n, n))
    for i in range(n):
        inverse[i, i] = 1.0 / low[i, i]
        for j in range(i):
            s = 0.0
            for k in range(j, i):
                s -= low[i, k] * inverse[k, j]
            inverse[i, j] = s / low[i, i]
    for i in range(n):
        for j in range(n):
            s = 0.0
            for k in range(max(i, j), n):
                s += inverse[k, i] * inverse[k, j]
            out[i, j] = s
    return logdet


@nb.njit(cache=True)
def _inner(a: F64, b: F64) -> F64:  # pragma: no cover - compiled
    """Inner products over offsets of (row, offset) with (column, offset)."""
    out = np.zeros((a.shape[0], b.shape[0]))
    for i in range(a.shape[0]):
        for j in range(b.shape[0]):
            for d in range(a.shape[1]):
                out[i, j] += a[i, d] * b[j, d]
    return out


@nb.njit(cache=True)
def _subset_tables(
    g: F64, h: F64, spread: F64, inverse: F64, shift: F64, constant: F64
) -> None:  # pragma: no cover - compiled
    """Fill what the likelihood of each subset needs besides the data; see `_component_loglik`.

    g is (channel, column, offset) with a track's ways in neighbouring columns, spread the standard
    deviation (channel, column).
    """
    channels, columns, _ = g.shape
    ways = columns // h.shape[1]
    column = np.zeros(columns, dtype=np.int64)
    a, small = np.zeros((columns, columns)), np.zeros((columns, columns))
    for b in range(channels):
        scaled = g[b] * spread[b].reshape(-1, 1)
        gram, cross, power = _inner(scaled, scaled), _inner(g[b], h[b]), _inner(h[b], h[b])
        for subset in range(1 << h.shape[1]):
            n = 0
            for c in range(columns):
                if subset >> (c // ways) & 1:
                    column[n] = c
                    n += 1
            mean = 0.0
            for i in range(n):
                for j in range(n):
                    a[i, j] = gram[column[i], column[j]] + (1.0 if i == j else 0.0)
                    if column[i] % ways + column[j] % ways == 0:
                        mean += power[column[i] // ways, column[j] // ways]
                    if column[j] % ways == 0:
                        shift[b, subset, column[i]] += cross[column[i], column[j] // ways]
            logdet = _solve_spd(a, n, small) if n > 0 else 0.0
            for i in range(n):
                for j in range(n):
                    both = spread[b, column[i]] * spread[b, column[j]]
                    inverse[b, subset, column[i], column[j]] = both * small[i, j]
            constant[b, subset] = logdet + mean


@nb.njit(cache=True)
def _project(r: F64, onto: F64, out: F64) -> None:  # pragma: no cover - compiled
    """Inner products of a residual (channel, offset) with (channel, column, offset) vectors."""
    for b in range(onto.shape[0]):
        for k in range(onto.shape[1]):
            total = 0.0
            for d in range(onto.shape[2]):
                total += onto[b, k, d] * r[b, d]
            out[b, k] = total


@nb.njit(cache=True)
def _component_loglik(
    u: F64, w: F64, subset: int, inverse: F64, shift: F64, constant: F64
) -> float:  # pragma: no cover - compiled
    """Log likelihood ratio of one subset in one channel, from inner products with the residual."""
    columns, tracks = u.shape[0], w.shape[0]
    ways = columns // tracks
    linear, quad = 0.0, 0.0
    for i in range(tracks):
        if subset >> i & 1:
            linear += w[i]
            for m in range(i * ways, (i + 1) * ways):
                part = 0.0
                for j in range(tracks):
                    if subset >> j & 1:
                        for n in range(j * ways, (j + 1) * ways):
                            part += inverse[subset, m, n] * (u[n] - shift[subset, n])
                quad += part * (u[m] - shift[subset, m])
    return float(linear + 0.5 * (quad - constant[subset]))


@nb.njit(cache=True, nogil=True)
def _subset_loglik(
    r: F64,
    kind: npt.NDArray[np.int64],
    allowed: npt.NDArray[np.int64],
    g: F64,
    h: F64,
    inverse: F64,
    shift: F64,
    constant: F64,
    weight: F64,
    ceiling: float,
    out: F64,
) -> None:  # pragma: no cover - compiled
    """Log likelihood of each subset at each cell, against the empty one: out (cell, subset)."""
    cells, channels, _ = r.shape
    tracks, parts, subsets = h.shape[3], len(weight), out.shape[1]
    u = np.zeros((channels, g.shape[2]))
    w = np.zeros((parts, channels, tracks))
    for s in range(cells):
        c = kind[s]
        for subset in range(subsets):
            out[s, subset] = 0.0 if subset & ~allowed[s] == 0 else -np.inf
        if c < 0:
            continue
        _project(r[s], g[c], u)
        for j in range(parts):
            _project(r[s], h[c, j], w[j])
        for subset in range(1, subsets):
            if subset & ~allowed[s]:
                continue
            top, total = -np.inf, 0.0
            for j in range(parts):
                value = np.log(weight[j])
                for b in range(channels):
                    value += _component_loglik(
                        u[b], w[j, b], subset, inverse[c, j, b], shift[c, j, b], constant[c, j, b]
                    )
                if value > top:
                    total = total * np.exp(top - value) + 1.0
                    top = value
                else:
                    total += np.exp(value - top)
            value = top + np.log(total)
            # One wild cell (a roof glint, a missed cloud edge) may not decide a whole train.
            out[s, subset] = min(value, ceiling + np.log(max(value - ceiling, 0.0) + 1.0))


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
def _switching(
    subset: int, after: int, there: int, tracks: int, on: float, off: float
) -> float:  # pragma: no cover - compiled
    """Probability of the next cell's subset given this one's, over tracks that are there."""
    chance = 1.0
    for k in range(tracks):
        if there >> k & 1:
            now = after >> k & 1
            if subset >> k & 1:
                chance *= (1.0 - off) if now else off
            else:
                chance *= on if now else 1.0 - on
    return chance


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
    q = np.zeros(subsets)
    for draw in range(uniforms.shape[0]):
        chosen = 0
        for s in range(cells - 1, -1, -1):
            q[:] = forward[s]
            if s < cells - 1:
                for subset in range(subsets):
                    if q[subset] > 0.0:
                        q[subset] *= _switching(subset, chosen, allowed[s + 1], tracks, on, off)
            level = uniforms[draw, s] * q.sum()
            chosen, reached = 0, q[0]
            while reached < level and chosen < subsets - 1:
                chosen += 1
                reached += q[chosen]
            for k in range(tracks):
                if chosen >> k & 1 and unit[k, s] >= 0:
                    covered[draw, unit[k, s]] += 1.0


class SubsetModel:
    """The model for one scene of one block: footprints a kind of cross-section, ready to use."""

    def __init__(self, kinds: list[Footprint], weight: F64) -> None:
        """Take footprints, and the (component,) weights of how strongly cars stand out."""
        channels, tracks, ways, offsets = kinds[0].g.shape
        if tracks > MAX_TRACKS:
            raise ValueError(f"{tracks} tracks in one block; cut it to at most {MAX_TRACKS}")
        shape = (len(kinds), len(weight), channels, 1 << tracks)
        self.tracks = tracks
        self._weight = weight
        columns = tracks * ways
        self._g = np.stack([kind.g.reshape(channels, columns, offsets) for kind in kinds])
        self._h = np.stack([kind.h for kind in kinds])
        self._inverse = np.zeros((*shape, columns, columns))
        self._shift = np.zeros((*shape, columns))
        self._constant = np.zeros(shape)
        for c, kind in enumerate(kinds):
            for j in range(len(weight)):
                _subset_tables(
                    self._g[c],
                    kind.h[j],
                    np.tile(np.sqrt(kind.variance[j]), tracks),
                    self._inverse[c, j],
                    self._shift[c, j],
                    self._constant[c, j],
                )

    def loglik(
        self,
        r: F64,
        kind: npt.NDArray[np.int64],
        allowed: npt.NDArray[np.int64],
        *,
        ceiling: float = 60.0,
    ) -> F64:
        """Log likelihood ratio of each subset against the empty track.

        Parameters
        ----------
        r : (cell, channel, offset) float64
            Whitened residuals.
        kind : (cell,) int64
            Index into the footprints; -1 where nothing was seen.
        allowed : (cell,) int64
            Bit k set where track k lies and can hold cars.
        ceiling : float
            Beyond it the evidence of one cell grows only logarithmically.

        Returns
        -------
        (cell, subset) float64; -inf for subsets with a track that is not there.
        """
        out = np.empty((r.shape[0], 1 << self.tracks))
        _subset_loglik(
            np.ascontiguousarray(r),
            kind,
            allowed,
            self._g,
            self._h,
            self._inverse,
            self._shift,
            self._constant,
            self._weight,
            ceiling,
            out,
        )
        return out


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
    _sample(forward, allowed, unit, on, off, uniforms, covered)
    return Posterior(marginal, covered)
