"""Bringing a scene to the light and place of an empty look, sample by sample: compiled kernels.

Half a million samples a scene of 40 km, a few dozen operations each, several rounds: most of what
scoring costs. Sums may be taken in any order (`_SUMS`), so that eight samples go at a time; a
processor of another width may differ in the last digits, as its linear algebra does anyway.
Division by zero is infinity here and no error (`error_model`): the check would keep loops from
being vectorised, a factor of four. The slow and obvious ways are in
`tests/railwatch/detector/test_levelling.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_SUMS = {"reassoc", "contract", "nsz"}
_ROUNDS = 4


@dataclass(frozen=True)
class Slopes:
    """How a look changes with a shift of the ground, each (band, offset, cell) a metre."""

    east: F64
    north: F64


def slopes_of(look: F64, heading: F64, step_m: float) -> Slopes:
    """Slopes of a look, (band, offset, cell), along an axis of (cell,) headings, radians."""
    across = np.gradient(look, step_m, axis=1)
    along = np.gradient(look, step_m, axis=2)
    sin, cos = np.sin(heading), np.cos(heading)
    return Slopes(
        np.ascontiguousarray(sin * along - cos * across),
        np.ascontiguousarray(cos * along + sin * across),
    )


@nb.njit(cache=True, nogil=True, error_model="numpy")
def nuisance(
    values: F32,
    look: F64,
    track: Mask,
    by_x: F64,
    by_y: F64,
    weight: tuple[F64, float],
    ridge: F64,
    scale: float,
) -> F64:  # pragma: no cover - compiled
    """Gain, offset and bed gain a band and one residual shift, by robust ridge least squares.

    `weight` is that of samples on the track, (cell,), and that of all others: an array of them
    would be read from memory in each round, which takes longer than the arithmetic.
    """
    bands = len(values)
    n = 3 * bands + 2
    answer = np.zeros(n)
    answer[:bands] = 1.0
    where = np.zeros(5, dtype=np.int64)
    where[3], where[4] = 3 * bands, 3 * bands + 1
    for _ in range(_ROUNDS):
        normal = np.diag(ridge)
        right = np.zeros(n)
        right[:bands] = ridge[:bands]
        for b in range(bands):
            where[0], where[1], where[2] = b, bands + b, 2 * bands + b
            sums, told = _band_sums(
                values[b], look[b], track, by_x[b], by_y[b], weight, answer[where], 1.0 / scale
            )
            for i in range(5):
                right[where[i]] += told[i]
                for j in range(5):
                    normal[where[i], where[j]] += sums[i][j]
        answer = np.linalg.solve(normal, right)
    return answer


@nb.njit(cache=True, nogil=True, error_model="numpy", fastmath=_SUMS)
def _band_sums(
    values: F32,
    look: F64,
    track: Mask,
    by_x: F64,
    by_y: F64,
    weight: tuple[F64, float],
    now: F64,
    per_scale: float,
) -> tuple[Any, Any]:  # pragma: no cover - compiled
    """Sum the normal equations of one band for gain, offset, bed gain and the shift, near `now`.

    Sums have names and are no array, so that they stay in registers.
    """
    gain, offset, bed_gain, shift_x, shift_y = now
    on_track, beside = weight
    aa, ab, ac, ad, ae, bb, bc, bd, be = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    cc, cd, ce, dd, de, ee = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    va, vb, vc, vd, ve = 0.0, 0.0, 0.0, 0.0, 0.0
    for d in range(values.shape[0]):
        row, a_row, on_row = values[d], look[d], track[d]
        x_row, y_row = by_x[d], by_y[d]
        for s in range(values.shape[1]):
            said = row[s]
            there = not np.isnan(said)
            v = np.float64(said) if there else 0.0
            a, x, y = a_row[s], x_row[s], y_row[s]
            c = a if on_row[s] else 0.0
            miss = (v - a * gain - offset - c * bed_gain - x * shift_x - y * shift_y) * per_scale
            w = on_track[s] if on_row[s] else beside
            w = (w if there else 0.0) / (1.0 + miss * miss)
            wa, wc, wx, wy = w * a, w * c, w * x, w * y
            aa += wa * a
            ab += wa
            ac += wa * c
            ad += wa * x
            ae += wa * y
            bb += w
            bc += wc
            bd += wx
            be += wy
            cc += wc * c
            cd += wc * x
            ce += wc * y
            dd += wx * x
            de += wx * y
            ee += wy * y
            va += wa * v
            vb += w * v
            vc += wc * v
            vd += wx * v
            ve += wy * v
    sums = (
        (aa, ab, ac, ad, ae),
        (ab, bb, bc, bd, be),
        (ac, bc, cc, cd, ce),
        (ad, bd, cd, dd, de),
        (ae, be, ce, de, ee),
    )
    return sums, (va, vb, vc, vd, ve)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def applied(
    values: F32, track: Mask, by_x: F64, by_y: F64, answer: F64
) -> F64:  # pragma: no cover - compiled
    """Take gain, offset, bed gain and shift out of a scene: (band, offset, cell)."""
    bands, offsets, cells = values.shape
    out = np.empty(values.shape)
    east, north = answer[3 * bands], answer[3 * bands + 1]
    for b in range(bands):
        gain, offset, more = answer[b], answer[bands + b], answer[2 * bands + b]
        bed_lit, land_lit = min(max(gain + more, 0.3), 3.0), min(max(gain, 0.3), 3.0)
        for d in range(offsets):
            for s in range(cells):
                moved = east * by_x[b, d, s] + north * by_y[b, d, s]
                lit = bed_lit if track[d, s] else land_lit
                out[b, d, s] = (values[b, d, s] - offset - moved) / lit
    return out


@nb.njit(cache=True, nogil=True, error_model="numpy")
def beside(residual: F64, side: Mask) -> tuple[F64, Mask]:  # pragma: no cover - compiled
    """Departure of the land left and right of one scene's track, and where land is seen.

    Returns
    -------
    (band, 2, cell) float64
        Mean over the land, smoothed along the track; 0 where not seen.
    (2, cell) bool
        Where a sample of the land is there in all bands.
    """
    bands, _, cells = residual.shape
    land = np.zeros((bands, 2, cells))
    for b in range(bands):
        for j in range(2):
            _beside(residual[b], side[j], land[b, j])
    return land, _land_seen(residual, side)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _beside(residual: F64, side: Mask, out: F64) -> None:  # pragma: no cover - compiled
    """Mean of one band over the land of one side, (cell,), smoothed along the track."""
    offsets, cells = residual.shape
    total, seen = np.zeros(cells), np.zeros(cells)
    for d in range(offsets):
        for s in range(cells):
            v = residual[d, s]
            here = side[d, s] and not np.isnan(v)
            total[s] += v if here else 0.0
            seen[s] += 1.0 if here else 0.0
    for s in range(cells):
        total[s] /= max(seen[s], 1.0)
    for s in range(cells):
        before, after = total[max(s - 1, 0)], total[min(s + 1, cells - 1)]
        out[s] = (before + 2.0 * total[s] + after) / 4.0


@nb.njit(cache=True, nogil=True)
def _land_seen(residual: F64, side: Mask) -> Mask:  # pragma: no cover - compiled
    """Where a sample of the land is there in all bands, (2, cell)."""
    bands, offsets, cells = residual.shape
    there, whole = np.zeros((2, cells), dtype=np.bool_), np.empty(cells, dtype=np.bool_)
    for d in range(offsets):
        whole[:] = True
        for b in range(bands):
            for s in range(cells):
                whole[s] &= not np.isnan(residual[b, d, s])
        for j in range(2):
            for s in range(cells):
                there[j, s] |= whole[s] and side[j, d, s]
    return there


@nb.njit(cache=True, nogil=True, error_model="numpy")
def without_land(residual: F64, side: Mask, leak: F64) -> None:  # pragma: no cover - compiled
    """Take out of one scene's residual, in place, what blur brings of the land beside."""
    bands, offsets, cells = residual.shape
    land = np.zeros((2, cells))
    for b in range(bands):
        for j in range(2):
            _beside(residual[b], side[j], land[j])
        for d in range(offsets):
            for s in range(cells):
                residual[b, d, s] -= leak[0, d, s] * land[0, s] + leak[1, d, s] * land[1, s]


