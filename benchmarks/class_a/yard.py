"""A yard to learn from: tracks, strings of cars, a sensor and a delivery, all drawn at random.

Two looks (`height_yard`, `painted_yard`) share this geometry and nothing else. Neither shares code
with `railwatch.testing.scenery`, which therefore stays unseen when the detector is judged on it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

FINE_M = 0.125
"""Cell of the fine drawing that sensors average over, metres."""
BANDS = ("blue", "green", "red", "nir")


@dataclass(frozen=True)
class Layout:
    """Parallel tracks along a straight line or an arc through the origin."""

    offsets_m: np.ndarray
    """(track,) metres to the left of the reference line."""
    length_m: float
    radius_m: float
    """Of the reference line, positive to the left; infinite where straight."""
    azimuth: float
    """Of the reference line at its middle, radians from x towards y."""

    @classmethod
    def draw(cls, rng):
        tracks = int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.15, 0.2, 0.2, 0.2, 0.15, 0.1]))
        spacing = rng.uniform(4.3, 6.0)
        steps = [
            spacing + (rng.uniform(0, 4) if rng.random() < 0.15 else rng.uniform(-0.2, 0.2))
            for _ in range(tracks - 1)
        ]
        offsets = np.cumsum([0.0, *steps])
        straight = rng.random() < 0.5
        return cls(
            offsets - offsets.mean(),
            rng.uniform(120, 200),
            np.inf if straight else rng.choice([-1, 1]) * rng.uniform(300, 2000),
            rng.uniform(0, 2 * np.pi),
        )

    def ground(self, chainage, offset):
        """(point, xy) of reference chainages at one offset; chainage 0 is the middle."""
        if np.isinf(self.radius_m):
            x, y = chainage, np.full_like(chainage, offset)
        else:
            turn = chainage / self.radius_m
            reach = self.radius_m - offset
            x, y = reach * np.sin(turn), self.radius_m - reach * np.cos(turn)
        cos, sin = np.cos(self.azimuth), np.sin(self.azimuth)
        return np.stack([cos * x - sin * y, sin * x + cos * y], -1)

    def track(self, x, y):
        """Reference chainage and offset of ground points, the inverse of `ground`."""
        cos, sin = np.cos(self.azimuth), np.sin(self.azimuth)
        u, v = cos * x + sin * y, -sin * x + cos * y
        if np.isinf(self.radius_m):
            return u, v
        side = np.sign(self.radius_m)
        turn = np.arctan2(u * side, (self.radius_m - v) * side)
        return turn * self.radius_m, side * (abs(self.radius_m) - np.hypot(u, self.radius_m - v))

    def stretched(self, offset):
        """Length on a track of one metre of reference line."""
        return 1.0 if np.isinf(self.radius_m) else (self.radius_m - offset) / self.radius_m


@dataclass(frozen=True)
class Canvas:
    """The fine drawing's cells in ground and track coordinates."""

    west: float
    north: float
    x: np.ndarray
    y: np.ndarray
    chainage: np.ndarray
    """(y, x) float32."""
    offset: np.ndarray

    @classmethod
    def over(cls, layout, margin_m=14.0):
        half = layout.length_m / 2
        ends = np.linspace(-half, half, 50)
        points = np.concatenate([layout.ground(ends, d) for d in layout.offsets_m])
        low, high = np.floor(points.min(0) - margin_m), np.ceil(points.max(0) + margin_m)
        columns, rows = ((high - low) / FINE_M).astype(int)
        x = (low[0] + (np.arange(columns) + 0.5) * FINE_M).astype(np.float32)
        y = (high[1] - (np.arange(rows) + 0.5) * FINE_M).astype(np.float32)
        s, d = layout.track(x[None, :], y[:, None])
        shape = (rows, columns)
        s, d = (np.broadcast_to(v, shape).astype(np.float32) for v in (s, d))
        return cls(float(low[0]), float(high[1]), x, y, s, d)


@dataclass(frozen=True)
class Yard:
    """What a sensor delivered, and the truth."""

    image: np.ndarray
    """(band, y, x) float32."""
    gsd_m: float
    west: float
    north: float
    axes: tuple[np.ndarray, ...]
    """True centrelines, (point, xy) metres."""
    offsets_m: np.ndarray
    cars: tuple[tuple[tuple[float, float], ...], ...]
    """By track: (from, to) chainages along its axis, metres."""


