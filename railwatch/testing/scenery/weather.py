"""The conditions of one scene: sun, air, cloud, rain, snow, and what the satellite does to it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from railwatch.injection import Light
from railwatch.rolling_stock import Spectrum
from railwatch.testing.scenery.sensor import Sensor


@dataclass(frozen=True, slots=True)
class Climate:
    """How often what happens; a place draws its own."""

    cloudy: float = 0.35
    """Share of scenes with clouds over part or all of the window."""
    thin_cloud: float = 0.10
    """Share with thin cloud that the mask does not know."""
    haze: float = 0.25
    rain: float = 0.25
    """Share of scenes on wet ground, outside winter."""
    snow: float = 0.5
    """Share of scenes in the cold months with snow on the ground."""
    cold_months: tuple[int, ...] = (12, 1, 2)
    roof_masked: float = 0.12
    """Share of scenes whose mask takes bright roofs for cloud."""
    overcast: float = 0.4
    """Of the cloudy scenes, those without a gap."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Everything that differs from one scene of a place to the next."""

    acquired: dt.datetime
    platform: str
    orbit: str
    light: Light
    seed: int
    """Seeds clouds, noise and texture of this scene."""
    shift_m: tuple[float, float] = (0.0, 0.0)
    """The scene shows ground point (x, y) at (x + dx, y + dy)."""
    noise: float = 0.002
    pattern: float = 0.002
    transmission: float = 1.0
    """What the correction left of contrast."""
    airlight: Spectrum = (0.0, 0.0, 0.0, 0.0, 0.0)
    """What it left of path radiance, reflectance."""
    wetness: float = 0.0
    snow: float = 0.0
    cloud: float = 0.0
    """Share of the window under thick cloud."""
    thin_cloud: float = 0.0
    """Largest opacity of cloud the mask misses."""
    roof_masked: bool = False
    gain: Spectrum = (1.0, 1.0, 1.0, 1.0, 1.0)
    offset: Spectrum = (0.0, 0.0, 0.0, 0.0, 0.0)

    @property
    def regime(self) -> str:
        """What a truth table is sorted by: snow, wet, hazy or dry."""
        if self.snow > 0.3:
            return "snow"
        if self.thin_cloud > 0.05 or self.transmission < 0.9:
            return "hazy"
        return "wet" if self.wetness > 0.3 else "dry"


def sun_at(lon: float, lat: float, when: dt.datetime) -> tuple[float, float]:
    """Return the sun's azimuth and elevation, degrees, good to about half a degree.

    NOAA's solar calculator in its short form: declination and equation of time by Fourier series
    (Spencer 1971, Search 2 (5), 172).
    """
    turn = 2.0 * math.pi / 365.0 * (when.timetuple().tm_yday - 1 + (when.hour - 12) / 24.0)
    minutes = 229.18 * (
        0.000075
        + 0.001868 * math.cos(turn)
        - 0.032077 * math.sin(turn)
        - 0.014615 * math.cos(2 * turn)
        - 0.040849 * math.sin(2 * turn)
    )
    tilt = (
        0.006918
        - 0.399912 * math.cos(turn)
        + 0.070257 * math.sin(turn)
        - 0.006758 * math.cos(2 * turn)
        + 0.000907 * math.sin(2 * turn)
        - 0.002697 * math.cos(3 * turn)
        + 0.00148 * math.sin(3 * turn)
    )
    clock = when.hour * 60.0 + when.minute + when.second / 60.0 + minutes + 4.0 * lon
    hour = math.radians((clock / 4.0 - 180.0 + 180.0) % 360.0 - 180.0)
    high = math.radians(lat)
    up = math.sin(high) * math.sin(tilt) + math.cos(high) * math.cos(tilt) * math.cos(hour)
    east = -math.cos(tilt) * math.sin(hour)
    north = math.cos(high) * math.sin(tilt) - math.sin(high) * math.cos(tilt) * math.cos(hour)
    azimuth = math.degrees(math.atan2(east, north)) % 360.0
    return azimuth, math.degrees(math.asin(up))


