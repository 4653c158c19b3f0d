"""Track groups: parallel sidings too close to separate at a sensor's ground sampling distance.

A sensor tells two tracks apart when they lie at least 1/0.7 of its GSD from each other; nearer ones
are counted together, as one group with one number. A group is a connected set: of five tracks
at 5 m, the outer two are 20 m apart and still in one group at 10 m.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from railwatch.abreast import Beside, beside
from railwatch.siding import SidingKind, SidingSet
from railwatch.track import Floats, Track

SEPARABLE = 0.7
"""GSD over track spacing at and below which tracks are told apart (method.md 2.2)."""

LEAST_COMMON_M = 30.0
"""Tracks abreast for less than about two cars are not parallel, metres."""

ALIGNED = float(np.cos(np.deg2rad(15.0)))
"""Cosine of the angle up to which two tracks are parallel; a 1:9 switch parts by 6.3 degrees."""

MAX_ID = 64
"""Longest group id, characters."""

ABREAST_M = 30.0
"""How far apart two tracks may lie and still share a length, at least; six track spacings."""

_STEP_M = 5.0


@dataclass(frozen=True, eq=False)
class TrackGroup:
    """Sidings counted together at one GSD; a lone siding is a group of one."""

    members: tuple[Track, ...]
    """Ordered by id."""
    counted: bool
    """False for main lines, where cars pass and do not stand."""

    @cached_property
    def id(self) -> str:
        """Members' ids joined by `+`; shortened with a digest beyond `MAX_ID` characters."""
        ids = [member.id for member in self.members]
        joined = "+".join(ids)
        if len(joined) <= MAX_ID:
            return joined
        digest = hashlib.sha256(joined.encode()).hexdigest()[:8]
        tail = f"+{len(ids) - 1}more-{digest}"
        return ids[0][: MAX_ID - len(tail)] + tail

    @cached_property
    def axis(self) -> Track:
        """The longest member, whose chainage and offset serve the whole group."""
        return max(self.members, key=lambda member: (member.length_m, member.id))

    @cached_property
    def _paths(self) -> tuple[tuple[Floats, Floats, Floats], ...]:
        """For each member (axis chainage, offset, own chainage), by rising axis chainage."""
        return tuple(self._path(member) for member in self.members)

    def _path(self, track: Track) -> tuple[Floats, Floats, Floats]:
        own = track.samples(2.0)
        place = self.axis.back(*track.xy(own, 0.0))
        order = np.argsort(place.chainage, kind="stable")
        return place.chainage[order], place.offset[order], own[order]

    @property
    def span_m(self) -> tuple[float, float]:
        """First and last chainage of the axis, produced where needed, beside any member."""
        return (
            min(float(path[0][0]) for path in self._paths),
            max(float(path[0][-1]) for path in self._paths),
        )

    def positions(self, chainage: Floats) -> tuple[Floats, Floats]:
        """Say where the members lie at chainages of the axis.

        Returns
        -------
        offset
            (member, chainage) float64, metres to the left of the axis; NaN where the member is not.
        own_chainage
            (member, chainage) float64, metres along the member itself; NaN where it is not.
        """
        offset = np.full((len(self.members), len(chainage)), np.nan)
        own = np.full_like(offset, np.nan)
        for row, (along, across, theirs) in enumerate(self._paths):
            inside = (chainage >= along[0]) & (chainage <= along[-1])
            offset[row, inside] = np.interp(chainage[inside], along, across)
            own[row, inside] = np.interp(chainage[inside], along, theirs)
        return offset, own

    def position_of(self, track: Track, chainage: Floats) -> tuple[Floats, Floats]:
        """Say where a track that is no member lies: two (chainage,), as `positions` does.

        Only where it runs within `ABREAST_M` of a member.
        """
        along, across, theirs = self._path(track)
        reach = ABREAST_M + max(float(np.abs(path[1]).max()) for path in self._paths)
        low, high = self.span_m
        near = (np.abs(across) <= reach) & (along >= low - reach) & (along <= high + reach)
        offset, own = np.full(len(chainage), np.nan), np.full(len(chainage), np.nan)
        if near.sum() < 2:
            return offset, own
        along, across, theirs = along[near], across[near], theirs[near]
        inside = (chainage >= along[0]) & (chainage <= along[-1])
        offset[inside] = np.interp(chainage[inside], along, across)
        own[inside] = np.interp(chainage[inside], along, theirs)
        return offset, own


@dataclass(frozen=True, slots=True, eq=False)
class Neighbour:
    """A parallel track beside a siding."""

    id: str
    chainage: Floats
    """(k,) float64, metres along the siding, every 5 m."""
    offset: Floats
    """(k,) float64, metres across to the neighbour, positive to the left.

    NaN where it is not beside, also level with its very end.
    """


def track_groups(sidings: SidingSet, gsd_m: float) -> tuple[TrackGroup, ...]:
    """Group sidings that a sensor of `gsd_m` cannot tell apart, ordered by group id.

    Two sidings belong together when they are nearer than `gsd_m / SEPARABLE` over most of the
    length on which they lie abreast. Main lines form groups among themselves only.
    """
    tracks = [Track.of(siding, sidings.utm) for siding in sidings]
    main = [siding.kind is SidingKind.MAIN for siding in sidings]
    limit_m = gsd_m / SEPARABLE
    together: dict[frozenset[int], list[int]] = {}
    for pair in _parallel(tracks, max(ABREAST_M, 3.0 * limit_m)):
        if main[pair.track] == main[pair.other]:
            tally = together.setdefault(frozenset((pair.track, pair.other)), [0, 0])
            tally[0] += len(pair.offset)
            tally[1] += int(np.sum(np.abs(pair.offset) < limit_m))
    edges = [
        tuple(sorted(pair))
        for pair, (common, close) in together.items()
        if common * _STEP_M >= 2 * LEAST_COMMON_M and close > 0.5 * common
    ]
    groups = [
        TrackGroup(tuple(tracks[i] for i in part), counted=not main[part[0]])
        for part in _connected(len(tracks), edges)
    ]
    return tuple(sorted(groups, key=lambda group: group.id))


def neighbours(sidings: SidingSet, reach_m: float = 25.0) -> dict[str, tuple[Neighbour, ...]]:
    """Find the parallel tracks within `reach_m` of each siding, with their spacing by chainage."""
    tracks = [Track.of(siding, sidings.utm) for siding in sidings]
    found: dict[str, list[Neighbour]] = {track.id: [] for track in tracks}
    for pair in _parallel(tracks, reach_m):
        track = tracks[pair.track]
        chainage = track.samples(_STEP_M)
        offset = np.full_like(chainage, np.nan)
        offset[np.searchsorted(chainage, pair.chainage)] = pair.offset
        found[track.id].append(Neighbour(tracks[pair.other].id, chainage, offset))
    return {track_id: tuple(beside_it) for track_id, beside_it in found.items()}


def _parallel(tracks: Sequence[Track], reach_m: float) -> list[Beside]:
    """Pairs abreast and aligned, only the samples where they are."""
    pairs = (pair.only(pair.aligned >= ALIGNED) for pair in beside(tracks, reach_m, _STEP_M))
    return [pair for pair in pairs if len(pair.chainage)]


def _connected(count: int, edges: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """List connected components of `count` nodes, each in rising order."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows = [edge[0] for edge in edges]
    columns = [edge[1] for edge in edges]
    graph = coo_array((np.ones(len(edges)), (rows, columns)), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    return [np.flatnonzero(label == part).tolist() for part in np.unique(label)]
