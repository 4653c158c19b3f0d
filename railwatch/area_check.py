"""What an area amounts to: lengths, groups by sensor, and what in it deserves a second look.

A refusal is for files that cannot give right counts; a remark here is for files that can and
probably were not meant so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from railwatch.abreast import beside
from railwatch.area import Area
from railwatch.fouling import TOUCHING_M, usable_stretches
from railwatch.siding import SidingKind
from railwatch.stretch import Stretches
from railwatch.track import SMOOTHING_M, Track
from railwatch.track_group import TrackGroup, track_groups

GSDS_M = (0.5, 3.0, 10.0)
"""Ground sampling distances of one sensor each of classes A, B and C, metres."""

LEAST_RADIUS_M = 80.0
"""Below this no wagon of 1520 or 1435 mm gauge runs, so a tighter curve is a slip of the pen."""

LEAST_JUDGED_M = 60.0
"""Shorter tracks lie near another for most of their length when they leave it at a switch."""

LEAST_CAR_M = 12.0
"""A four-axle tank wagon, the shortest car, over couplers."""


@dataclass(frozen=True)
class AreaReport:
    """An area in figures, with remarks."""

    area: Area
    usable: dict[str, Stretches]
    """Where cars may stand, by siding id."""
    groups: dict[float, tuple[TrackGroup, ...]]
    """Track groups by GSD in metres."""
    remarks: tuple[str, ...]
    """One sentence each."""

    @property
    def counted_m(self) -> float:
        """Metres where cars may stand, main lines left out."""
        return sum(
            self.usable[siding.id].length_m
            for siding in self.area.sidings
            if siding.kind is not SidingKind.MAIN
        )

    @property
    def cars(self) -> int:
        """Cars of mean length that fit."""
        return int(self.counted_m / self.area.car_length_m[0])


def inspect_area(area: Area) -> AreaReport:
    """Work out what the area amounts to."""
    usable = usable_stretches(area.sidings)
    tracks = [Track.of(siding, area.sidings.utm) for siding in area.sidings]
    return AreaReport(
        area=area,
        usable=usable,
        groups={gsd_m: track_groups(area.sidings, gsd_m) for gsd_m in GSDS_M},
        remarks=(
            *_sharp_turns(tracks),
            *_drawn_twice(tracks),
            *_without_room(tracks, usable),
        ),
    )


def _sharp_turns(tracks: list[Track]) -> Iterator[str]:
    for track in tracks:
        at = track.chainage[1:-1]
        if not len(at):
            continue
        before = track.direction(at - SMOOTHING_M)
        after = track.direction(at + SMOOTHING_M)
        turn = np.arccos(np.clip(np.sum(before * after, axis=1), -1.0, 1.0))
        worst = int(np.argmax(turn))
        if turn[worst] * LEAST_RADIUS_M > 2 * SMOOTHING_M:
            yield (
                f"{track.id} turns {np.rad2deg(turn[worst]):.0f} degrees within "
                f"{2 * SMOOTHING_M:.0f} m at chainage {at[worst]:.0f} m, sharper than trains run; "
                "draw the curve"
            )


def _drawn_twice(tracks: list[Track]) -> Iterator[str]:
    for pair in beside(tracks, TOUCHING_M / 2, 5.0):
        track, other = tracks[pair.track], tracks[pair.other]
        share = 5.0 * len(pair.chainage) / track.length_m
        if pair.track < pair.other and share > 0.5 and track.length_m >= LEAST_JUDGED_M:
            yield (
                f"{track.id} lies within {TOUCHING_M / 2:g} m of {other.id} over most of its "
                "length; draw each track once"
            )


def _without_room(tracks: list[Track], usable: dict[str, Stretches]) -> Iterator[str]:
    full = [t.id for t in tracks if not usable[t.id].longer_than(LEAST_CAR_M).intervals]
    if full:
        named = ", ".join(full[:3]) + (f" and {len(full) - 3} more" if len(full) > 3 else "")
        yield f"no room for a car between fouling points on {named}; they count as no length"
