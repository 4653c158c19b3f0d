"""Traffic: which consist stands on which track from when to when."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from railwatch.injection import Consist, draw_consist
from railwatch.siding import SidingKind
from railwatch.testing.scenery.place import Place

CLEARANCE_M = 3.0
"""Between two consists on one track."""


WARM_UP_DAYS = 21


@dataclass(frozen=True, slots=True)
class Stay:
    """A consist on a track."""

    track: int
    """Index into the place's tracks and sidings."""
    consist: Consist
    arrives: dt.datetime
    departs: dt.datetime
    static: bool = False
    """Parked for good: housing cars, maintenance stock."""
    speed_m_s: float = 0.0
    """Under way, along rising chainage."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """All stays of a place over its years."""

    stays: tuple[Stay, ...]

    def at(self, when: dt.datetime) -> tuple[Stay, ...]:
        """Who is there at an instant."""
        return tuple(s for s in self.stays if s.arrives <= when < s.departs)


@dataclass(frozen=True, slots=True)
class TrafficDraw:
    """How a yard is used."""

    seed: int
    level: Callable[[dt.date], float]
    """Cars meant to stand there on a day; the yard wanders about it."""
    stay_days: float = 2.5
    """Mean of the exponential time a consist stays (method.md 2.3: trains stand 1-4 days)."""
    wander: float = 0.35
    """Standard deviation of ln level from week to week."""
    static_cars: int = 0
    moving: float = 0.1
    """Chance that a train runs on the main line when a scene is taken."""
    mixed: float = 0.3
    kinds: tuple[str, ...] = ()
    most: int = 30
    """Cars of the longest consist."""


def draw_traffic(place: Place, draw: TrafficDraw, start: dt.date, end: dt.date) -> Traffic:
    """Let consists come and go day by day so that the yard follows `draw.level`."""
    rng = np.random.default_rng([draw.seed, 4])
    # The yard is in use before the first scene is taken.
    start -= dt.timedelta(days=WARM_UP_DAYS)
    yard = _Yard(place, [])
    if draw.static_cars:
        consist = draw_consist(rng, draw.static_cars, mixed=1.0)
        yard.park(rng, consist, _noon(start), _noon(end) + dt.timedelta(days=3650), static=True)
    mood = rng.normal(0.0, draw.wander)
    gone_by: list[Stay] = []
    for number in range((end - start).days + 1):
        day = start + dt.timedelta(days=number)
        now = _noon(day)
        gone_by += [s for s in yard.stays if s.departs <= now]
        yard.stays = [s for s in yard.stays if s.departs > now]
        # An Ornstein-Uhlenbeck walk with a memory of about a week.
        mood += -mood / 7.0 + rng.normal(0.0, draw.wander * math.sqrt(2.0 / 7.0))
        target = draw.level(day) * math.exp(mood - draw.wander**2 / 2.0)
        here = [s for s in yard.stays if not s.static]
        count = sum(len(s.consist.vehicles) for s in here)
        rng.shuffle(here)
        while here and count > target + 2.0:
            gone = here.pop()
            yard.stays[yard.stays.index(gone)] = replace(gone, departs=now)
            count -= len(gone.consist.vehicles)
        for _ in range(12):
            missing = target - count
            if missing < rng.uniform(0.3, 3.0):
                break
            size = int(min(max(1, round(missing * rng.uniform(0.4, 1.05))), draw.most))
            consist = draw_consist(
                rng, size, mixed=draw.mixed, kinds=draw.kinds, locomotive=rng.random() < 0.06
            )
            leaves = now + dt.timedelta(days=max(1.0, rng.exponential(draw.stay_days)))
            if yard.park(rng, consist, now, leaves):
                count += size
    return Traffic((*gone_by, *yard.stays, *_passing(rng, place, draw, start, end)))


def _noon(day: dt.date) -> dt.datetime:
    """When shunters work: between one day's scene and the next's."""
    return dt.datetime.combine(day, dt.time(16), dt.UTC)


@dataclass(slots=True)
class _Yard:
    place: Place
    stays: list[Stay]

    def park(
        self,
        rng: np.random.Generator,
        consist: Consist,
        arrives: dt.datetime,
        departs: dt.datetime,
        *,
        static: bool = False,
    ) -> bool:
        """Put a consist into a gap that holds it; False where there is none."""
        gaps = []
        for number, (siding, span) in enumerate(
            zip(self.place.sidings, self.place.spans, strict=True)
        ):
            if siding.kind is not SidingKind.MAIN:
                taken = [
                    (s.consist.from_m, s.consist.from_m + s.consist.length_m)
                    for s in self.stays
                    if s.track == number and s.arrives < departs and arrives < s.departs
                ]
                gaps += [(number, a, b) for a, b in free(span, taken) if b - a >= consist.length_m]
        if not gaps:
            return False
        number, a, b = gaps[int(rng.integers(len(gaps)))]
        at = float(rng.choice([a, b - consist.length_m, rng.uniform(a, b - consist.length_m)]))
        self.stays.append(Stay(number, replace(consist, from_m=at), arrives, departs, static))
        return True


def free(
    span: tuple[float, float], taken: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Stretches of a span that stand `CLEARANCE_M` clear of what is taken."""
    gaps, at = [], span[0]
    for a, b in sorted(taken):
        if a - CLEARANCE_M > at:
            gaps.append((at, a - CLEARANCE_M))
        at = max(at, b + CLEARANCE_M)
    return [*gaps, (at, span[1])] if at < span[1] else gaps


def _passing(
    rng: np.random.Generator, place: Place, draw: TrafficDraw, start: dt.date, end: dt.date
) -> list[Stay]:
    """Trains under way on the main line on some days, there for the whole day of the scene."""
    mains = [n for n, s in enumerate(place.sidings) if s.kind is SidingKind.MAIN]
    trains = []
    for number in range((end - start).days + 1):
        for track in mains:
            if rng.random() < draw.moving:
                consist = draw_consist(rng, int(rng.integers(5, 30)), locomotive=True)
                room = place.tracks[track].length_m - consist.length_m
                if room > 40.0:
                    consist = replace(consist, from_m=float(rng.uniform(0.0, room - 40.0)))
                    begin = _noon(start + dt.timedelta(days=number))
                    trains.append(
                        Stay(
                            track,
                            consist,
                            begin,
                            begin + dt.timedelta(days=1),
                            speed_m_s=float(rng.uniform(8.0, 25.0)),
                        )
                    )
    return trains
