"""Where the tracks really lie in a class A scene: one rigid shift, then each siding's own error.

A VHR scene lies up to 10-15 m off (method.md 3.4) and sidings are digitised 1-2 m off, both more
than the distance at which a car is taken for its neighbour's. So the axis evidence is gathered
at every offset in reach, all sidings vote together for one rigid shift, and each siding then bends
within what digitising allows, never onto a neighbour's track.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from railwatch.detector import segmented_axis as axes
from railwatch.detector.segmented_strip import STEP_M

Array = npt.NDArray[np.float64]

REACH_M = 12.0
"""Greatest offset between a siding as drawn and its track in the scene, metres."""
_CONTEXT_M = 5.0
"""What is looked at beyond that: a track is known by its surroundings too."""
OFFSETS_M = np.arange(-REACH_M, REACH_M + 0.01, 0.5)
_MOST_CHUNKS = 44
"""Of a long siding only so many chunks, evenly spread, are looked at."""
_GROUPS = 5
"""Pieces of a siding that vote for a shift."""

_SHIFT_SIGMAS_M = np.array([1.5, 4.0])
"""Prior standard deviations of a scene's shift, a component: of pictures laid on control points
and of others (method.md 3.4: USGS found .3-1 m, sellers promise 5-15 m)."""
_DRAWN_SIGMA_M = 1.0
"""Prior standard deviation of a siding's digitising error."""
_DRAWN_MOST_M = 2.5
_BEND_COST = 0.25
"""Cost of a chunk lying one offset step from its siding's own error, log units."""
_STEP_COST = 1.0
"""Cost of bending by one offset step between chunks, log units."""
_EFFECTIVE_CHUNKS = 10.0
"""A siding says no more than so many chunks: an occupied or overgrown track shows more, or less,
clearly all along, which must not outweigh how well sidings are drawn."""
_MOST_STORED = 20.0
"""Log units that cars of one siding may add."""
_CROWD_COST = 3.0
"""Log units a chunk and metre."""
_REFINE_M = 1.5
_NEVER = -50.0
"""Log score of what is ruled out."""
_CANDIDATES = 6
_DISTINCT_M = 1.5
"""Shifts nearer than this lead to the same tracks."""
_APART_M = 3.6
"""No two tracks lie closer (method.md 3.2, transhipment tracks)."""
_FLOOR = 0.02
"""Share of chunks that may say anything: bounds what one can cost."""


@dataclass(frozen=True, slots=True)
class Chunks:
    """Axis evidence of one siding, pooled along it."""

    points: Array
    """(chunk, xy) float64, middle of each chunk on the siding as drawn, metres."""
    normals: Array
    """(chunk, xy) float64, unit vectors to the left."""
    score: Array
    """(chunk, offset) float64, log evidence that the axis lies at `OFFSETS_M`."""
    cars: Array
    """(chunk, offset) float64, probability that a row of cars stands there."""

    def bounded(self) -> Chunks:
        """Weigh evidence as far as chunks err alone.

        What an empty track looks like is the same all along, and so is what is mistaken for one:
        a siding says no more of it than `_EFFECTIVE_CHUNKS`. Cars are rarely mistaken, and speak
        for the place they stand on.
        """
        share = min(1.0, _EFFECTIVE_CHUNKS / len(self.points))
        most = max(float(np.max(self.cars.sum(axis=0))), 1e-6)
        stored = self.cars * min(1.0, _MOST_STORED / most)
        return Chunks(self.points, self.normals, self.score * share + stored, self.cars)


@dataclass(frozen=True, slots=True)
class Snap:
    """What was found: the scene's shift and each siding's offsets."""

    dx_m: float
    """Add to a ground x to find it in the scene."""
    dy_m: float
    sigma_m: float
    """Standard error of the better determined component."""
    confidence: float
    """Probability that no other shift, further than 2 m away, is right."""
    ties: int
    """Chunks whose own best offset agrees within 1 m."""
    offsets_m: tuple[Array, ...]
    """A siding's lateral offset by chunk, metres to the left, the shift included."""


