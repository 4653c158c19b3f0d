"""The published story of Tumangang, October 2018 to October 2023, as traffic to be rendered.

Dates, trains and totals follow method.md 4.2: at most about 20 cars in five years, a rise from
mid-September 2023, about 73 on 2023-10-05 (Beyond Parallel, 6 October 2023), and the trains that
press reports measured in between. Where sources disagree (Voice of America measured 420 m on
2023-02-02, Beyond Parallel counted at most 20 cars in those years) the lower one is followed.
Everything not reported, between those dates and about each car, is drawn by dice.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, replace

import numpy as np

from railwatch.injection import draw_consist
from railwatch.siding import SidingSet
from railwatch.testing.scenery.place import Place, PlaceDraw
from railwatch.testing.scenery.sensor import SENTINEL2, VHR_050, Packing, Sensor
from railwatch.testing.scenery.traffic import Stay, Traffic, TrafficDraw, draw_traffic, free
from railwatch.testing.scenery.weather import Climate, Conditions, draw_conditions

FIRST = dt.date(2018, 10, 5)
LAST = dt.date(2023, 10, 5)
QUIET_UNTIL = dt.date(2023, 9, 13)
"""The yard stood empty on 2023-09-14 (Radio Free Asia)."""

MOST_BEFORE = 20
SURGE_CARS = 73

SEED = 20231005

PLACE_LON, PLACE_LAT = 130.62, 42.42

SHARP_DAYS = (dt.date(2021, 5, 14), dt.date(2022, 11, 30), LAST)
"""Days seen at 0.5 m: an ordinary one, that of 38 North's eight cars, and that of the 73."""

FAIR = Climate(cloudy=0, thin_cloud=0, haze=0.2, rain=0, snow=0, roof_masked=0)

DECAMETRE = replace(SENTINEL2, packing=Packing.BASELINE_4)
"""Sentinel-2 as delivered: with the offset of processing baseline 04.00 from January 2022."""

HALF_METRE = replace(VHR_050, bands=("blue", "green", "red"))

CLIMATE = Climate(cloudy=0.34, thin_cloud=0.08, haze=0.2, rain=0.2, snow=0.35, roof_masked=0.08)


@dataclass(frozen=True, slots=True)
class Reported:
    """A train, or several, that stood there by a published report."""

    day: dt.date
    cars: tuple[int, ...]
    days: int


REPORTED: tuple[Reported, ...] = (
    Reported(dt.date(2022, 10, 28), (7,), 3),
    Reported(dt.date(2022, 11, 1), (12,), 4),
    Reported(dt.date(2022, 11, 6), (11,), 3),
    Reported(dt.date(2022, 11, 17), (5,), 3),
    Reported(dt.date(2022, 11, 30), (8,), 4),
    Reported(dt.date(2023, 1, 28), (6,), 2),
    Reported(dt.date(2023, 1, 30), (12,), 3),
    Reported(dt.date(2023, 2, 2), (6, 12), 3),
    Reported(dt.date(2023, 5, 22), (9,), 3),
    Reported(dt.date(2023, 5, 30), (5, 7, 5), 3),
)

RISE: tuple[Reported, ...] = (
    Reported(dt.date(2023, 9, 17), (8,), 40),
    Reported(dt.date(2023, 9, 20), (10,), 40),
    Reported(dt.date(2023, 9, 21), (14, 4), 40),
    Reported(dt.date(2023, 9, 27), (12,), 40),
    Reported(dt.date(2023, 9, 30), (10,), 40),
    Reported(dt.date(2023, 10, 2), (8,), 40),
    Reported(dt.date(2023, 10, 4), (7,), 40),
)
"""Steady increase since 2023-09-18, rows of 200 and 300 m on 09-22 and 09-24; in all 73 cars."""


def tumangang(sidings: SidingSet, ring_m: float = 320.0) -> Place:
    """Build the facility around its declared sidings, whose true tracks lie 1.2 m off them."""
    return Place.around(
        sidings,
        PlaceDraw(
            SEED,
            tracks=len(sidings),
            spacing_m=5.3,
            lon=PLACE_LON,
            lat=PLACE_LAT,
            digitised_off_m=(0.9, -0.8),
            texture=0.07,
            cargo=2,
            ring_m=ring_m,
        ),
    )


