"""A block: neighbouring tracks that one sensor blurs into each other, inferred jointly.

Tracks of one group share an axis. Each cell of the axis has up to `MAX_TRACKS` lanes, a lane being
the place across the axis where at most one track runs at a time; tracks that follow each other end
to end share a lane. A yard wider than that is cut into blocks side by side, and each block
also carries the next lane on either side, so that a neighbour's cars are not mistaken for its own.
For the same reason it carries main lines beside it: trains that pass there, or wait for a signal,
are told apart and not counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from railwatch.detector.occupancy import MAX_TRACKS
from railwatch.fouling import usable_stretches
from railwatch.siding import SidingSet
from railwatch.stretch import Stretches, existing_stretches, visible_stretches
from railwatch.track import Track
from railwatch.track_group import TrackGroup, track_groups

F64 = npt.NDArray[np.float64]

JOINT_GSD_M = 10.0
"""Tracks that 10 m pixels cannot separate throw shadows on each other at 3 m as well."""

PASSING_GSD = 2.0
"""Main lines nearer than this many GSD to a track send light, and shadow, into its pixels."""
PASSING_LEAST_M = 9.0
"""Or nearer than a shadow in winter (method.md 2.3 step 6)."""
PASSING_AT_MOST = 2
"""Main lines a block carries: the nearest; a double line."""


@dataclass(frozen=True)
class Block:
    """Neighbouring tracks on one axis, cut into cells."""

    group: TrackGroup
    own: tuple[int, ...]
    """Members of the group this block counts."""
    lanes: tuple[tuple[int, ...], ...]
    """Members by lane, ordered from right to left of the axis; neighbours' lanes included.

    Main lines follow in lanes of their own, numbered after the members.
    """
    cell_m: float
    chainage: F64
    """(cell,) centres along the axis, metres."""
    offset: F64
    """(offset,) metres left of the axis at which strips are sampled."""
    passing: tuple[Track, ...] = ()
    """Main lines beside the block, each in a lane of its own after the others."""

    @cached_property
    def tracks(self) -> tuple[Track, ...]:
        """Members of the group, then main lines: what numbers in `lanes` and `member` mean."""
        return (*self.group.members, *self.passing)

    @cached_property
    def _positions(self) -> tuple[F64, F64]:
        across, own = self.group.positions(self.chainage)
        if not self.passing:
            return across, own
        beside = [self.group.position_of(track, self.chainage) for track in self.passing]
        return (
            np.vstack([across, *(one[0][None] for one in beside)]),
            np.vstack([own, *(one[1][None] for one in beside)]),
        )

    @cached_property
    def member(self) -> npt.NDArray[np.int64]:
        """(lane, cell) int64: which member runs there, -1 for none."""
        across, _ = self._positions
        table = np.full((len(self.lanes), len(self.chainage)), -1, dtype=np.int64)
        for lane, members in enumerate(self.lanes):
            for m in members:
                table[lane, np.isfinite(across[m])] = m
        return table

    @cached_property
    def lane_offset(self) -> F64:
        """(lane, cell) metres left of the axis; a lane without a track there keeps its mean."""
        across, _ = self._positions
        table = np.take_along_axis(across, np.maximum(self.member, 0), axis=0)
        table = np.where(self.member >= 0, table, np.nan)
        mean = np.nanmean(table, axis=1, keepdims=True)
        return np.where(np.isfinite(table), table, mean)

    def units(self, *, each_siding: bool) -> list[tuple[str, tuple[int, ...]]]:
        """Give what is reported: (id, members) of each siding, or of the block's own as one."""
        ids = [member.id for member in self.group.members]
        own = tuple(sorted(self.own))
        if each_siding:
            return [(ids[m], (m,)) for m in own]
        if len(own) == len(ids):
            return [(self.group.id, own)]
        return [("+".join(ids[m] for m in own), own)]

    def own_chainage(self, member: int) -> F64:
        """(cell,) metres along the member itself; NaN where it is not."""
        return np.asarray(self._positions[1][member])

    @cached_property
    def ground(self) -> tuple[F64, F64]:
        """Ground (x, y) of the strip samples, each (offset, cell), metres."""
        return self.group.axis.xy(self.chainage[None, :], self.offset[:, None])

    @cached_property
    def heading(self) -> F64:
        """(cell,) azimuth of the axis, radians clockwise from north."""
        along = self.group.axis.direction(self.chainage)
        return np.arctan2(along[:, 0], along[:, 1])


@dataclass(frozen=True)
class Sight:
    """Where cars can stand and be seen in a block on one day."""

    allowed: npt.NDArray[np.int64]
    """(cell,) bit k set where lane k holds a track on which cars can stand, seen or not."""
    visible: npt.NDArray[np.bool_]
    """(lane, cell) bool."""
    total_m: dict[int, float]
    """By member: metres on which cars may stand."""
    visible_m: dict[int, float]
    """By member: metres of them a satellite sees."""


