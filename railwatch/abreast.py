"""Where tracks lie abreast: which others a walker along one track has beside them, and how far.

One table serves fouling points, track groups and neighbours. A walker on the line produced beyond
another's end has it behind or ahead, not beside, so tracks that only continue each other never
meet here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from railwatch.track import Floats, Track

_END_M = 0.01
"""The nearest point this close to another track's end is its end, metres."""


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """Samples of one track that have one other track beside them, in order of chainage."""

    track: int
    other: int
    chainage: Floats
    """(k,) float64, metres along the track."""
    offset: Floats
    """(k,) float64, metres across to the other track, positive to the left."""
    other_chainage: Floats
    """(k,) float64, metres along the other track."""
    aligned: Floats
    """(k,) float64, cosine of the angle between the two, of either direction of travel: 0 to 1."""

    def only(self, rows: npt.NDArray[np.bool_]) -> Beside:
        """Keep the samples where `rows`, (k,) bool, is true."""
        return Beside(
            self.track,
            self.other,
            self.chainage[rows],
            self.offset[rows],
            self.other_chainage[rows],
            self.aligned[rows],
        )

    def runs(self, gap_m: float) -> Iterator[slice]:
        """Give unbroken runs of samples, apart by more than `gap_m`."""
        if not len(self.chainage):
            return
        breaks = np.flatnonzero(np.diff(self.chainage) > gap_m) + 1
        edges = [0, *breaks.tolist(), len(self.chainage)]
        for begin, end in itertools.pairwise(edges):
            yield slice(begin, end)


def beside(tracks: Sequence[Track], reach_m: float, step_m: float) -> list[Beside]:
    """Find, for every track, the others within `reach_m` beside it.

    Parameters
    ----------
    tracks
        In one projection.
    reach_m
        Farthest distance across, metres.
    step_m
        Distance between samples along each track, metres.

    Returns
    -------
    list of Beside
        One an ordered pair of tracks, ordered by (track, other).
    """
    steps = [track.samples(step_m) for track in tracks]
    owner = np.repeat(np.arange(len(tracks)), [len(s) for s in steps])
    chainage = np.concatenate(steps) if steps else np.empty(0)
    ground = _centres(tracks, steps)
    lines = np.array([track.line for track in tracks], dtype=object)
    points = np.atleast_1d(shapely.points(ground))
    at, other = shapely.STRtree(lines).query(points, predicate="dwithin", distance=reach_m)
    keep = owner[at] != other
    at, other = at[keep], other[keep]
    located = shapely.line_locate_point(lines[other], points[at])
    lengths = np.array([track.length_m for track in tracks])
    inner = (located > _END_M) & (located < lengths[other] - _END_M)
    at, other, located = at[inner], other[inner], located[inner]
    order = np.lexsort((chainage[at], other, owner[at]))
    at, other, located = at[order], other[order], located[order]
    ahead = np.concatenate(
        [track.direction(s) for track, s in zip(tracks, steps, strict=True)] or [np.empty((0, 2))]
    )[at]
    across = _along(lines[other], located) - ground[at]
    left = ahead[:, 0] * across[:, 1] - ahead[:, 1] * across[:, 0]
    offset = np.copysign(np.hypot(across[:, 0], across[:, 1]), left)
    theirs = _along(lines[other], np.minimum(located + 1.0, lengths[other])) - _along(
        lines[other], np.maximum(located - 1.0, 0.0)
    )
    aligned = np.abs(np.sum(ahead * theirs, axis=1)) / np.hypot(theirs[:, 0], theirs[:, 1])
    table = (chainage[at], offset, located, aligned)
    pairs = owner[at] * len(tracks) + other
    cuts = [0, *(np.flatnonzero(np.diff(pairs)) + 1).tolist(), len(pairs)]
    return [
        Beside(int(owner[at[low]]), int(other[low]), *(column[low:high] for column in table))
        for low, high in itertools.pairwise(cuts)
        if low < high
    ]


def _along(lines: npt.NDArray[np.object_], chainage: Floats) -> Floats:
    """Give the point of each line at its chainage: (k, xy) float64."""
    return np.asarray(shapely.get_coordinates(shapely.line_interpolate_point(lines, chainage)))


def _centres(tracks: Sequence[Track], steps: list[Floats]) -> Floats:
    """Give the centreline points of all tracks, one after the other: (k, xy) float64."""
    ground = [np.column_stack(track.xy(s, 0.0)) for track, s in zip(tracks, steps, strict=True)]
    return np.concatenate(ground) if ground else np.empty((0, 2))
