"""Look one: a height map under the sun; shadows, loads and rims follow from heights."""

from __future__ import annotations

import numpy as np

from benchmarks.class_a.yard import FINE_M, Canvas, Layout, draw_strings, noise_field, photograph

MATERIALS = np.array(
    [  # blue, green, red, near infrared: order of magnitude of method.md 3.3
        (0.07, 0.08, 0.11, 0.16),  # rust
        (0.04, 0.045, 0.05, 0.07),  # coal
        (0.13, 0.14, 0.15, 0.18),  # grey
        (0.20, 0.21, 0.22, 0.24),  # galvanised
        (0.30, 0.31, 0.31, 0.33),  # light
        (0.45, 0.47, 0.48, 0.50),  # white
        (0.03, 0.03, 0.03, 0.04),  # black
        (0.20, 0.14, 0.09, 0.20),  # blue
        (0.05, 0.06, 0.20, 0.26),  # red
        (0.07, 0.12, 0.08, 0.25),  # green
        (0.08, 0.09, 0.13, 0.17),  # ore
        (0.06, 0.07, 0.10, 0.15),  # brown
        (0.20, 0.25, 0.30, 0.36),  # sand
        (0.08, 0.25, 0.33, 0.40),  # yellow
    ]
)
KINDS = ("box", "gondola", "gondola", "tank", "hopper", "containers", "tarp", "empty")


def render(rng, gsds_m):
    """Draw one yard and photograph it at each GSD."""
    layout = Layout.draw(rng)
    canvas = Canvas.over(layout)
    colour = _ground(rng, layout, canvas)
    height = np.zeros(canvas.chainage.shape, np.float32)
    half = layout.length_m / 2
    cars = []
    rail = rng.choice([rng.uniform(0.03, 0.1), rng.uniform(0.15, 0.6)])
    sleepers = _Sleepers(rng)
    for offset in layout.offsets_m:
        d = canvas.offset - offset
        sleepers.lay(rng, colour, canvas.chainage, d, rail * rng.uniform(0.7, 1.3))
        found, consists = draw_strings(rng, layout.length_m)
        found = [(a - half, b - half) for a, b in found]
        cars.append(found)
        looks = {}
        for (a, b), consist in zip(found, consists, strict=True):
            if consist not in looks or rng.random() < 0.1:
                looks[consist] = _Car(rng)
            looks[consist].paint(rng, colour, height, (canvas.chainage, d), (a, b))
    _clutter(rng, layout, canvas, colour, height)
    lit = _sunlit(rng, height)
    ambient = np.array([1.25, 1.1, 1.0, 0.9]) * rng.uniform(0.15, 0.4)
    fine = (colour * (lit + (1 - lit) * ambient[:, None, None])).astype(np.float32)
    return [photograph(rng, fine, canvas, layout, cars, gsd) for gsd in gsds_m]


def _material(rng, low=0.75, high=1.3):
    return MATERIALS[rng.integers(len(MATERIALS))] * rng.uniform(low, high)


def _ground(rng, layout, canvas):
    """Ballast bed, land around it and weeds, (band, y, x)."""
    shape = canvas.chainage.shape
    ballast = MATERIALS[2] * rng.uniform(0.5, 1.6) * rng.uniform(0.85, 1.15, 4)
    if rng.random() < 0.3:
        ballast = MATERIALS[11] * rng.uniform(0.8, 2.0) * rng.uniform(0.9, 1.1, 4)
    land = np.array([0.06, 0.08, 0.09, 0.25]) * rng.uniform(0.6, 2.0)
    if rng.random() < 0.5:
        land = MATERIALS[12] * rng.uniform(0.3, 1)
    edge = rng.uniform(2.2, 5)
    low, high = layout.offsets_m[0] - edge, layout.offsets_m[-1] + edge
    bed = (canvas.offset > low) & (canvas.offset < high)
    grain = 1 + rng.uniform(0.03, 0.12) * noise_field(rng, shape, 3)
    grain += rng.uniform(0, 0.1) * noise_field(rng, shape, 24)
    grain += rng.uniform(0, 0.12) * noise_field(rng, shape, 160)
    colour = np.where(bed, ballast[:, None, None], land[:, None, None]) * grain
    weeds = noise_field(rng, shape, 30) > rng.uniform(0.8, 3)
    leaf = np.array([0.03, 0.06, 0.04, 0.3]) * rng.uniform(0.7, 2)
    return np.where(weeds, 0.5 * colour + 0.5 * leaf[:, None, None], colour).astype(np.float32)


