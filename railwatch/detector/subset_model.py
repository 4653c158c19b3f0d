"""How well each subset of neighbouring tracks explains what is seen at one chainage.

A covered track adds to the residual (scene minus empty track) the roof's contrast, which nobody
knows beforehand, smeared by the sensor, and a shadow. The contrast is integrated out as a Gaussian,
so bright and dark cars count alike and only their energy, cross-track place and shadow speak.

For one spectral channel, residual r, whitened by the noise of the empty track, is under subset S

    r ~ sum_j w_j N(sum_{k in S} h_jk,  I + sum_{k in S} sum_m lambda_jm g_km g_km^T)

a mixture over how strongly cars stand out (rust on brown ballast hardly does, a white tank does),
with g_km the whitened ways in which a covered track k may differ (its roof's contrast, how far and
deep its shadow falls) and h_k its expected signal.

The likelihood needs only inner products u = g.r and w = h.r. With A = I + D g g^T D = L L^T it is
w + (|z|^2 - log det A - |h|^2) / 2, z = L^-1 D (u - g.h). Columns of S in rising order make L of S
begin with L of S less its highest track, so a subset adds one track's rows to those of a smaller
one, and all cells of one kind go through them side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

from railwatch.detector.occupancy import MAX_TRACKS

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

TOGETHER = 64
"""Cells that go through the subsets side by side: what they need stays in the cache."""
_SUMS = {"reassoc", "contract", "nsz"}


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a covered track adds at one kind of cross-section, in whitened units."""

    g: F64
    """(channel, track, way, offset): ways in which the signal of a covered track varies."""
    h: F64
    """(component, channel, track, offset): expected signal of a covered track."""
    variance: F64
    """(component, channel, way): variance along each way around the expected signal."""


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
def _highest(subset: int) -> int:  # pragma: no cover - compiled
    track = -1
    while subset:
        subset >>= 1
        track += 1
    return track


@nb.njit(cache=True, nogil=True)
def _fill(
    g: F64, h: F64, spread: F64, rows: F64, expected: F64, constant: F64
) -> None:  # pragma: no cover - compiled
    """Fill what the likelihood of each subset needs besides the data.

    Parameters
    ----------
    g : (channel, column, offset)
        A track's ways in neighbouring columns.
    h : (channel, track, offset)
    spread : (channel, column)
        Standard deviations D.
    rows : (channel, subset, way, column)
        Filled with the rows of L^-1 D that the highest track of each subset adds.
    expected : (channel, subset, column)
        Filled with L^-1 D (g.h), by row.
    constant : (subset,)
        Filled with the sum over channels of log det A + |h|^2.
    """
    channels, columns, _ = g.shape
    for b in range(channels):
        scaled = g[b] * spread[b].reshape(-1, 1)
        _fill_rows(_inner(scaled, scaled), rows[b], constant)
        cross, power = _inner(scaled, h[b]), _inner(h[b], h[b])
        _fill_expected(rows[b], cross, power, expected[b], constant)
        for j in range(columns):
            rows[b, :, :, j] *= spread[b, j]