def blocks_of(sidings: SidingSet, gsd_m: float) -> tuple[Block, ...]:
    """Cut a siding set into blocks for a sensor of `gsd_m`."""
    groups = track_groups(sidings, JOINT_GSD_M)
    mains = [track for group in groups if not group.counted for track in group.members]
    return tuple(
        block for group in groups for block in _cut(group, gsd_m, mains if group.counted else [])
    )


def sight_of(block: Block, sidings: SidingSet, day: dt.date) -> Sight:
    """Say which cells of a block can hold cars, and show them, on `day`."""
    by_id = {siding.id: siding for siding in sidings}
    usable = _usable(sidings)
    lanes, cells = block.member.shape
    stands = np.zeros((lanes, cells), dtype=np.bool_)
    visible = np.zeros((lanes, cells), dtype=np.bool_)
    total: dict[int, float] = {}
    seen: dict[int, float] = {}
    for m in {int(m) for m in np.unique(block.member) if m >= 0}:
        track = block.tracks[m]
        siding = by_id[track.id]
        # A train under way also passes where none may stand.
        whole = Stretches(((0.0, track.length_m),)) if track in block.passing else usable[track.id]
        existing = existing_stretches(siding, whole, day)
        open_sky = visible_stretches(siding, whole, day)
        own = np.nan_to_num(block.own_chainage(m), nan=-1.0)
        here = block.member == m
        stands |= here & existing.contains(own)[None, :]
        visible |= here & open_sky.contains(own)[None, :]
        total[m], seen[m] = existing.length_m, open_sky.length_m
    bits = (stands & visible).astype(np.int64) << np.arange(lanes)[:, None]
    return Sight(bits.sum(axis=0), visible & stands, total, seen)


@lru_cache(maxsize=8)
def _usable(sidings: SidingSet) -> dict[str, Stretches]:
    """Where cars may stand, kept because every scene asks."""
    return usable_stretches(sidings)


def _cut(group: TrackGroup, gsd_m: float, mains: Sequence[Track]) -> list[Block]:
    cell_m = 0.5 * gsd_m
    first, last = group.span_m
    chainage = np.arange(first - 2 * gsd_m, last + 2 * gsd_m, cell_m)
    across, _ = group.positions(chainage)
    lanes = _lanes(across)
    beside = {track: group.position_of(track, chainage)[0] for track in mains}
    room = MAX_TRACKS - len(_passing(beside, across, gsd_m))
    each = room if len(lanes) <= room else room - 2
    pieces = -(-len(lanes) // each)
    reach = 11.0 + 2.0 * gsd_m  # a shadow, and land beyond it to compare with
    blocks = []
    for part in np.array_split(np.arange(len(lanes)), pieces):
        wide = range(max(0, part[0] - 1), min(len(lanes), part[-1] + 2)) if pieces > 1 else part
        members = [m for lane in wide for m in lanes[lane]]
        passing = _passing(beside, across[members], gsd_m)
        there = np.vstack([across[members], *(beside[track][None] for track in passing)])
        low, high = np.nanmin(there) - reach, np.nanmax(there) + reach
        offset = np.arange(np.floor(low / cell_m), np.ceil(high / cell_m) + 1) * cell_m
        seen = np.isfinite(across[members]).any(axis=0)
        keep = np.convolve(seen, np.ones(9), mode="same") > 0
        extra = range(len(group.members), len(group.members) + len(passing))
        blocks.append(
            Block(
                group,
                tuple(m for lane in part for m in lanes[lane]),
                (*(tuple(lanes[lane]) for lane in wide), *((m,) for m in extra)),
                cell_m,
                chainage[keep],
                offset,
                passing,
            )
        )
    return blocks


def _passing(beside: Mapping[Track, F64], across: F64, gsd_m: float) -> tuple[Track, ...]:
    """Choose the main lines that a block of members at (member, cell) offsets has to carry."""
    reach = max(PASSING_GSD * gsd_m, PASSING_LEAST_M)
    near = []
    for number, (track, offset) in enumerate(beside.items()):
        apart = np.abs(across - offset)
        close = np.nanmin(np.where(np.isfinite(apart), apart, np.inf), axis=0) < reach
        if close.sum() >= 6:
            near.append((float(np.min(apart[np.isfinite(apart)])), number, track))
    return tuple(track for *_, track in sorted(near)[:PASSING_AT_MOST])


def _lanes(across: F64) -> list[list[int]]:
    """Share members out to lanes: right to left, tracks end to end in one lane."""
    mean = np.nanmean(across, axis=1)
    present = np.isfinite(across)
    lanes: list[list[int]] = []
    for m in np.argsort(mean, kind="stable").tolist():
        fits: Sequence[list[int]] = [
            lane
            for lane in lanes
            if not (present[lane].any(axis=0) & present[m]).any()
            and abs(float(np.mean(mean[lane])) - mean[m]) < 3.0
        ]
        if fits:
            fits[0].append(m)
        else:
            lanes.append([m])
    return lanes
