"""Which of a few shifts is right: a closer look at windows of every siding under each.

The axis evidence that proposes shifts sees 8 m of track at a time. Equal tracks side by side, or
dirt between them, look alike to it, and then a yard may be put half a track or a whole one over.
The network that judges cells sees far more; so under each shift it looks at two windows of every
siding and says whether a track lies there. Where no proposed shift puts the sidings on tracks,
shifts of the drawn sidings as they are, a metre apart, are looked at as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from railwatch.detector import segmented_evidence as evidence
from railwatch.detector import segmented_snap as snapping
from railwatch.detector.segmented_sight import Cells, Sight
from railwatch.detector.segmented_strip import STEP_M

Array = npt.NDArray[np.float64]
Judge = Callable[[Sight, Array, Array, Cells], evidence.Evidence]
"""Looks at cells of a siding: their offsets from the track as drawn and shifted, and the shift."""

_WINDOWS = (0.3, 0.7)
"""Where windows lie along a siding, as a share of its length."""
_WINDOW_CELLS = round(48.0 / STEP_M)
_EDGE_CELLS = round(6.0 / STEP_M)
"""What lies nearer to a window's edge is judged with too little around it."""
_FLOOR = 0.02
_ON_TRACK, _CENTRED, _PROPOSAL = 6.0, 3.0, 0.1
"""Weights of windows' mean log share on a track, of that with an axis in its middle, and of what
axes scored for the proposal, beside the prior of its shift. Windows of one scene err together, so
many say no more than one: on a bed without rails they once outweighed that scenes lie about right.
Chosen on 34 renderings and 44 sketches kept aside (docs/method/class-a.md)."""
_MIDDLE = slice(3, 6)
"""Bins of the axis within half a metre, of `evidence.AXIS_M`."""
_UNCLEAR = -0.05
"""Mean over windows of the log share on a track below which other shifts are looked at."""
_SAME_M = 2.0
"""Sidings put nearer than this, root mean square, are on the same tracks."""
_STIFF_M = np.arange(-9.0, 9.1, 1.0)


def choose(
    sights: Sequence[Sight], chunks: list[snapping.Chunks], judge: Judge
) -> tuple[snapping.Snap, ...]:
    """Find how the scene lies, and what else may be: the likeliest first, at most two.

    A second is given only where it puts sidings on other tracks; `Snap.confidence` of the first is
    the probability that nothing else does.
    """
    proposed = snapping.candidates(chunks)
    seen = [_looked(sights, one.shift, _offsets(sights, one), judge) for one in proposed]
    own = [_PROPOSAL * (one.score - one.prior) for one in proposed]
    if max(float(on_track.mean()) for on_track, _ in seen) < _UNCLEAR:
        for one in _stiff(chunks):
            proposed.append(one)
            seen.append(_looked(sights, one.shift, _offsets(sights, one), judge))
            own.append(min(own))
    weight = [
        _ON_TRACK * float(on_track.mean()) + _CENTRED * float(centred.mean()) + score + one.prior
        for one, (on_track, centred), score in zip(proposed, seen, own, strict=True)
    ]
    order = np.argsort(-np.array(weight), kind="stable")
    share = np.exp(np.array(weight) - weight[order[0]])
    share /= share.sum()
    best = proposed[order[0]]
    other = np.array([_apart_m(one, best) > _SAME_M for one in proposed])
    if not other.any():
        return (snapping.followed(chunks, best, 1.0),)
    # Of proposals that lead to the same tracks the best speaks for all.
    second = int(np.argmax(np.where(other, share, -1.0)))
    sure = float(share[order[0]] / (share[order[0]] + share[second]))
    return (
        snapping.followed(chunks, best, sure),
        snapping.followed(chunks, proposed[second], 1.0 - sure),
    )


def _apart_m(one: snapping.Candidate, other: snapping.Candidate) -> float:
    """How far two candidates put sidings apart, root mean square, metres."""
    moves = [one.rough[n] - other.rough[n] for n in one.rough]
    return float(np.sqrt(np.mean(np.concatenate(moves) ** 2)))


def _offsets(sights: Sequence[Sight], one: snapping.Candidate) -> list[Array]:
    """Offset of every cell of every siding from where it is drawn, metres to the left."""
    return [
        np.interp(
            np.arange(len(sight.chainage_m)),
            snapping.chunk_middles(len(sight.chainage_m)),
            one.rough[n],
        )
        for n, sight in enumerate(sights)
    ]


def _looked(
    sights: Sequence[Sight], shift: Array, offsets: list[Array], judge: Judge
) -> tuple[Array, Array]:
    """Log share of each window (window,) that lies on a track, and on the middle of one."""
    shares = []
    for sight, offset in zip(sights, offsets, strict=True):
        inside = np.flatnonzero(
            (sight.chainage_m > 0) & (sight.chainage_m < sight.track.length_m) & ~sight.roofed
        )
        if not len(inside):
            continue
        for place in _WINDOWS:
            middle = inside[int(len(inside) * place)]
            low = max(int(middle) - _WINDOW_CELLS // 2, 0)
            cells = np.arange(low, min(low + _WINDOW_CELLS, len(offset)))
            judged = judge(sight, offset[cells], shift, cells)
            inner = (
                slice(_EDGE_CELLS, -_EDGE_CELLS) if len(cells) > 4 * _EDGE_CELLS else slice(None)
            )
            none = np.exp(judged.cover[evidence.NONE, inner]).mean()
            middle_share = np.exp(judged.axis[_MIDDLE, inner]).sum(axis=0).mean()
            shares.append((1.0 - none, middle_share))
    on_track, centred = np.log(np.array(shares or [(1.0, 1.0)], dtype=np.float64) + _FLOOR).T
    return on_track, centred


def _stiff(chunks: list[snapping.Chunks]) -> list[snapping.Candidate]:
    """Shifts across the tracks that leave every siding as it is drawn."""
    normals = np.concatenate([one.normals for one in chunks])
    _, ways = np.linalg.eigh(normals.T @ normals)
    across = ways[:, -1]
    return [
        snapping.Candidate(
            move * across,
            float(snapping.prior(move * across)),
            {n: one.normals @ (move * across) for n, one in enumerate(chunks)},
            0.5,
            stiff=True,
        )
        for move in _STIFF_M
    ]