def published_story(place: Place) -> Traffic:
    """Draw five years of traffic that pass through every reported state."""
    rng = np.random.default_rng([SEED, 30])
    told = _parked(rng, place, [])
    usual = draw_traffic(
        place,
        TrafficDraw(SEED, _usual_level, stay_days=2.5, wander=0.5, most=9, moving=0.08),
        FIRST,
        QUIET_UNTIL,
    )
    kept: list[Stay] = list(told)
    for stay in sorted(usual.stays, key=lambda s: s.arrives):
        departs = min(stay.departs, _evening(QUIET_UNTIL))
        fits = stay.speed_m_s > 0 or _fits(place, kept, replace(stay, departs=departs))
        if departs > stay.arrives and fits:
            kept.append(replace(stay, departs=departs))
    return Traffic(tuple(kept))


def story_scenes() -> dict[Sensor, tuple[Conditions, ...]]:
    """Draw the weather of every scene: five years of Sentinel-2 and three days at 0.5 m.

    Overcast scenes are left out, as a search with a limit on cloud cover does, and the last two
    passes are clear, so that the end of the story is seen.
    """
    rng = np.random.default_rng([SEED, 31])
    days = [FIRST + dt.timedelta(days=k) for k in range(0, (LAST - FIRST).days + 1, 5)]
    days = [day + (LAST - days[-1]) for day in days]
    passes = draw_conditions(rng, DECAMETRE, CLIMATE, days, (PLACE_LON, PLACE_LAT))
    seen = [c for c in passes[:-2] if c.cloud < 1.0]
    seen += [replace(c, cloud=0.0, thin_cloud=0.0) for c in passes[-2:]]
    sharp = draw_conditions(rng, HALF_METRE, FAIR, SHARP_DAYS, (PLACE_LON, PLACE_LAT))
    return {DECAMETRE: tuple(seen), HALF_METRE: sharp}


def _usual_level(day: dt.date) -> float:
    """Few cars, more of them since the border opened to freight in 2022; seasons as waves."""
    wave = 1.0 + 0.4 * math.sin(day.toordinal() / 58.0)
    return (5.0 if day < dt.date(2022, 9, 1) else 8.0) * wave


def _parked(rng: np.random.Generator, place: Place, stays: list[Stay]) -> list[Stay]:
    """Put every reported train on the freight yard's tracks, where a gap holds it."""
    yard = [n for n, s in enumerate(place.sidings) if s.id.startswith("yard")]
    for report in (*REPORTED, *RISE):
        arrives = _evening(report.day - dt.timedelta(days=1))
        departs = arrives + dt.timedelta(days=report.days)
        for cars in report.cars:
            kinds = ("boxcar", "gondola", "flat-container-60") if report in RISE else ()
            consist = draw_consist(rng, cars, mixed=0.4, kinds=kinds)
            spots = [
                (track, a, b)
                for track in yard
                for a, b in free(place.spans[track], _taken(stays, track, arrives, departs))
                if b - a >= consist.length_m
            ]
            track, a, b = spots[int(rng.integers(len(spots)))]
            at = float(rng.uniform(a, b - consist.length_m))
            stays.append(Stay(track, replace(consist, from_m=at), arrives, departs))
    return stays


def _fits(place: Place, kept: list[Stay], stay: Stay) -> bool:
    """Whether a drawn train leaves the reported ones room and the facility below 21 cars."""
    taken = _taken(kept, stay.track, stay.arrives, stay.departs)
    low, high = stay.consist.from_m, stay.consist.from_m + stay.consist.length_m
    if not any(a <= low and high <= b for a, b in free(place.spans[stay.track], taken)):
        return False
    mates = [s for s in kept if s.arrives < stay.departs and stay.arrives < s.departs]
    days = (stay.departs - stay.arrives).days + 2
    instants = [stay.arrives + dt.timedelta(days=k) for k in range(days)]
    busiest = max(
        sum(len(s.consist.vehicles) for s in mates if s.arrives <= when < s.departs)
        for when in instants
    )
    return busiest + len(stay.consist.vehicles) <= MOST_BEFORE


def _taken(
    stays: list[Stay], track: int, arrives: dt.datetime, departs: dt.datetime
) -> list[tuple[float, float]]:
    return [
        (s.consist.from_m, s.consist.from_m + s.consist.length_m)
        for s in stays
        if s.track == track and s.arrives < departs and arrives < s.departs
    ]


def _evening(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(16), dt.UTC)
