"""What the ground is made of: spectra that follow the season, the rain and the snow.

Spectra are (blue, green, red, nir, swir16) reflectances; each place draws its own around working
values, widely, so that nothing can be tuned to one look.
"""

from __future__ import annotations

import datetime as dt
import enum
import math
from dataclasses import dataclass

import numpy as np

from railwatch.coverage import Float

SNOW_LOOK = np.array([0.82, 0.83, 0.82, 0.74, 0.10])
LEAF_LOOK = np.array([0.028, 0.060, 0.035, 0.42, 0.19])
WATER_LOOK = np.array([0.045, 0.050, 0.035, 0.020, 0.010])

RAIN_LOSS = np.array([0.24, 0.26, 0.28, 0.30, 0.48])
"""Share of reflectance a soaked porous surface loses, by band (method.md 2.5: 20-40 %)."""


class Cover(enum.IntEnum):
    """Kinds of ground; fields come in several, each with its own calendar."""

    GRASS = 0
    FIELD_1 = 1
    FIELD_2 = 2
    FIELD_3 = 3
    FIELD_4 = 4
    TREES = 5
    ROAD = 6
    ROOF_1 = 7
    ROOF_2 = 8
    ROOF_3 = 9
    BARE = 10
    WATER = 11
    YARD = 12
    """Dirt and weeds between and beside the tracks."""
    BALLAST = 13
    SLEEPER = 14
    RAIL = 15
    STAIN = 16
    """What drips from trains between the rails, and rust on the ballast."""
    CARGO = 17
    """Piles and stacks beside the track."""


_SOILS: dict[Cover, tuple[float, ...]] = {
    Cover.GRASS: (0.06, 0.08, 0.10, 0.18, 0.24),
    Cover.FIELD_1: (0.07, 0.09, 0.12, 0.18, 0.26),
    Cover.FIELD_2: (0.09, 0.12, 0.16, 0.22, 0.30),
    Cover.FIELD_3: (0.08, 0.10, 0.14, 0.20, 0.27),
    Cover.FIELD_4: (0.06, 0.08, 0.11, 0.17, 0.24),
    Cover.TREES: (0.035, 0.045, 0.05, 0.14, 0.12),
    Cover.ROAD: (0.10, 0.105, 0.11, 0.13, 0.16),
    Cover.ROOF_1: (0.30, 0.31, 0.32, 0.34, 0.33),
    Cover.ROOF_2: (0.10, 0.13, 0.22, 0.28, 0.32),
    Cover.ROOF_3: (0.14, 0.15, 0.15, 0.18, 0.20),
    Cover.BARE: (0.11, 0.15, 0.20, 0.27, 0.34),
    Cover.YARD: (0.09, 0.11, 0.13, 0.18, 0.23),
    Cover.BALLAST: (0.10, 0.12, 0.14, 0.19, 0.22),
    Cover.SLEEPER: (0.13, 0.14, 0.15, 0.18, 0.20),
    Cover.RAIL: (0.16, 0.17, 0.19, 0.23, 0.25),
    Cover.STAIN: (0.06, 0.065, 0.085, 0.13, 0.16),
    Cover.CARGO: (0.08, 0.09, 0.10, 0.15, 0.18),
}

_GREEN: dict[Cover, tuple[float, float]] = {
    Cover.GRASS: (0.25, 0.55),
    Cover.FIELD_1: (0.03, 0.85),
    Cover.FIELD_2: (0.03, 0.80),
    Cover.FIELD_3: (0.05, 0.85),
    Cover.FIELD_4: (0.02, 0.70),
    Cover.TREES: (0.15, 0.75),
    Cover.YARD: (0.02, 0.22),
}
"""Leaf cover out of season, and what the season adds."""

_PORES = {Cover.ROAD: 0.5, Cover.ROOF_1: 0.2, Cover.ROOF_2: 0.4, Cover.ROOF_3: 0.3}
_LYING = {Cover.TREES: 0.25, Cover.ROAD: 0.35, Cover.RAIL: 0.1, Cover.WATER: 0.1, Cover.STAIN: 0.6}


@dataclass(frozen=True, slots=True)
class Material:
    """One cover's spectrum as a function of day, wetness and snow."""

    dry: Float
    """(5,) reflectance without leaves."""
    leaf: Float
    bare_green: float
    season_green: float
    peak_day: float
    """Day of the year the leaves are at most."""
    width_days: float
    pores: float
    """How much of `RAIN_LOSS` rain takes."""
    lying: float
    """How much of the ground's snow lies here."""

    def at(self, day: dt.date, wetness: float, snow: float) -> Float:
        """(5,) reflectance on a day; wetness and snow cover in 0-1."""
        turn = 2.0 * math.pi * (day.timetuple().tm_yday - self.peak_day) / 365.25
        concentration = (365.25 / (2.0 * math.pi * self.width_days)) ** 2
        season = math.exp(concentration * (math.cos(turn) - 1.0))
        green = min(self.bare_green + self.season_green * season, 1.0)
        dry = green * self.leaf + (1.0 - green) * self.dry
        wet = dry * (1.0 - wetness * self.pores * RAIN_LOSS * (1.0 - green))
        white = snow * self.lying
        return np.asarray((1.0 - white) * wet + white * SNOW_LOOK)


def draw_materials(rng: np.random.Generator, spread: float, lat: float) -> dict[Cover, Material]:
    """Draw every cover's look for one place; `spread` is the sd of ln brightness."""
    north = 0.0 if lat >= 0 else 182.6
    summer = {Cover.FIELD_1: 150.0, Cover.FIELD_2: 215.0, Cover.FIELD_3: 235.0}
    drawn = {}
    for cover in Cover:
        dry = WATER_LOOK if cover is Cover.WATER else np.array(_SOILS[cover])
        tint = rng.normal(0.0, spread / 3.0, 5)
        bare, more = _GREEN.get(cover, (0.0, 0.0))
        drawn[cover] = Material(
            dry=np.clip(dry * np.exp(rng.normal(0.0, spread) + tint), 0.008, 0.75),
            leaf=LEAF_LOOK * np.exp(rng.normal(0.0, 0.15, 5)),
            bare_green=bare * float(rng.uniform(0.3, 1.5)),
            season_green=more * float(rng.uniform(0.5, 1.15)),
            peak_day=north + summer.get(cover, 200.0) + float(rng.normal(0.0, 15.0)),
            width_days=float(rng.uniform(30.0, 75.0)),
            pores=_PORES.get(cover, 0.0 if cover is Cover.WATER else 1.0),
            lying=_LYING.get(cover, 1.0),
        )
    return drawn
