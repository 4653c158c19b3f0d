"""Covered or not, along a single track: the two-state case of `railwatch.detector.occupancy`.

Most sidings stand alone, and with two states the chain fits into registers: no arrays, no loop over
subsets, no division on the way from one cell to the next. Sums are scaled only when they get small.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]

SMALL = 1e-100
"""Sum of a state's weights below which both are scaled up again."""


def forward_backward(
    evidence: F64, there: npt.NDArray[np.int64], on: float, off: float
) -> tuple[F64, F64]:
    """Filter and smooth one track.

    Parameters
    ----------
    evidence : (cell,) float64
        Log likelihood ratio of the covered against the uncovered track.
    there : (cell,) int64
        0 where there is no track: it cannot be covered.
    on, off : float
        Chance that a cell is covered after one that is not, and the other way round.

    Returns
    -------
    forward : (cell, 2) float64
        Probability of not covered and covered, given the cells up to it.
    covered : (cell,) float64
        Probability of being covered, given all cells.
    """
    smaller = np.abs(evidence)
    np.exp(np.negative(smaller, out=smaller), out=smaller)  # the larger likelihood is one
    forward = np.empty((len(evidence), 2))
    covered = np.empty(len(evidence))
    _both_ways(evidence, smaller, there, on, off, forward, covered)
    return forward, covered


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _both_ways(
    evidence: F64,
    smaller: F64,
    there: npt.NDArray[np.int64],
    on: float,
    off: float,
    forward: F64,
    covered: F64,
) -> None:  # pragma: no cover - compiled
    """Fill `forward` and `covered`; see `forward_backward`.

    The two passes know nothing of each other and take turns, so that one computes while the other
    waits for its last product.
    """
    stay, leave = 1.0 - on, 1.0 - off
    n = len(smaller)
    out = np.empty((4, n))
    a0, a1 = off / (on + off), on / (on + off)
    b0, b1 = 1.0, 1.0
    for s in range(n):
        if s > 0:
            a0, a1 = a0 * stay + a1 * off, a0 * on + a1 * leave
        if there[s] == 0:
            a0, a1 = a0 + a1, 0.0
        else:
            a0 *= smaller[s] if evidence[s] > 0.0 else 1.0
            a1 *= 1.0 if evidence[s] > 0.0 else smaller[s]
        if a0 + a1 < SMALL:
            scale = 1.0 / (a0 + a1)
            a0, a1 = a0 * scale, a1 * scale
        out[0, s], out[1, s] = a0, a1
        t = n - 1 - s
        out[2, t], out[3, t] = b0, b1
        if there[t] == 0:
            b1 = b0
        else:
            b0 *= smaller[t] if evidence[t] > 0.0 else 1.0
            b1 *= 1.0 if evidence[t] > 0.0 else smaller[t]
        b0, b1 = b0 * stay + b1 * on, b0 * off + b1 * leave
        if b0 + b1 < SMALL:
            scale = 1.0 / (b0 + b1)
            b0, b1 = b0 * scale, b1 * scale
    for s in range(n):
        scale = 1.0 / (out[0, s] + out[1, s])
        empty, full = out[0, s] * out[2, s], out[1, s] * out[3, s]
        forward[s, 0], forward[s, 1] = out[0, s] * scale, out[1, s] * scale
        covered[s] = full / (empty + full)
