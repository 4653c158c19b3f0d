"""What lies between ground and satellite: haze, cloud, its shadow, and a mask that errs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from railwatch.coverage import Float32
from railwatch.grid import Grid
from railwatch.rolling_stock import SPECTRAL_BANDS
from railwatch.testing.scenery.ground import field
from railwatch.testing.scenery.weather import Conditions

CLOUD_LOOK = {"blue": 0.62, "green": 0.60, "red": 0.60, "nir": 0.62, "swir16": 0.45}

SCL_DARK, SCL_SHADOW, SCL_PLANT, SCL_SOIL, SCL_CLOUD, SCL_SNOW = 2, 3, 4, 5, 9, 11
"""Classes of the Sentinel-2 scene classification."""


@dataclass(frozen=True, slots=True, eq=False)
class Sky:
    """Cloud over one scene's grid."""

    grid: Grid
    opacity: Float32
    """(y, x) float32, thick cloud, 0-1."""
    shadow: Float32
    """(y, x) float32, its shadow, 0-1."""
    veil: Float32
    """(y, x) float32, thin cloud the mask does not know, 0-1."""

    def over(self, values: Float32, bands: tuple[str, ...], conditions: Conditions) -> Float32:
        """See (band, y, x) reflectance on the sky's grid through air and cloud."""
        planes = []
        for plane, band in zip(values, bands, strict=True):
            number = SPECTRAL_BANDS.index(band)
            lit = plane * (1.0 - self.shadow * (1.0 - 0.6 * conditions.light.shade[number]))
            seen = lit * conditions.transmission + conditions.airlight[number]
            white = CLOUD_LOOK[band]
            seen = seen * (1.0 - self.veil) + 0.55 * white * self.veil
            seen = seen * (1.0 - self.opacity) + white * self.opacity
            planes.append(seen * conditions.gain[number] + conditions.offset[number])
        return np.asarray(planes, dtype=np.float32)

    def at(self, grid: Grid) -> Sky:
        """Sample on a grid of twice the pixel size over the same ground."""
        if grid.gsd_m == self.grid.gsd_m:
            return self
        rows, cols = grid.shape

        def halved(plane: Float32) -> Float32:
            cut = plane[: 2 * rows, : 2 * cols].reshape(rows, 2, cols, 2)
            return np.asarray(cut.mean(axis=(1, 3)), dtype=np.float32)

        return Sky(grid, halved(self.opacity), halved(self.shadow), halved(self.veil))

    def clouded(self) -> npt.NDArray[np.bool_]:
        """Where ground cannot be measured, (y, x) bool."""
        return np.asarray((self.opacity > 0.15) | (self.shadow > 0.3))


def draw_sky(conditions: Conditions, grid: Grid) -> Sky:
    """Draw the cloud of a scene from its seed."""
    rng = np.random.default_rng([conditions.seed, 5])
    clear = np.zeros(grid.shape, dtype=np.float32)
    opacity, shadow, veil = clear, clear, clear
    if conditions.cloud > 0:
        size = float(rng.uniform(120.0, 700.0)) / grid.gsd_m
        billow = field(rng, grid.shape, size) + 0.35 * field(rng, grid.shape, size / 4.0)
        level = float(np.quantile(billow, 1.0 - min(conditions.cloud, 1.0)))
        level = -9.0 if conditions.cloud >= 1.0 else level
        opacity = np.clip((billow - level) / 0.35, 0.0, 1.0).astype(np.float32)
        away = float(rng.uniform(600.0, 2500.0)) / math.tan(
            math.radians(conditions.light.sun_elevation_deg)
        )
        turned = math.radians(conditions.light.sun_azimuth_deg)
        move = (away * math.cos(turned) / grid.gsd_m, -away * math.sin(turned) / grid.gsd_m)
        if max(abs(move[0]) / grid.shape[0], abs(move[1]) / grid.shape[1]) < 1.0:
            shadow = ndimage.shift(opacity, move, order=1, mode="constant") * (1.0 - opacity)
    if conditions.thin_cloud > 0:
        wisps = field(rng, grid.shape, float(rng.uniform(150.0, 900.0)) / grid.gsd_m)
        veil = (conditions.thin_cloud * np.clip(0.5 + 0.4 * wisps, 0.0, 1.0)).astype(np.float32)
    return Sky(grid, opacity, shadow, veil)


def classify(
    sky: Sky, values: Float32, bands: tuple[str, ...], conditions: Conditions
) -> npt.NDArray[np.uint8]:
    """Draw the archive's own mask with its errors, (y, x) uint8.

    Clouds grow or shrink by a pixel or two, bright roofs become cloud where the conditions say so,
    and thin cloud is never seen (method.md 1.4).
    """
    rng = np.random.default_rng([conditions.seed, 6])
    by_band = dict(zip(bands, values, strict=True))
    red, nir = by_band["red"], by_band["nir"]
    plants = (nir - red) > 0.35 * (nir + red)
    classes = np.where(plants, SCL_PLANT, SCL_SOIL).astype(np.uint8)
    if conditions.snow > 0:
        classes[by_band["blue"] > 0.35] = SCL_SNOW
    if conditions.roof_masked:
        bright = by_band["blue"] > max(float(np.quantile(by_band["blue"], 0.985)), 0.13)
        classes[ndimage.binary_dilation(bright)] = SCL_CLOUD
    thick = sky.opacity > float(rng.uniform(0.05, 0.5))
    if thick.any():
        classes[ndimage.binary_dilation(sky.shadow > 0.3)] = SCL_SHADOW
        grown = int(rng.integers(0, 4))
        classes[ndimage.binary_dilation(thick, iterations=grown) if grown else thick] = SCL_CLOUD
    return classes
