"""Fouling points: where two tracks come too close for cars to stand on either.

At a switch or crossing the axes meet. From the limit post inwards, where they are `FOULING_M`
apart, a car would be struck by a train on the other track, and the last `CLEARANCE_M` before the
post stay free. Tracks that run close side by side without meeting are yard tracks, not a switch,
however tight they were laid or digitised.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from railwatch.abreast import Beside, beside
from railwatch.siding import SidingSet
from railwatch.stretch import Stretches
from railwatch.track import Track

FOULING_M = 4.1
"""Distance of axes at the limit post on 1520 mm gauge (Russian operating rules, q. 100)."""

CLEARANCE_M = 15.0
"""Left free inside the limit post, about one car, metres."""

TOUCHING_M = 3.2
"""Nearer than this two cars of 3.15 m width collide, so the axes are about to meet."""

_NEVER_M = TOUCHING_M / 2.0
"""Axes of a switch come nearer than this."""
_INSIDE_M = 5.0
"""A track that ends so near to another may end in its switch."""

_STEP_M = 1.0
_SPACING_STEP_M = 5.0
_SPACING_REACH_M = 8.0
_PARALLEL_SLOPE = 0.01
"""Spacing of parallel tracks changes by less than this a metre; a 1:18 switch opens by 0.055."""
_PARALLEL_M = 60.0
_TIGHT = 0.95
"""Share of a tight pair's own spacing that is taken for its limit."""


def usable_stretches(sidings: SidingSet) -> dict[str, Stretches]:
    """Find the chainages of each siding where cars may stand, by siding id.

    The limit is `FOULING_M`; for a pair laid parallel at less than that, as transhipment tracks are
    (3.60 m is their rule), it is just below their own spacing, or else they would foul throughout.
    """
    tracks = [Track.of(siding, sidings.utm) for siding in sidings]
    fouled = fouled_stretches(tracks)
    return {
        track.id: Stretches(((0.0, track.length_m),)).minus(fouled[track.id]) for track in tracks
    }


def fouled_stretches(tracks: Sequence[Track]) -> dict[str, Stretches]:
    """Find the chainages of each track where cars may not stand, by track id."""
    limits = _limits(tracks)
    cuts: dict[str, list[tuple[float, float]]] = {track.id: [] for track in tracks}
    for pair in beside(tracks, FOULING_M, _STEP_M):
        limit_m = limits.get((pair.track, pair.other), FOULING_M)
        track = tracks[pair.track]
        cuts[track.id] += [
            (max(0.0, low - CLEARANCE_M), min(track.length_m, high + CLEARANCE_M))
            for low, high in _meetings(pair, limit_m, track, tracks[pair.other])
        ]
    return {track_id: Stretches.union(intervals) for track_id, intervals in cuts.items()}


def _meetings(
    pair: Beside, limit_m: float, track: Track, other: Track
) -> list[tuple[float, float]]:
    """List runs nearer than the limit in which the two axes go on to meet."""
    near = pair.only(np.abs(pair.offset) < limit_m)
    return [
        (float(near.chainage[run][0]), float(near.chainage[run][-1]))
        for run in near.runs(2.5 * _STEP_M)
        if np.abs(near.offset[run]).min() < TOUCHING_M and not _dips(near, run, track, other)
    ]


def _dips(near: Beside, run: slice, track: Track, other: Track) -> bool:
    """Whether two tracks draw near and apart again without meeting: a vertex put carelessly.

    A switch brings axes together, or one of the two ends; a crossing changes sides.
    """
    offset = near.offset[run]
    ends = [
        (at[run][k], whole.length_m)
        for at, whole in ((near.chainage, track), (near.other_chainage, other))
        for k in (0, -1)
    ]
    inside = all(_INSIDE_M < at < length - _INSIDE_M for at, length in ends)
    one_side = bool((offset > 0).all() or (offset < 0).all())
    return inside and one_side and bool(np.abs(offset).min() > _NEVER_M)


def _limits(tracks: Sequence[Track]) -> dict[tuple[int, int], float]:
    """Limit of each pair that runs parallel at about `FOULING_M` or less."""
    limits: dict[tuple[int, int], float] = {}
    for pair in beside(tracks, _SPACING_REACH_M, _SPACING_STEP_M):
        if len(pair.chainage) < 3:
            continue
        distance = np.abs(pair.offset)
        slope = np.abs(np.gradient(distance, pair.chainage))
        parallel = (slope < _PARALLEL_SLOPE) & (distance > TOUCHING_M)
        if parallel.sum() * _SPACING_STEP_M < _PARALLEL_M:
            continue
        limit_m = min(FOULING_M, _TIGHT * float(np.median(distance[parallel])))
        for key in ((pair.track, pair.other), (pair.other, pair.track)):
            limits[key] = min(limit_m, limits.get(key, FOULING_M))
    return limits