def draw_conditions(
    rng: np.random.Generator,
    sensor: Sensor,
    climate: Climate,
    days: Sequence[dt.date],
    lon_lat: tuple[float, float],
) -> tuple[Conditions, ...]:
    """Draw what each passing met, one for each day that the sun stands above 8 degrees."""
    gains = {unit: rng.normal(1.0, 0.012, 5) for unit in sensor.platforms}
    offsets = {unit: rng.normal(0.0, 0.002, 5) for unit in sensor.platforms}
    orbits = tuple(f"R{n:03d}" for n in rng.integers(1, 143, 2))
    views = {orbit: rng.uniform(0.2, 1.0) * sensor.off_nadir_deg for orbit in orbits}
    sides = dict(zip(orbits, rng.permutation([98.0, 278.0]), strict=False))
    wander = rng.normal(0.0, 0.3 * sensor.shift_px * sensor.gsd_m, (2, 2))
    drawn = []
    for number, day in enumerate(days):
        which = number % 2
        unit = sensor.platforms[int(rng.integers(len(sensor.platforms)))]
        local = sensor.hour + rng.uniform(-0.25, 0.25) - lon_lat[0] / 15.0
        when = dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(
            seconds=round(local * 3600)
        )
        azimuth, elevation = sun_at(*lon_lat, when)
        if elevation < 8.0 and not sensor.radar:
            continue
        orbit = orbits[which]
        agile = sensor.off_nadir_deg > 12.0
        light = Light(
            azimuth,
            max(elevation, 8.0),
            float(rng.uniform(0, 360) if agile else sides.get(orbit, 98.0)),
            float(rng.uniform(0, 1) * sensor.off_nadir_deg if agile else views[orbit]),
        )
        shift = wander[which] + rng.normal(0.0, sensor.shift_px * sensor.gsd_m, 2)
        drawn.append(
            _weather(
                rng,
                climate,
                Conditions(
                    when,
                    unit,
                    orbit,
                    light,
                    int(rng.integers(2**31)),
                    (float(shift[0]), float(shift[1])),
                    float(rng.uniform(*sensor.noise)),
                    float(rng.uniform(*sensor.pattern)),
                    gain=tuple((gains[unit] * rng.normal(1, 0.01)).tolist()),
                    offset=tuple(offsets[unit].tolist()),
                ),
            )
        )
    return tuple(drawn)


def _weather(rng: np.random.Generator, climate: Climate, fair: Conditions) -> Conditions:
    """Let cloud, haze, rain and snow happen to a scene."""
    cold = fair.acquired.month in climate.cold_months
    cloudy, thin, hazy, rainy, roofs = rng.random(5)
    overcast, depth, opacity, wetness, white = rng.random(5)
    snow = 0.0
    if cold and rng.random() < climate.snow:
        snow = float(0.3 + 0.7 * white)
    through = 1.0 - 0.18 * depth if hazy < climate.haze else 1.0 - 0.03 * depth
    blue = (1.0 - through) * rng.uniform(0.15, 0.3)
    air = (blue, 0.75 * blue, 0.55 * blue, 0.4 * blue, 0.15 * blue)
    cover = 0.0
    if cloudy < climate.cloudy:
        cover = 1.0 if overcast < climate.overcast else float(rng.uniform(0.05, 0.9))
    return replace(
        fair,
        transmission=float(through),
        airlight=(float(air[0]), float(air[1]), float(air[2]), float(air[3]), float(air[4])),
        wetness=float(0.2 + 0.8 * wetness) if rainy < climate.rain and snow == 0 else 0.0,
        snow=snow,
        cloud=cover,
        thin_cloud=float(0.05 + 0.2 * opacity) if thin < climate.thin_cloud else 0.0,
        roof_masked=bool(roofs < climate.roof_masked),
    )