class _Sleepers:
    """Sleepers, rails and dirt between them, alike on all tracks of a yard."""

    def __init__(self, rng):
        self.period_m, self.width_m = rng.uniform(0.52, 0.65), rng.uniform(0.2, 0.28)
        self.contrast = rng.choice([rng.uniform(0.5, 0.95), rng.uniform(1.05, 1.7)])
        self.half_m = rng.choice([1.25, 1.35])
        self.rail_m = rng.choice([1.505, 1.59]) / 2

    def lay(self, rng, colour, s, d, rail):
        phase = rng.uniform()
        on = (np.abs(d) < self.half_m) & (
            ((s / self.period_m + phase) % 1) < self.width_m / self.period_m
        )
        colour[:, on] *= 1 + (self.contrast - 1) * rng.uniform(0.2, 1)
        if rng.random() < 0.5:
            colour[:, np.abs(d) < rng.uniform(0.4, 1.3)] *= rng.uniform(0.65, 1.1)
        for side in (-1, 1):
            cover = (0.07 + FINE_M) / 2 - np.abs(d - side * self.rail_m)
            cover = np.clip(cover, 0, 0.07) / FINE_M
            shade = np.clip(0.12 - np.abs(d - side * (self.rail_m + 0.1)), 0, 0.1) / 0.12 * 0.3
            colour *= (1 - cover) * (1 - shade)
            colour += rail * cover * (1 - shade)