@nb.njit(cache=True, nogil=True, error_model="numpy", fastmath=_SUMS)
def _profile(
    row: F64, empty: F64, per_wild: float, prior: float
) -> float:  # pragma: no cover - compiled
    """Robust mean of one offset's residuals over places believed empty, pulled to zero."""
    middle = 0.0
    for _ in range(_ROUNDS):
        top, below = 0.0, 0.0
        for s in range(len(row)):
            there = not np.isnan(row[s])
            v = row[s] if there else 0.0
            e = empty[s] if there else 0.0
            miss = (v - middle) * per_wild
            weight = e / (1.0 + miss * miss)
            top += weight * v
            below += weight
        middle = top / (below + prior)
    return middle


@nb.njit(cache=True, nogil=True, error_model="numpy")
def without_profile(
    residual: F64, empty: F64, wild: float, prior: float
) -> None:  # pragma: no cover - compiled
    """Take out of one scene's residual, in place, what departs all along the track."""
    for b in range(residual.shape[0]):
        for d in range(residual.shape[1]):
            residual[b, d] -= _profile(residual[b, d], empty, 1.0 / wild, prior)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def nothing_unseen(residual: F64) -> None:  # pragma: no cover - compiled
    """Put 0, in place, where a scene is not clear."""
    for b in range(residual.shape[0]):
        for d in range(residual.shape[1]):
            row = residual[b, d]
            for s in range(len(row)):
                row[s] = 0.0 if np.isnan(row[s]) else row[s]


