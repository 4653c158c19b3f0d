"""Strata: the kinds of place, sensor, use and season that a detector is tried on."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from railwatch.count import ResolutionClass
from railwatch.testing.scenery import (
    DOVE,
    SENTINEL2,
    VHR_030,
    VHR_050,
    VHR_100,
    VHR_RGB,
    Climate,
    PlaceDraw,
    Sensor,
    TrafficDraw,
)

SURGE_CARS = 73
"""What stood at Tumangang on 2023-10-05 (method.md 4.2)."""

SURGE_DAYS = 18
"""From the first arrival to the full yard: 2023-09-18 to 10-05."""

SURGE_LASTS_DAYS = 45

Level = Callable[[dt.date], float]


@dataclass(frozen=True, slots=True)
class Stratum:
    """One row of the evaluation's table."""

    name: str
    resolution_class: ResolutionClass
    sensor: Sensor
    sites: int
    """Places in a full evaluation."""
    quick_sites: int
    days: int
    """From first scene to last; 0: a single scene."""
    quick_days: int
    every_days: int
    """Between scenes."""
    tracks: tuple[int, ...]
    """Numbers of tracks drawn from."""
    most_cars: float
    """The yard's level is drawn between nothing and this."""
    spacing_m: tuple[float, float] = (4.3, 6.0)
    surge: bool = False
    """The yard fills to `SURGE_CARS` near the end."""
    mixed: float = 0.3

    @property
    def series(self) -> bool:
        """Whether counts rest on earlier scenes."""
        return self.days > 0


STRATA: tuple[Stratum, ...] = (
    Stratum("A 0.3 m", ResolutionClass.A, VHR_030, 4, 1, 0, 0, 1, (1, 2, 4, 6), 60.0),
    Stratum("A 0.5 m", ResolutionClass.A, VHR_050, 12, 3, 0, 0, 1, (1, 2, 4, 6, 8, 12), 90.0),
    Stratum("A 0.5 m RGB", ResolutionClass.A, VHR_RGB, 12, 3, 0, 0, 1, (1, 2, 4, 6, 8, 12), 90.0),
    Stratum("A 1 m", ResolutionClass.A, VHR_100, 12, 3, 0, 0, 1, (1, 2, 4, 6, 8), 70.0),
    Stratum("B 3 m", ResolutionClass.B, DOVE, 8, 1, 300, 150, 5, (1, 2, 4, 6), 60.0),
    Stratum("C one siding", ResolutionClass.C, SENTINEL2, 8, 1, 730, 330, 5, (1,), 20.0),
    Stratum(
        "C six tracks", ResolutionClass.C, SENTINEL2, 8, 1, 730, 330, 5, (6,), 20.0, (5.0, 5.0)
    ),
    Stratum(
        "C surge",
        ResolutionClass.C,
        SENTINEL2,
        20,
        1,
        1825,
        400,
        5,
        (4, 5, 6, 8),
        20.0,
        surge=True,
    ),
)


def draw_site_parameters(
    stratum: Stratum, seed: int, *, days: int
) -> tuple[PlaceDraw, TrafficDraw, Climate, tuple[dt.date, ...]]:
    """Draw one site of a stratum: its place, use, climate and the days of its scenes."""
    rng = np.random.default_rng([seed, 20])
    drawn = PlaceDraw.drawn(seed)
    tracks = int(rng.choice(stratum.tracks))
    place = replace(
        drawn,
        tracks=tracks,
        spacing_m=float(rng.uniform(*stratum.spacing_m)),
        length_m=max(drawn.length_m, 700.0 if tracks > 4 else 450.0),
        ladder=drawn.ladder and tracks > 2,
        ring_m=stratum.sensor.ring_m + 20.0,
    )
    if place.ladder:
        # A ladder costs 9 m of every outer track for each metre it lies off the middle.
        place = replace(place, length_m=place.length_m + 9.0 * tracks * place.spacing_m)
    if stratum.surge:
        place = replace(place, length_m=max(place.length_m, 28.0 * SURGE_CARS / tracks + 250.0))
    year = int(rng.integers(2017, 2024))
    start = dt.date(year, 1, 1) + dt.timedelta(days=int(rng.integers(0, 365)))
    scenes = tuple(start + dt.timedelta(days=k) for k in range(0, days + 1, stratum.every_days))
    level = float(rng.uniform(0.15, 1.0)) * stratum.most_cars * (0.8 if stratum.series else 1.0)
    use = TrafficDraw(
        seed,
        _level(rng, level, start + dt.timedelta(days=days), surge=stratum.surge),
        stay_days=float(rng.uniform(1.0, 6.0)),
        wander=0.12 if stratum.surge else float(rng.uniform(0.2, 0.6)),
        mixed=float(rng.uniform(0.1, 0.7)),
        moving=0.15,
        most=max(4, int(stratum.most_cars // 2)),
    )
    climate = Climate(
        cloudy=float(rng.uniform(0.15, 0.6)),
        thin_cloud=float(rng.uniform(0.02, 0.2)),
        haze=float(rng.uniform(0.1, 0.4)),
        rain=float(rng.uniform(0.05, 0.4)),
        snow=float(rng.uniform(0.0, 0.6)) * (abs(place.lat) > 38.0),
        cold_months=(12, 1, 2) if place.lat >= 0 else (6, 7, 8),
        roof_masked=float(rng.uniform(0.0, 0.3)),
    )
    if not stratum.series:
        climate = replace(climate, cloudy=0.0, thin_cloud=0.0, snow=0.0)
    return place, use, climate, scenes


def surge_window(last: dt.date) -> tuple[dt.date, dt.date]:
    """First day of a surge and the day the yard is full, for a series that ends on `last`."""
    full = last - dt.timedelta(days=SURGE_LASTS_DAYS)
    return full - dt.timedelta(days=SURGE_DAYS), full


def _level(rng: np.random.Generator, mean: float, last: dt.date, *, surge: bool) -> Level:
    """Draw how many cars the yard means to hold on a day: slow waves, and the surge."""
    waves = [(rng.uniform(0.0, 0.5), rng.uniform(60, 500), rng.uniform(0, 7)) for _ in range(3)]
    begins, full = surge_window(last)

    def level(day: dt.date) -> float:
        wave = sum(a * math.sin(day.toordinal() / period * 6.28 + p) for a, period, p in waves)
        usual = mean * math.exp(0.7 * wave)
        if not surge:
            return usual
        # A yard that surges stood at 20 at most before (method.md 4.2).
        usual = min(usual, 14.0)
        grown = (day - begins).days / (full - begins).days
        return usual + (SURGE_CARS - usual) * min(max(grown, 0.0), 1.0)

    return level
