"""From radiance to a delivered picture: optics, sampling on a turned grid, noise, stretch, JPEG."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.class_a import stage as st


@dataclass(frozen=True)
class Picture:
    """A delivered picture and how its pixels lie on the stage."""

    values: np.ndarray
    """(band, y, x) uint16, 0 where the stage does not reach."""
    gsd_m: float
    turn: float
    origin: tuple[float, float]
    """Stage point (s, d) of pixel (0, 0)'s middle."""

    def pixel(self, s, d):
        """Row and column of stage points."""
        u, v = (s - self.origin[0]) / self.gsd_m, (d - self.origin[1]) / self.gsd_m
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        return -sin * u + cos * v, cos * u + sin * v


def photograph(rng, radiance, fine_m, gsd_m):
    """Photograph a fine radiance (band, d, s) at one GSD."""
    turn = rng.uniform(0, 2 * np.pi)
    cos, sin = np.cos(turn), np.sin(turn)
    half = np.array([st.LENGTH_M / 2, st.HALF_M])
    reach = np.array([[cos, sin], [-sin, cos]]) @ (half * np.array([[1, 1], [1, -1]])).T
    cols, rows = np.ceil(2 * np.abs(reach).max(axis=1) / gsd_m).astype(int) + 4
    # Middle of the picture is the middle of the stage, give or take a pixel.
    middle = np.array([half[0], 0.0]) + rng.uniform(-0.5, 0.5, 2) * gsd_m
    c, r = np.meshgrid(np.arange(cols) - (cols - 1) / 2, np.arange(rows) - (rows - 1) / 2)
    s = middle[0] + gsd_m * (cos * c - sin * r)
    d = middle[1] + gsd_m * (sin * c + cos * r)
    sigma = np.sqrt(max((rng.uniform(0.36, 0.68) * gsd_m / fine_m) ** 2 - 1 / 12, 0.05))
    image = np.empty((len(radiance), rows, cols), np.float32)
    inside = (s > 0) & (s < st.LENGTH_M) & (np.abs(d) < st.HALF_M)
    for k, band in enumerate(radiance):
        off = rng.normal(0, rng.choice([0.05, 0.2]) * gsd_m, 2) if k else np.zeros(2)
        blurred = ndimage.gaussian_filter(band, sigma, mode="nearest", truncate=3)
        at = [(d + off[0] + st.HALF_M) / fine_m - 0.5, (s + off[1]) / fine_m - 0.5]
        image[k] = ndimage.map_coordinates(blurred, at, order=1, mode="nearest")
    image = _pansharpened(rng, image)
    level = float(image[:, inside].mean())
    noise = level / np.exp(rng.uniform(np.log(5), np.log(200)))
    image += rng.standard_normal(image.shape).astype(np.float32) * noise
    if rng.random() < 0.5:
        coarse = rng.standard_normal(image.shape).astype(np.float32)
        coarse = ndimage.gaussian_filter(coarse, (0, 1.3, 1.3))
        image += coarse * (noise * rng.uniform(0, 2))
    if rng.random() < 0.3:
        blurred = ndimage.gaussian_filter(image, (0, 0.8, 0.8))
        image += rng.uniform(0.2, 0.9) * (image - blurred)
    values = _delivered(rng, np.maximum(image, 1e-3), inside)
    values[:, ~inside] = 0
    # Pixel (0, 0) lies where the meshgrid says.
    return Picture(values, gsd_m, turn, (float(s[0, 0]), float(d[0, 0])))


def _pansharpened(rng, image):
    """Colour of a third of pictures comes from pixels four times as large."""
    if rng.random() > 0.33:
        return image
    sigma = rng.uniform(1.0, 2.4)
    pan = image[:3].mean(axis=0)
    coarse = ndimage.gaussian_filter(image, (0, sigma, sigma))
    return coarse * (pan / np.maximum(coarse[:3].mean(axis=0), 1e-3))


def _delivered(rng, image, inside):
    """Reflectance, hazy, panchromatic, or stretched RGB, perhaps JPEG; uint16 at any scale."""
    if rng.random() < 0.35:
        haze = rng.uniform(0.005, 0.09)
        image = image * (1 - 2.5 * haze) + haze * np.linspace(1.3, 0.5, len(image))[:, None, None]
    kind = rng.choice(["reflectance", "rgb", "jpeg", "pan"], p=[0.42, 0.3, 0.2, 0.08])
    if kind == "pan":
        weight = rng.uniform(0.2, 1, len(image))
        image = np.tensordot(weight / weight.sum(), image, 1)[None]
    if kind in {"pan", "reflectance"}:
        image = image[:3] if len(image) > 1 and rng.random() < 0.4 else image
        scale = rng.choice([1e4, 1e4, 2e3])
        return np.clip(np.round(image * scale), 1, 65000).astype(np.uint16)
    rgb = image[[2, 1, 0]]
    shown = np.empty(rgb.shape, np.float32)
    together = rng.random() < 0.4
    low_at, high_at, gamma = rng.uniform(0, 2.5), rng.uniform(97, 99.95), rng.uniform(0.55, 1.05)
    for k, plane in enumerate(rgb):
        known = rgb[:, inside] if together else plane[inside]
        low, high = np.percentile(known, [low_at, high_at])
        shown[k] = np.clip((plane - low) / (high - low), 0, 1) ** gamma * 254 + 1
    shown = np.round(shown).astype(np.uint8)
    if kind == "jpeg":
        file = io.BytesIO()
        Image.fromarray(shown.transpose(1, 2, 0)).save(
            file, "JPEG", quality=int(rng.integers(55, 97))
        )
        shown = np.maximum(np.asarray(Image.open(file)).transpose(2, 0, 1), 1)
    return shown.astype(np.uint16)[::-1].copy()