class _Car:
    """How the cars of one consist look."""

    def __init__(self, rng):
        self.kind = rng.choice(KINDS)
        self.body, self.load = _material(rng), _material(rng)
        self.width_m, self.height_m = rng.uniform(2.85, 3.25), rng.uniform(2.8, 4.3)

    def paint(self, rng, colour, height, place, span):
        (s, d), (a, b) = place, span
        at = np.nonzero((s >= a) & (s <= b) & (np.abs(d) <= self.width_m / 2))
        if not len(at[0]):
            return
        along, across = s[at] - a, d[at]
        spread = (0.85, 1.15) if rng.random() < 0.7 else (0.6, 1.4)
        body = np.repeat((self.body * rng.uniform(*spread))[:, None], len(along), 1)
        top = {
            "box": self._box,
            "gondola": self._gondola,
            "empty": self._gondola,
            "tank": self._tank,
            "hopper": self._hopper,
            "containers": self._containers,
            "tarp": self._tarp,
        }[self.kind]
        body, high = top(rng, body, along, across, b - a)
        grain = 1 + rng.uniform(0.01, 0.05) * rng.standard_normal(len(along))
        colour[(slice(None), *at)] = body * grain
        height[at] = high

    def _box(self, rng, body, along, across, _length):
        if rng.random() < 0.6:
            body *= 1 + rng.uniform(0.03, 0.2) * (along % rng.uniform(0.8, 2.0) < 0.3)
        if rng.random() < 0.4:
            body[:, np.abs(across) < 0.3] *= rng.uniform(0.7, 1.3)
        body *= 1 + rng.uniform(-0.15, 0.15) * across / (self.width_m / 2)
        return body, self.height_m - 0.3 * (across / (self.width_m / 2)) ** 2

    def _gondola(self, rng, body, along, across, length):
        rim = (np.abs(across) > self.width_m / 2 - 0.15) | (along < 0.2) | (length - along < 0.2)
        lumps = rng.standard_normal((int(length / 0.7) + 2, 7))
        column = ((across + self.width_m / 2) / 0.7).astype(int).clip(0, 6)
        texture = 1 + rng.uniform(0.05, 0.35) * lumps[(along / 0.7).astype(int), column]
        load = self.load[:, None] * np.clip(texture, 0.3, 2)
        if self.kind == "gondola" and rng.random() < 0.3:
            load = load * (1 + 0.25 * np.sin(along / length * 4 * np.pi))
        fill = rng.uniform(-1, 0.2) if self.kind == "gondola" else -2.2
        return np.where(rim, body, load), np.where(rim, self.height_m, self.height_m + fill)

    def _tank(self, rng, body, along, across, length):
        curve = np.sqrt(np.clip(1 - (across / (self.width_m / 2)) ** 2, 0, 1))
        gleam = np.exp(-(((across - rng.uniform(-0.6, 0.6)) / 0.35) ** 2))
        body *= 0.45 + 0.55 * curve + rng.uniform(0.1, 0.6) * gleam
        dome = np.hypot(along - length / 2, across) < rng.uniform(0.4, 0.8)
        body[:, dome] *= rng.uniform(0.6, 1.5)
        ends = np.minimum(along, length - along) < rng.uniform(0.2, 1.0)
        body[:, ends] *= 0.6
        return body, np.where(ends, 1.2, self.height_m - 1.4 * (1 - curve))

    def _hopper(self, rng, body, along, across, length):
        phase = along / length * rng.integers(3, 7) % 1
        hatch = (np.abs(phase - 0.5) < 0.2) & (np.abs(across) < 0.6)
        body[:, hatch] *= rng.uniform(0.6, 1.4)
        if rng.random() < 0.5:
            body[:, np.abs(phase) < 0.06] *= rng.uniform(0.7, 1.2)
        return body, self.height_m

    def _containers(self, rng, body, along, across, length):
        count = int(rng.choice([1, 2] if length < 20 else [1, 2, 3]))
        slot = (length - 0.6) / count
        index = ((along - 0.3) / slot).astype(int).clip(0, count - 1)
        within = along - 0.3 - index * slot
        space = rng.uniform(0.1, 0.5)
        on = (within > space / 2) & (within < slot - space / 2) & (np.abs(across) < 1.22)
        boxes = np.stack(
            [body[:, 0] if rng.random() < 0.6 else _material(rng) for _ in range(count)]
        )
        floor = 0.7 * self.load[:, None]
        return np.where(on, boxes[index].T, floor), np.where(on, self.height_m, 1.2)

    def _tarp(self, rng, body, along, across, _length):
        wave = np.sin(along / rng.uniform(0.5, 2.5) + rng.uniform(0, 6))
        body *= 1 + 0.12 * wave + 0.1 * np.sin(across * 3)
        slope = rng.uniform(0.2, 1) * np.abs(across) / (self.width_m / 2)
        return body, self.height_m - slope


def _clutter(rng, layout, canvas, colour, height):
    """A few boxes and buildings beside the outer tracks."""
    half = layout.length_m / 2
    for _ in range(int(rng.integers(0, 4))):
        away = rng.uniform(5, 10)
        d = rng.choice([layout.offsets_m[0] - away, layout.offsets_m[-1] + away])
        near_s = np.abs(canvas.chainage - rng.uniform(-half, half)) < rng.uniform(2, 25)
        box = near_s & (np.abs(canvas.offset - d) < rng.uniform(1, 2.5))
        if rng.random() < 0.5:
            height[box] = rng.uniform(1, 5)
            colour[:, box] = _material(rng)[:, None]


def _sunlit(rng, height):
    """1 where the sun reaches, (y, x); the sun stands anywhere between 18 and 68 degrees."""
    rise = np.tan(np.deg2rad(rng.uniform(18, 68)))
    azimuth = rng.uniform(0, 2 * np.pi)
    rows, columns = height.shape
    lit = np.ones(height.shape, np.float32)
    for reach in np.arange(FINE_M * 1.5, min(4.5 / rise, 14), FINE_M * 2):
        down = round(-np.cos(azimuth) * reach / FINE_M)
        right = round(np.sin(azimuth) * reach / FINE_M)
        to = (_shifted(rows, -down), _shifted(columns, -right))
        towards = (_shifted(rows, down), _shifted(columns, right))
        blocked = height[towards] > height[to] + reach * rise
        lit[to][blocked] = 0
    return lit


def _shifted(size, by):
    return slice(max(by, 0), size + min(by, 0))
