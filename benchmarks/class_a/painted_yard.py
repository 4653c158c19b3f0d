"""Look two: flat paint in any colour, shadows as swept outlines, leaning sides, no physics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.class_a.yard import FINE_M, Canvas, Layout, draw_strings, noise_field, photograph

STYLES = ("plain", "stripes", "patch", "ridge", "frame", "speck")


@dataclass(frozen=True)
class _Paint:
    """How the cars of one consist look."""

    colour: np.ndarray
    width_m: float
    style: str
    contrast: float


@dataclass(frozen=True)
class _Sweep:
    """A shadow: the outline swept sideways and along, darkened."""

    across_m: float
    along_m: float
    light: float

    @classmethod
    def draw(cls, rng):
        side = rng.choice([-1, 0, 1], p=[0.4, 0.2, 0.4])
        along = rng.uniform(-4, 4) if side else rng.uniform(-3, 3)
        return cls(side * rng.uniform(0.3, 7), along, rng.uniform(0.15, 0.6))


def render(rng, gsds_m):
    """Draw one yard and photograph it at each GSD."""
    layout = Layout.draw(rng)
    canvas = Canvas.over(layout)
    base = _tint(rng, rng.uniform(0.08, 0.35), 0.12)
    image = _ground(rng, layout, canvas, base)
    half = layout.length_m / 2
    cars, painted = [], []
    bed = _Bed(rng)
    for k, offset in enumerate(layout.offsets_m):
        bed.lay(rng, image, canvas.chainage, canvas.offset - offset)
        found, consists = draw_strings(rng, layout.length_m)
        found = [(a - half, b - half) for a, b in found]
        cars.append(found)
        looks = {consist: _paint(rng, base) for consist in consists}
        painted += [(k, a, b, looks[c]) for (a, b), c in zip(found, consists, strict=True)]
    _shade(_Sweep.draw(rng), layout, canvas, image, painted)
    lean = rng.choice([0, rng.uniform(-1.2, 1.2)])
    for k, a, b, paint in painted:
        _roof(
            rng, image, (canvas.chainage, canvas.offset - layout.offsets_m[k]), (a, b), paint, lean
        )
    grain = 1 + rng.uniform(0, 0.04) * rng.standard_normal(image.shape[1:]).astype(np.float32)
    fine = np.clip(image * np.clip(grain, 0.5, 1.5), 0.005, 1).astype(np.float32)
    return [photograph(rng, fine, canvas, layout, cars, gsd) for gsd in gsds_m]


def _tint(rng, level, chroma):
    return level * np.clip(1 + chroma * rng.standard_normal(4), 0.3, 2)


def _paint(rng, base):
    level = np.exp(rng.uniform(np.log(0.025), np.log(0.6)))
    colour = _tint(rng, level, rng.choice([0.05, 0.4]))
    if rng.random() < 0.12:
        colour = base * rng.uniform(0.85, 1.15)
    return _Paint(colour, rng.uniform(2.8, 3.25), rng.choice(STYLES), rng.uniform(0.02, 0.3))


def _ground(rng, layout, canvas, base):
    image = np.ones((4, *canvas.chainage.shape), np.float32) * base[:, None, None]
    for _ in range(int(rng.integers(0, 4))):
        middle = rng.uniform(layout.offsets_m[0] - 12, layout.offsets_m[-1] + 12)
        stripe = np.abs(canvas.offset - middle) < rng.uniform(1, 8)
        image[:, stripe] = _tint(rng, rng.uniform(0.06, 0.4), 0.2)[:, None]
    for offset in layout.offsets_m:
        bed = np.abs(canvas.offset - offset) < rng.uniform(1.9, 2.6)
        image[:, bed] = _tint(rng, base.mean() * rng.uniform(0.8, 1.2), 0.06)[:, None]
    shape = canvas.chainage.shape
    pattern = 1 + rng.uniform(0.02, 0.2) * noise_field(rng, shape, rng.integers(2, 6))
    pattern += rng.uniform(0, 0.15) * noise_field(rng, shape, rng.integers(10, 60))
    return image * np.clip(pattern, 0.3, 2)


class _Bed:
    """Sleepers, rails and weeds."""

    def __init__(self, rng):
        self.period_m, self.width_m = rng.uniform(0.5, 0.7), rng.uniform(0.15, 0.35)
        self.contrast = rng.uniform(0.6, 1.5)
        self.rail_m = rng.choice([0.7525, 0.795])
        self.rail = rng.choice([rng.uniform(0.02, 0.1), rng.uniform(0.3, 0.9)])

    def lay(self, rng, image, s, d):
        middle = np.abs(d) < 1.3
        if rng.random() < 0.85:
            on = middle & ((s / self.period_m) % 1 < self.width_m / self.period_m)
            rough = np.clip(1 + 0.1 * noise_field(rng, s.shape, 5)[on], 0.7, 1.3)
            image[:, on] *= self.contrast * rough
        else:
            image[:, middle] *= self.contrast**0.4
        if rng.random() < 0.2:
            weeds = noise_field(rng, s.shape, 12) > rng.uniform(0.3, 1.5)
            weeds &= np.abs(d) < 1.5
            leaf = np.array([0.04, 0.09, 0.05, 0.3])[:, None]
            image[:, weeds] = 0.4 * image[:, weeds] + 0.6 * leaf
        for side in (-1, 1):
            off = np.abs(d - side * self.rail_m)
            cover = np.clip(0.07 / FINE_M * (1 - off / FINE_M), 0, 1)
            image *= 1 - cover
            image += self.rail * cover


def _shade(sweep, layout, canvas, image, painted):
    shadow = np.zeros(canvas.chainage.shape, bool)
    roofs = np.zeros(canvas.chainage.shape, bool)
    for k, a, b, paint in painted:
        d, half = canvas.offset - layout.offsets_m[k], paint.width_m / 2
        for part in np.linspace(0, 1, 9):
            s = canvas.chainage - part * sweep.along_m
            outline = (s >= a) & (s <= b) & (np.abs(d - part * sweep.across_m) <= half)
            shadow |= outline
            if part == 0:
                roofs |= outline
    shadow &= ~roofs
    image[:, shadow] *= np.array([1.1, 1.03, 1, 0.95])[:, None] * sweep.light


def _roof(rng, image, place, span, paint, lean):
    (s, d), (a, b) = place, span
    on = (s >= a) & (s <= b)
    half = paint.width_m / 2
    if lean:
        low, high = sorted((0, lean))
        side = on & (d >= low - half) & (d <= high + half)
        image[:, side] = (paint.colour * rng.uniform(0.3, 0.8))[:, None]
    at = np.nonzero(on & (np.abs(d) <= half))
    if not len(at[0]):
        return
    factor = _styled(rng, paint, s[at] - a, d[at], b - a)
    colour = paint.colour * rng.uniform(0.9, 1.1)
    image[(slice(None), *at)] = colour[:, None] * np.clip(factor, 0.2, 2.5)
    coupler = np.nonzero((s > b) & (s < b + 1.3) & (np.abs(d) < 0.12))
    image[(slice(None), *coupler)] *= 0.6


def _styled(rng, paint, along, across, length):
    """Factor on the colour over a roof, by style."""
    factor = np.ones(len(along))
    if paint.style == "stripes":
        factor += paint.contrast * np.sign(np.sin(along * 2 * np.pi / rng.uniform(1, 4)))
    elif paint.style == "patch":
        for _ in range(int(rng.integers(1, 4))):
            near = np.abs(along - rng.uniform(0, length)) < rng.uniform(0.3, 2)
            near &= np.abs(across) < rng.uniform(0.5, 1.2)
            factor[near] *= 1 + rng.choice([-1, 1]) * paint.contrast * 1.5
    elif paint.style == "ridge":
        factor += paint.contrast * (np.exp(-((across / 0.4) ** 2)) - 0.5) * 1.5
    elif paint.style == "frame":
        rim = np.abs(across) > paint.width_m / 2 - 0.25
        rim |= (along < 0.3) | (length - along < 0.3)
        factor[rim] *= 1 + rng.choice([-1, 1]) * paint.contrast * 2
    elif paint.style == "speck":
        speck = rng.standard_normal((int(length / 0.5) + 2, 9))
        column = ((across + 2) / 0.5).astype(int).clip(0, 8)
        factor += paint.contrast * speck[(along / 0.5).astype(int), column]
    return factor