@nb.njit(cache=True, nogil=True)
def _fill_rows(gram: F64, rows: F64, constant: F64) -> None:  # pragma: no cover - compiled
    """Rows of L^-1 of one channel (subset, way, column); adds log det A to `constant`."""
    subsets, ways, _ = rows.shape
    logdet = np.zeros(subsets)
    for subset in range(1, subsets):
        top = _highest(subset)
        logdet[subset] = logdet[subset ^ (1 << top)]
        for m in range(ways):
            c = top * ways + m
            new = rows[subset, m]
            left = 1.0 + gram[c, c]
            for i in range(c):
                if subset >> (i // ways) & 1:
                    row = rows[subset & ((2 << (i // ways)) - 1), i % ways]
                    part = 0.0
                    for j in range(i + 1):
                        part += row[j] * gram[c, j]
                    left -= part * part
                    for j in range(i + 1):
                        new[j] -= part * row[j]
            size = np.sqrt(left)
            for j in range(c):
                new[j] /= size
            new[c] = 1.0 / size
            logdet[subset] += 2.0 * np.log(size)
    constant += logdet


@nb.njit(cache=True, nogil=True)
def _fill_expected(
    rows: F64, cross: F64, power: F64, expected: F64, constant: F64
) -> None:  # pragma: no cover - compiled
    """L^-1 D (g.h) of one channel (subset, column); adds |h|^2 to `constant`.

    `cross` is D g.h, (column, track), `power` h.h, (track, track).
    """
    subsets, ways, columns = rows.shape
    tracks = len(power)
    across = np.zeros(columns)
    for subset in range(1, subsets):
        across[:] = 0.0
        for k in range(tracks):
            if subset >> k & 1:
                across += cross[:, k]
                for i in range(tracks):
                    if subset >> i & 1:
                        constant[subset] += power[i, k]
        for i in range(columns):
            if subset >> (i // ways) & 1:
                row = rows[subset & ((2 << (i // ways)) - 1), i % ways]
                for j in range(i + 1):
                    expected[subset, i] += row[j] * across[j]


@nb.njit(cache=True, nogil=True, fastmath=_SUMS)
def _project(r: F64, cells: I64, onto: F64, out: F64) -> None:  # pragma: no cover - compiled
    """Inner products of residuals (cell, channel, offset) with (channel, column, offset) vectors.

    `out` is (channel, column, cell).
    """
    for i in range(len(cells)):
        one = r[cells[i]]
        for b in range(onto.shape[0]):
            seen = one[b]
            for k in range(onto.shape[1]):
                vector = onto[b, k]
                total = 0.0
                for d in range(len(vector)):
                    total += vector[d] * seen[d]
                out[b, k, i] = total


@nb.njit(cache=True, nogil=True)
def _squares(
    u: F64, rows: F64, expected: F64, needed: int, seen: F64, out: F64
) -> None:  # pragma: no cover - compiled
    """Add |z|^2 of one channel to `out` (subset, cell), for subsets of `needed`.

    `seen` (subset, way, cell) is filled with L^-1 D u of each subset's highest track.
    """
    subsets, ways, _ = rows.shape
    for subset in range(1, subsets):
        if subset & ~needed:
            continue
        top = _highest(subset)
        for m in range(ways):
            new = seen[subset, m]
            new[:] = 0.0
            for j in range(top * ways + m + 1):
                if subset >> (j // ways) & 1:
                    factor = rows[subset, m, j]
                    column = u[j]
                    for i in range(len(new)):
                        new[i] += factor * column[i]
        total = out[subset]
        for j in range((top + 1) * ways):
            if subset >> (j // ways) & 1:
                row = seen[subset & ((2 << (j // ways)) - 1), j % ways]
                usual = expected[subset, j]
                for i in range(len(total)):
                    z = row[i] - usual
                    total[i] += z * z


@nb.njit(cache=True, nogil=True)
def _subset_loglik(
    r: F64,
    order: I64,
    kind: I64,
    allowed: I64,
    g: F64,
    h: F64,
    rows: F64,
    expected: F64,
    constant: F64,
    weight: F64,
    ceiling: float,
    out: F64,
) -> None:  # pragma: no cover - compiled
    """Log likelihood of each subset at each cell, against the empty one: out (cell, subset).

    `order` lists cells that were seen so that those of one kind follow each other.
    """
    subsets = out.shape[1]
    channels, tracks, parts = h.shape[2], h.shape[3], len(weight)
    for s in range(len(out)):
        for subset in range(subsets):
            out[s, subset] = 0.0 if subset & ~allowed[s] == 0 else -np.inf
    u = np.zeros((channels, g.shape[2], TOGETHER))
    w = np.zeros((channels, tracks, TOGETHER))
    seen = np.zeros((subsets, rows.shape[4], TOGETHER))
    value = np.zeros((parts, subsets, TOGETHER))
    start = 0
    while start < len(order):
        c = kind[order[start]]
        stop, needed = start, 0
        while stop < len(order) and stop - start < TOGETHER and kind[order[stop]] == c:
            needed |= allowed[order[stop]]
            stop += 1
        cells, n = order[start:stop], stop - start
        _project(r, cells, g[c], u)
        for j in range(parts):
            value[j] = 0.0
            for b in range(channels):
                _squares(
                    u[b, :, :n], rows[c, j, b], expected[c, j, b], needed,
                    seen[:, :, :n], value[j, :, :n],
                )  # fmt: skip
            _project(r, cells, h[c, j], w)
            _closed(value[j, :, :n], w, constant[c, j], np.log(weight[j]), needed)
        _mixed(value[:, :, :n], cells, allowed, ceiling, out)
        start = stop


@nb.njit(cache=True, nogil=True)
def _closed(
    value: F64, w: F64, constant: F64, log_weight: float, needed: int
) -> None:  # pragma: no cover - compiled
    """Make log likelihoods of a component out of |z|^2, in place: (subset, cell)."""
    subsets, cells = value.shape
    linear = np.zeros((subsets, cells))
    for subset in range(1, subsets):
        if subset & ~needed:
            continue
        top = _highest(subset)
        now, before = linear[subset], linear[subset ^ (1 << top)]
        now[:] = before
        for b in range(len(w)):
            for i in range(cells):
                now[i] += w[b, top, i]
        for i in range(cells):
            value[subset, i] = log_weight + now[i] + 0.5 * (value[subset, i] - constant[subset])


@nb.njit(cache=True, nogil=True)
def _mixed(
    value: F64, cells: I64, allowed: I64, ceiling: float, out: F64
) -> None:  # pragma: no cover - compiled
    """Mix components (component, subset, cell) into `out` at the cells given."""
    parts, subsets, _ = value.shape
    for i in range(len(cells)):
        s = cells[i]
        for subset in range(1, subsets):
            if subset & ~allowed[s]:
                continue
            top = -np.inf
            for j in range(parts):
                top = max(top, value[j, subset, i])
            total = 0.0
            for j in range(parts):
                total += np.exp(value[j, subset, i] - top)
            both = top + np.log(total)
            # One wild cell (a roof glint, a missed cloud edge) may not decide a whole train.
            out[s, subset] = min(both, ceiling + np.log(max(both - ceiling, 0.0) + 1.0))


class SubsetModel:
    """The model for one scene of one block: footprints a kind of cross-section, ready to use."""

    def __init__(self, kinds: list[Footprint], weight: F64) -> None:
        """Take footprints, and the (component,) weights of how strongly cars stand out."""
        channels, tracks, ways, offsets = kinds[0].g.shape
        if tracks > MAX_TRACKS:
            raise ValueError(f"{tracks} tracks in one block; cut it to at most {MAX_TRACKS}")
        subsets, columns = 1 << tracks, tracks * ways
        shape = (len(kinds), len(weight))
        self.tracks = tracks
        self._weight = weight
        self._g = np.stack([kind.g.reshape(channels, columns, offsets) for kind in kinds])
        self._h = np.stack([kind.h for kind in kinds])
        self._rows = np.zeros((*shape, channels, subsets, ways, columns))
        self._expected = np.zeros((*shape, channels, subsets, columns))
        self._constant = np.zeros((*shape, subsets))
        for c, kind in enumerate(kinds):
            for j in range(len(weight)):
                _fill(
                    self._g[c],
                    self._h[c, j],
                    np.tile(np.sqrt(kind.variance[j]), tracks),
                    self._rows[c, j],
                    self._expected[c, j],
                    self._constant[c, j],
                )

    def loglik(self, r: F64, kind: I64, allowed: I64, *, ceiling: float = 60.0) -> F64:
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
        order = np.argsort(kind, kind="stable")
        _subset_loglik(
            np.ascontiguousarray(r),
            order[np.searchsorted(kind[order], 0) :],
            kind,
            allowed,
            self._g,
            self._h,
            self._rows,
            self._expected,
            self._constant,
            self._weight,
            ceiling,
            out,
        )
        return out
