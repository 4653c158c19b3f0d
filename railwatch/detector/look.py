"""How a covered track looks from above: cross-track footprint, shadow and the spread of contrasts.

Geometry is exact (rectangles smeared by a Gaussian), colours are not known: cars are drawn as yards
hold them (`railwatch.injection.draw_consist`), seen against the ballast this site has. Only the
mean and covariance of those contrasts enter the model, so no colour is ever assumed for a given
car.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import erf

from railwatch.injection import SHADE, draw_consist, mean_look
from railwatch.rolling_stock import SPECTRAL_BANDS

F64 = npt.NDArray[np.float64]

WIDTH_M = 3.14
"""Width of a railcar (method.md 3.1: 3.0-3.24 m)."""
HEIGHT_M = 3.7
"""Height of what throws the shadow (method.md 3.1: 3.2-4.6 m)."""
DRAWN_CARS = 400
"""Cars whose looks stand for all."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Roof minus ballast over all materials: what the detector knows of colours."""

    mean: F64
    """(band,) reflectance."""
    covariance: F64
    """(band, band) reflectance squared."""


def contrast_against(ballast: F64, bands: Sequence[str]) -> Contrast:
    """Mean and covariance of roof contrasts over a ballast of given reflectance, (band,)."""
    looks = _looks(tuple(bands))
    return Contrast(looks.mean(axis=0) - ballast, np.atleast_2d(np.cov(looks.T)))


@lru_cache
def _looks(bands: tuple[str, ...]) -> F64:
    """(car, band) reflectance of tops as yards hold them, walls and frames included."""
    rng = np.random.Generator(np.random.PCG64(DRAWN_CARS))
    cars = (draw_consist(rng, 1).vehicles[0] for _ in range(DRAWN_CARS))
    return np.array([mean_look(car, bands) for car in cars])


def shade(bands: Sequence[str]) -> F64:
    """(band,) share of light that a shadow leaves."""
    return np.array([SHADE[SPECTRAL_BANDS.index(band)] for band in bands])


def smeared(at: F64, low: F64 | float, high: F64 | float, sigma_m: float) -> F64:
    """Share of a sample at `at` that lies on [low, high] after a Gaussian blur; broadcasts."""
    scale = np.sqrt(2.0) * sigma_m
    return np.asarray(0.5 * (erf((high - at) / scale) - erf((low - at) / scale)), dtype=np.float64)


def shadow_reach_m(
    heading: F64, sun_azimuth_deg: float, sun_elevation_deg: float, height_m: float = HEIGHT_M
) -> F64:
    """How far a car's shadow reaches across the track, metres to the left.

    Parameters
    ----------
    heading : (...) float64
        Azimuth of the track, radians clockwise from north.
    """
    length = height_m / np.tan(np.deg2rad(max(sun_elevation_deg, 8.0)))
    return np.asarray(length * np.sin(np.deg2rad(sun_azimuth_deg) - heading), dtype=np.float64)


def shadow_span(centre: F64 | float, reach_m: F64) -> tuple[F64, F64]:
    """Where the shadow lies on the ground, from and to, metres left of the axis."""
    edge = centre + np.sign(reach_m) * 0.5 * WIDTH_M
    return np.minimum(edge, edge + reach_m), np.maximum(edge, edge + reach_m)
