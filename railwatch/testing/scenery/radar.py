"""Sentinel-1-like amplitude: speckle, double bounce from standing cars, layover kept out.

Cars are corner reflectors with the track bed: how bright depends on the angle between track and
look direction, so each orbit has its own gain and some have almost none (method.md 2.3 step 10).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from railwatch.coverage import Float32
from railwatch.grid import Grid
from railwatch.injection import Light, imprint
from railwatch.testing.scenery.ground import lay_ground
from railwatch.testing.scenery.material import Cover
from railwatch.testing.scenery.place import Place
from railwatch.testing.scenery.sensor import Sensor
from railwatch.testing.scenery.traffic import Stay
from railwatch.testing.scenery.weather import Conditions

LOOKS = 4.4
"""Equivalent number of looks of IW GRD (method.md 2.3 step 10)."""

HEADING_DEG = {0: 193.0, 1: 347.0}
"""Ground track of descending and ascending passes; the antenna looks to the right of it."""

GAMMA: dict[Cover, tuple[float, float]] = {
    Cover.TREES: (0.16, 0.040),
    Cover.ROAD: (0.02, 0.003),
    Cover.WATER: (0.006, 0.001),
    Cover.YARD: (0.06, 0.008),
    Cover.BALLAST: (0.09, 0.010),
    Cover.SLEEPER: (0.09, 0.010),
    Cover.RAIL: (0.30, 0.020),
    Cover.STAIN: (0.08, 0.010),
    Cover.CARGO: (0.35, 0.050),
}
"""Gamma nought in vv and vh, where not (.07, .014): customary levels of the literature."""


def see_by_radar(
    place: Place, grid: Grid, sensor: Sensor, conditions: Conditions, stays: Sequence[Stay]
) -> dict[str, tuple[Grid, Float32]]:
    """Render amplitude, the square root of gamma nought, for vv and vh."""
    rng = np.random.default_rng([conditions.seed, 11])
    low, high = sensor.psf_sigma_px
    sigma = (low + (high - low) * place.draw.psf) * grid.gsd_m
    dx, dy = conditions.shift_m
    shown = replace(grid, west=grid.west - dx, north=grid.north - dy)
    ground = lay_ground(place, shown, sigma)
    levels = np.array([GAMMA.get(c, (0.07, 0.014)) for c in ground.covers], dtype=np.float32)
    power = np.tensordot(levels.T, ground.shares, axes=1)
    power *= 1.0 + 0.5 * conditions.wetness
    houses = imprint(shown, (), place.land.buildings, _overhead(), psf_sigma_m=sigma)
    power += houses.occupied * np.array([[[0.9]], [[0.12]]], dtype=np.float32)
    for stay in stays:
        track = place.tracks[stay.track]
        cover = imprint(shown, (), [(track, stay.consist)], _overhead(), psf_sigma_m=sigma)
        gain = _double_bounce(track.points, conditions.orbit)
        bright = float(rng.lognormal(0.0, 0.5)) * gain
        power[0] += cover.occupied * (0.10 + 1.6 * bright)
        power[1] += cover.occupied * (0.02 + 0.10 * bright)
    looked = rng.gamma(LOOKS, 1.0 / LOOKS, power.shape)
    amplitude = np.sqrt(np.maximum(power * looked, 1e-6)).astype(np.float32)
    return {band: (grid, plane) for band, plane in zip(sensor.bands, amplitude, strict=True)}


def _overhead() -> Light:
    """No shadow and no lean: only where things stand."""
    return Light(0.0, 90.0)


def _double_bounce(xy: np.ndarray, orbit: str) -> float:
    """Gain of a wall along the track for an orbit: 1 where it faces the antenna, 0 end on."""
    along = xy[-1] - xy[0]
    track = math.degrees(math.atan2(along[0], along[1]))
    heading = HEADING_DEG[int(orbit[1:]) % 2]
    turned = math.radians(track - heading)
    return math.exp(-((math.sin(turned) / 0.25) ** 2))