def chunk_starts(cells: int) -> npt.NDArray[np.intp]:
    """First cell of each chunk looked at on a siding of so many cells."""
    starts = np.arange(0, max(cells - axes.CHUNK_CELLS + 1, 1), axes.CHUNK_CELLS)
    return np.asarray(starts[:: math.ceil(len(starts) / _MOST_CHUNKS)], dtype=np.intp)


def chunk_middles(cells: int) -> npt.NDArray[np.intp]:
    """Cell in the middle of each chunk looked at."""
    return np.minimum(chunk_starts(cells) + axes.CHUNK_CELLS // 2, cells - 1)


def chunk_cells(cells: int) -> npt.NDArray[np.intp]:
    """All cells of the chunks looked at, chunk by chunk."""
    at = chunk_starts(cells)[:, None] + np.arange(axes.CHUNK_CELLS)
    return np.asarray(np.minimum(at, cells - 1).ravel())


_AXIS_ROWS = round((REACH_M + _CONTEXT_M) / STEP_M)
AXIS_ROWS_M: Array = STEP_M * np.arange(-_AXIS_ROWS, _AXIS_ROWS + 1, dtype=np.float64)
"""Offsets of the strip `axis_evidence` takes, metres."""


def axis_evidence(wide: npt.NDArray[np.float32], gsd_m: float) -> tuple[Array, Array]:
    """Evidence of the axis by chunk and offset, from a strip at `AXIS_ROWS_M`.

    `wide` holds the cells of `chunk_cells`. Returns the log evidence of an axis and the probability
    of a row of cars on it, each (chunk, offset) float64 over `OFFSETS_M`.
    """
    profiles = axes.profiles(wide)
    odds = axes.evaluate(profiles, gsd_m).astype(np.float64)
    odds[:, profiles[..., -1] < 0.5] = -20.0
    margin, step = round(_CONTEXT_M / STEP_M), round(0.5 / STEP_M)
    last = odds.shape[2] - margin
    best = np.stack([odds[:, :, margin + k : last + k : step] for k in (-1, 0, 1)]).max(axis=0)
    empty, cars = np.exp(-np.logaddexp(0.0, np.negative(best)))
    return np.log(np.minimum(empty + cars, 1.0) + _FLOOR), cars


def _at(score: Array, offset: Array) -> Array:
    """Score (chunk, offset bin) at `offset` (..., chunk) metres, linear; the floor outside."""
    position = (offset + REACH_M) / 0.5
    low = np.floor(position).astype(np.int64)
    inside = (low >= 0) & (low < len(OFFSETS_M) - 1)
    low = np.clip(low, 0, len(OFFSETS_M) - 2)
    part = position - low
    chunk = np.arange(score.shape[0])
    value = score[chunk, low] * (1 - part) + score[chunk, low + 1] * part
    return np.where(inside, value, np.log(_FLOOR))


def _grouped(siding: Chunks) -> Chunks:
    """Pool a siding's chunks to few that vote together, each free to bend by one step."""
    bent = np.pad(siding.score, ((0, 0), (1, 1)), mode="edge") - _BEND_COST
    score = np.maximum(siding.score, np.maximum(bent[:, :-2], bent[:, 2:]))
    parts = np.array_split(np.arange(len(score)), min(_GROUPS, len(score)))
    return Chunks(
        np.stack([siding.points[part].mean(axis=0) for part in parts]),
        np.stack([siding.normals[part].mean(axis=0) for part in parts]),
        np.stack([score[part].sum(axis=0) for part in parts]),
        np.stack([siding.cars[part].sum(axis=0) for part in parts]),
    )


def _vote(siding: Chunks, shifts: Array) -> Array:
    """Best score of one siding under each shift (shift, xy), its own constant error taken out."""
    own = np.arange(-_DRAWN_MOST_M, _DRAWN_MOST_M + 0.01, 0.5)
    across = shifts @ siding.normals.T
    scores = np.stack(
        [_at(siding.score, across + e).sum(axis=1) - 0.5 * (e / _DRAWN_SIGMA_M) ** 2 for e in own]
    )
    return np.asarray(scores.max(axis=0))


def _bend(siding: Chunks, shift: Array, taken: list[tuple[Array, Array]]) -> tuple[float, Array]:
    """Score and likeliest offset by chunk around `shift`, smooth and off tracks `taken`."""
    across = siding.normals @ shift
    error = np.abs(OFFSETS_M[None] - across[:, None])
    score = siding.score - 0.5 * (error / _DRAWN_SIGMA_M) ** 2 / len(across)
    score = np.where(error > _DRAWN_MOST_M, _NEVER, score)
    score = score - _crowding(siding, taken)
    return _smoothest(score)


def _refine(sidings: list[Chunks], rough: dict[int, Array]) -> dict[int, Array]:
    """Follow each track all along, never further than `_REFINE_M` from `rough`, nor onto another.

    `rough` is in the order the sidings were settled, the surest first.
    """
    offsets: dict[int, Array] = {}
    taken: list[tuple[Array, Array]] = []
    for i, near in rough.items():
        siding = sidings[i]
        far = np.abs(OFFSETS_M[None] - near[:, None]) > _REFINE_M
        score = np.where(far, _NEVER, siding.score) - _crowding(siding, taken)
        offsets[i] = _smoothest(score)[1]
        taken.append((siding.points, siding.normals * offsets[i][:, None]))
    return offsets


def _crowding(siding: Chunks, taken: list[tuple[Array, Array]]) -> Array:
    """Cost (chunk, offset) of lying too near tracks that others took: their points, their moves."""
    cost = np.zeros_like(siding.score)
    for points, lateral in taken:
        apart = np.abs(OFFSETS_M[None] - _lateral_of(siding, points, lateral)[:, None])
        cost += np.where(apart < _APART_M, _CROWD_COST * (_APART_M - apart), 0.0)
    return cost


def _smoothest(score: Array) -> tuple[float, Array]:
    """Best path through (chunk, offset) scores with steps at `_STEP_COST`: score and metres."""
    total = score[0]
    back = []
    moves = np.arange(-2, 3)
    for row in score[1:]:
        options = np.stack([np.roll(total, m) - _STEP_COST * abs(m) for m in moves])
        back.append(options.argmax(axis=0))
        total = options.max(axis=0) + row
    place = int(np.argmax(total))
    best, path = float(total[place]), [place]
    for choice in reversed(back):
        place = (place - int(moves[choice[place]])) % len(OFFSETS_M)
        path.append(place)
    return best, np.asarray(OFFSETS_M[path[::-1]], dtype=np.float64)


def _lateral_of(siding: Chunks, points: Array, lateral: Array) -> Array:
    """Offset from `siding`, by chunk, of another track given as points; far where none is near."""
    moved = points + lateral
    nearest = np.hypot(*(moved[None] - siding.points[:, None]).transpose(2, 0, 1))
    index = nearest.argmin(axis=1)
    difference = moved[index] - siding.points
    offset = (difference * siding.normals).sum(axis=1)
    return np.where(nearest.min(axis=1) < 1.5 * REACH_M, offset, 1e3)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One shift that may be right, and where it puts each siding."""

    shift: Array
    """(xy,) metres."""
    score: float
    """Log score of all sidings' evidence and the prior of shifts."""
    rough: dict[int, Array]
    """Offset by chunk of every siding, the surest siding first."""
    sigma_m: float
    stiff: bool = False
    """Sidings lie as drawn: axis evidence does not tell how they bend."""

    @property
    def prior(self) -> float:
        """The part of the score that is the prior of the shift."""
        return float(prior(self.shift))


def candidates(sidings: list[Chunks]) -> list[Candidate]:
    """Find shifts that may be right, the best first.

    Sidings first vote on every shift alone; the shifts that come out best, each at least
    `_DISTINCT_M` from a better one, are then settled with all sidings on tracks of their own.
    """
    bounded = [siding.bounded() for siding in sidings]
    grid = np.arange(-REACH_M + 2, REACH_M - 1.9, 0.5)
    shifts = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    total = prior(shifts)
    for siding in bounded:
        total = total + _vote(_grouped(siding), shifts)
    weight = np.exp(total - np.max(total))
    normals = np.concatenate([s.normals for s in bounded])
    across = normals.T @ normals / len(normals)
    settled: list[Candidate] = []
    left = np.ones(len(shifts), dtype=np.bool_)
    for _ in range(_CANDIDATES):
        if not left.any():
            break
        best = shifts[int(np.argmax(np.where(left, total, -np.inf)))]
        near = left & (_moved(shifts - best, across) <= _DISTINCT_M)
        local = np.exp(total[near] - np.max(total[near]))
        mean = (local[:, None] * shifts[near]).sum(axis=0) / local.sum()
        score, rough = _settle(bounded, mean)
        close = _moved(shifts - mean, across) <= _DISTINCT_M
        spread = (shifts[close] - mean) * np.sqrt(weight[close, None] / weight[close].sum())
        variance = float(np.linalg.eigvalsh(spread.T @ spread)[0])
        sigma = float(np.hypot(np.sqrt(max(variance, 0.0)), 0.15))
        settled.append(Candidate(mean, score + float(prior(mean)), rough, sigma))
        left &= ~near
    return sorted(settled, key=lambda one: -one.score)


def followed(sidings: list[Chunks], one: Candidate, confidence: float) -> Snap:
    """Follow every track all along under the candidate that was chosen."""
    offsets = one.rough if one.stiff else _refine(sidings, one.rough)
    shift = _fitted(sidings, offsets)
    return Snap(
        float(shift[0]),
        float(shift[1]),
        one.sigma_m,
        confidence,
        _ties(sidings, offsets),
        tuple(offsets[i] for i in range(len(sidings))),
    )


def _fitted(sidings: list[Chunks], offsets: dict[int, Array]) -> Array:
    """Shift (xy) of the scene given where its tracks were found: what all sidings have in common.

    Least squares, each siding drawn off by `_DRAWN_SIGMA_M`, under the wider prior of shifts.
    """
    normal = np.eye(2) * (_DRAWN_SIGMA_M / _SHIFT_SIGMAS_M[-1]) ** 2
    right = np.zeros(2)
    for number, offset in offsets.items():
        ways = sidings[number].normals
        normal += ways.T @ ways / len(ways)
        right += ways.T @ offset / len(ways)
    return np.linalg.solve(normal, right)


def prior(shifts: Array) -> Array:
    """Log prior of shifts (..., xy), metres.

    Either kind of picture is as likely, so a scene that lies well across its tracks is likely to
    lie well along them too.
    """
    square = (shifts**2).sum(axis=-1)[..., None]
    each = -0.5 * square / _SHIFT_SIGMAS_M**2 - 2.0 * np.log(_SHIFT_SIGMAS_M)
    return np.asarray(np.logaddexp(each[..., 0], each[..., 1]))


def _moved(shifts: Array, across: Array) -> Array:
    """How far shifts (shift, xy) move tracks sideways, root mean square over chunks, metres."""
    return np.asarray(np.sqrt(np.einsum("si,ij,sj->s", shifts, across, shifts)))


def _settle(sidings: list[Chunks], shift: Array) -> tuple[float, dict[int, Array]]:
    """Put every siding on a track of its own, the surest first; what it scores, and offsets."""
    order = np.argsort(
        [-float(_vote(_grouped(s), shift[None])[0]) / len(s.points) for s in sidings]
    )
    offsets: dict[int, Array] = {}
    taken: list[tuple[Array, Array]] = []
    total = 0.0
    for i in order:
        score, offsets[i] = _bend(sidings[i], shift, taken)
        taken.append((sidings[i].points, sidings[i].normals * offsets[i][:, None]))
        total += score
    return total, offsets


def _ties(sidings: list[Chunks], offsets: dict[int, Array]) -> int:
    """Count chunks whose evidence alone puts the axis within 1 m of where it was put."""
    return sum(
        int((np.abs(OFFSETS_M[siding.score.argmax(axis=1)] - offsets[i]) <= 1.0).sum())
        for i, siding in enumerate(sidings)
    )