def noise_field(rng, shape, length_px):
    """Random field of unit spread that varies over about `length_px` cells."""
    k = max(1, int(length_px))
    small = rng.standard_normal((shape[0] // k + 3, shape[1] // k + 3)).astype(np.float32)
    field = ndimage.zoom(small, k, order=1) if k > 1 else small
    field = field[: shape[0], : shape[1]]
    return field / (field.std() + 1e-6)


def draw_strings(rng, length_m):
    """Cars on one track: (from, to) chainages and which consist each belongs to."""
    filling = rng.choice(["empty", "full", "mixed", "singles"], p=[0.25, 0.3, 0.3, 0.15])
    cars, consists = [], []
    if filling == "empty":
        return cars, consists
    at = rng.uniform(1, 15) if filling == "full" else rng.uniform(2, 60)
    consist = 0
    while at < length_m - 10:
        uniform = rng.random() < 0.6
        base = rng.choice(
            [9.0, 10.5, 10.9, 12.8, 12.8, 12.8, 13.5, 13.5, 16.0, 18.4, 20, 24.3, 25.5]
        )
        coupling = rng.uniform(0.5, 2.6) if rng.random() < 0.5 else rng.uniform(0.8, 1.5)
        base += rng.normal(0, 0.3)
        for i in range(1 if filling == "singles" else int(rng.integers(1, 40))):
            body, gap = base, coupling
            if not uniform:
                body = rng.uniform(9, 26) if rng.random() < 0.3 else base + rng.uniform(-4, 4)
                gap = coupling + rng.normal(0, 0.3)
            body, gap = float(np.clip(body, 9, 26)), float(np.clip(gap, 0.5, 2.6))
            if at + body > length_m - 1:
                at = length_m
                break
            cars.append((at, at + body))
            consists.append(consist if uniform or rng.random() < 0.5 else consist + 1000 + i)
            at += body + gap
        consist += 1
        at += rng.uniform(3.2, 10) if rng.random() < 0.25 else rng.uniform(3.2, 90)
    return cars, consists


def sense(rng, fine, gsd_m):
    """Blur by the optics, sample at the GSD, misplace bands, add noise, perhaps sharpen."""
    sigma = np.sqrt(max((rng.uniform(0.38, 0.62) * gsd_m / FINE_M) ** 2 - 1 / 12, 0.05))
    rows, columns = (int(n * FINE_M // gsd_m) for n in fine.shape[1:])
    step = gsd_m / FINE_M
    row = (np.arange(rows)[:, None] + 0.5) * step - 0.5 + np.zeros((1, columns))
    column = (np.arange(columns)[None] + 0.5) * step - 0.5 + np.zeros((rows, 1))
    image = np.empty((len(fine), rows, columns), np.float32)
    for k, band in enumerate(fine):
        off = rng.normal(0, 0.12 * gsd_m, 2) / FINE_M if k else np.zeros(2)
        blurred = ndimage.gaussian_filter(band, sigma, mode="nearest", truncate=3)
        at = [row + off[0], column + off[1]]
        image[k] = ndimage.map_coordinates(blurred, at, order=1, mode="nearest")
    noise = image.mean() / rng.uniform(40, 180)
    image += rng.standard_normal(image.shape).astype(np.float32) * noise
    if rng.random() < 0.3:
        strength = rng.uniform(0.2, 0.8)
        blurred = np.stack([ndimage.gaussian_filter(band, 0.8) for band in image])
        image += strength * (image - blurred)
    return np.clip(image, 1e-3, 1.2)


def deliver(rng, image):
    """As an archive holds it: reflectance, hazy, panchromatic, or stretched RGB, perhaps JPEG."""
    if rng.random() < 0.3:
        haze = rng.uniform(0.01, 0.08)
        image = image * (1 - 2 * haze) + haze * np.linspace(1.2, 0.6, len(image))[:, None, None]
    kind = rng.choice(["reflectance", "rgb", "jpeg", "pan"], p=[0.4, 0.3, 0.22, 0.08])
    if kind == "pan":
        weight = rng.uniform(0.2, 1, len(image))
        return np.tensordot(weight / weight.sum(), image, 1)[None]
    if kind == "reflectance":
        quantum = rng.choice([1e-4, 1e-3])
        return np.round(image / quantum) * quantum
    rgb = image[[2, 1, 0]]
    low, high = np.percentile(rgb, rng.uniform(0, 2)), np.percentile(rgb, rng.uniform(98, 99.9))
    shown = np.clip((rgb - low) / (high - low), 0, 1) ** rng.uniform(0.6, 1.0) * 254 + 1
    shown = np.round(shown).astype(np.uint8)
    if kind == "jpeg":
        file = io.BytesIO()
        quality = int(rng.integers(70, 97))
        Image.fromarray(shown.transpose(1, 2, 0)).save(file, "JPEG", quality=quality)
        shown = np.asarray(Image.open(file)).transpose(2, 0, 1)
    return shown.astype(np.float32)[::-1] / 255 * rng.choice([1.0, 0.4])


def photograph(rng, fine, canvas, layout, cars, gsd_m):
    """Sense and deliver one fine drawing; `cars` by track on the reference line."""
    image = deliver(rng, sense(rng, fine, gsd_m)).astype(np.float32)
    half = layout.length_m / 2
    chainage = np.arange(-half, half + 1e-6, 5.0)
    axes = tuple(layout.ground(chainage, d) for d in layout.offsets_m)
    truth = tuple(
        tuple((a * layout.stretched(d), b * layout.stretched(d)) for a, b in on_track)
        for d, on_track in zip(layout.offsets_m, cars, strict=True)
    )
    return Yard(image, gsd_m, canvas.west, canvas.north, axes, layout.offsets_m, truth)