_BLOCK = 64
"""Cells that are whitened together: what they need stays in the first-level cache."""


@nb.njit(cache=True, nogil=True, error_model="numpy", fastmath=_SUMS)
def whitened(
    residual: F64, channel: F64, across: F64, local: F64
) -> tuple[F64, F64]:  # pragma: no cover - compiled
    """Residual in units of its noise, and its mean square by cell.

    Parameters
    ----------
    residual : (band, offset, cell)
    channel : (channel, band)
        Whitens bands.
    across : (offset, offset)
        Whitens offsets; lower triangular.
    local : (cell,)
        Noise variance against the mean.

    Returns
    -------
    white : (cell, channel, offset) float64
    energy : (cell,) float64
    """
    _, offsets, cells = residual.shape
    channels = len(channel)
    white, energy = np.empty((cells, channels, offsets)), np.zeros(cells)
    mixed, line = np.empty((offsets, _BLOCK)), np.empty(_BLOCK)
    for first in range(0, cells, _BLOCK):
        size = min(_BLOCK, cells - first)
        for c in range(channels):
            _mix_bands(residual, channel[c], first, size, mixed)
            for e in range(offsets):
                line[:] = 0.0
                for d in range(e + 1):
                    share, row = across[e, d], mixed[d]
                    for s in range(size):
                        line[s] += share * row[s]
                for s in range(size):
                    white[first + s, c, e] = line[s]
    for s in range(cells):
        energy[s] = _scaled(white[s], 1.0 / np.sqrt(local[s]))
    return white, energy


@nb.njit(cache=True, nogil=True)
def _mix_bands(
    residual: F64, share: F64, first: int, size: int, out: F64
) -> None:  # pragma: no cover - compiled
    """Weighted sum over bands of `size` cells, (offset, cell)."""
    for d in range(residual.shape[1]):
        row = out[d]
        row[:] = 0.0
        for b in range(residual.shape[0]):
            weight, seen = share[b], residual[b, d, first:]
            for s in range(size):
                row[s] += weight * seen[s]


@nb.njit(cache=True, nogil=True, error_model="numpy", fastmath=_SUMS)
def _scaled(one: F64, scale: float) -> float:  # pragma: no cover - compiled
    """Scale a cell, (channel, offset), in place and give its mean square."""
    total = 0.0
    for c in range(one.shape[0]):
        for e in range(one.shape[1]):
            one[c, e] *= scale
            total += one[c, e] * one[c, e]
    return total / one.size
