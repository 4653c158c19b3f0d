"""What a satellite sees of a stage: tops that lean, walls, ground, and what lies in shadow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np

from benchmarks.class_a import stage as st

BEGIN, END, MIDDLE, HALF, HEIGHT, STYLE, RIM, DEPTH = (
    st.BEGIN,
    st.END,
    st.MIDDLE,
    st.HALF,
    st.HEIGHT,
    st.STYLE,
    st.RIM,
    st.DEPTH,
)
BAYS, BAY, TILT, LUMP, SEED, BOXES = st.BAYS, st.BAY, st.TILT, st.LUMP, st.SEED, st.BOXES
OPEN, PITCHED, BARREL, DECK, ENGINE, HEAP = (
    st.OPEN,
    st.PITCHED,
    st.BARREL,
    st.DECK,
    st.ENGINE,
    st.HEAP,
)


@dataclass(frozen=True)
class Light:
    """Vectors over the stage, metres along and across by metre of height, and shade by band."""

    sun: tuple[float, float]
    """From a point towards the sun."""
    lean: tuple[float, float]
    """By which a top is seen displaced from its foot."""
    shade: np.ndarray
    """(band,) share of light left in shadow."""

    @classmethod
    def draw(cls, rng):
        # Low suns across the tracks throw cars' shadows on the tracks beside them.
        low = rng.random() < 0.4
        rise = math.tan(math.radians(rng.uniform(8, 30) if low else rng.uniform(16, 75)))
        azimuth = rng.uniform(0, 2 * math.pi)
        if low and rng.random() < 0.6:
            azimuth = rng.choice([0.5, 1.5]) * math.pi + rng.normal(0, 0.5)
        off = math.tan(math.radians(rng.choice([0.0, rng.uniform(0, 14), rng.uniform(10, 30)])))
        view = rng.uniform(0, 2 * math.pi)
        dim = rng.uniform(0.12, 0.5)
        if rng.random() < 0.06:
            dim = rng.uniform(0.75, 0.97)
        blue = np.array([rng.uniform(1.0, 1.6), rng.uniform(1, 1.2), 1.0, rng.uniform(0.65, 1)])
        return cls(
            (math.cos(azimuth) / rise, math.sin(azimuth) / rise),
            (off * math.cos(view), off * math.sin(view)),
            np.clip(dim * blue, 0.05, 1.0),
        )


@numba.njit(cache=True, nogil=True)
def _cast(solids, s, d, base, es, ed, skip):
    """First solid that a ray rising from (s, d) at height `base` meets, -1 where none."""
    for k in range(len(solids)):
        if k == skip or solids[k, HEIGHT] <= base:
            continue
        reach = solids[k, HEIGHT] - base
        s1, d1 = s + reach * es, d + reach * ed
        half = solids[k, HALF]
        low, high = solids[k, MIDDLE] - half, solids[k, MIDDLE] + half
        if max(d, d1) < low or min(d, d1) > high:
            continue
        if max(s, s1) < solids[k, BEGIN] or min(s, s1) > solids[k, END]:
            continue
        t0, t1 = 0.0, 1.0
        ds, dd = s1 - s, d1 - d
        if abs(dd) > 1e-9:
            a, b = (low - d) / dd, (high - d) / dd
            t0, t1 = max(t0, min(a, b)), min(t1, max(a, b))
        if abs(ds) > 1e-9:
            a, b = (solids[k, BEGIN] - s) / ds, (solids[k, END] - s) / ds
            t0, t1 = max(t0, min(a, b)), min(t1, max(a, b))
        if t0 <= t1:
            return k
    return -1


@numba.njit(cache=True, nogil=True)
def _hash(a, b, c):
    v = math.sin(a * 12.9898 + b * 78.233 + c * 37.719) * 43758.5453
    return v - math.floor(v)


@numba.njit(cache=True, nogil=True)
def _sunken(car, u, w, sun):
    """Colour of an open car's top, and whether its own walls shade it."""
    length, half = car[END] - car[BEGIN], car[HALF]
    if half - abs(w) < car[RIM] or min(u, length - u) < car[RIM]:
        return 1, False
    us, ws = u + car[DEPTH] * sun[0], w + car[DEPTH] * sun[1]
    inside = car[RIM] <= us <= length - car[RIM] and abs(ws) <= half - car[RIM]
    return 0, car[DEPTH] > 0.05 and not inside


@numba.njit(cache=True, nogil=True)
def _boxes(car, u, w):
    """Colour of a deck with boxes, and whether it lies dark between two."""
    length, count = car[END] - car[BEGIN], max(1.0, car[BOXES])
    slot = (length - 0.4) / count
    index = min(max(int((u - 0.2) / slot), 0), int(count) - 1)
    within = u - 0.2 - index * slot
    between = min(within, slot - within) < car[RIM] / 2
    bare = between or min(u, length - u) < 0.2 or car[HALF] - abs(w) < 0.03
    return (1 if bare else 2 + index), between


@numba.njit(cache=True, nogil=True)
def _barrel(car, u, w, sun):
    """How bright a lying cylinder is there, with a dome in its middle."""
    side = w / car[HALF]
    norm = math.sqrt(1.0 + sun[0] * sun[0] + sun[1] * sun[1])
    facing = math.sqrt(max(0.0, 1.0 - side * side)) + side * sun[1]
    dome = abs(u - (car[END] - car[BEGIN]) / 2) < 0.5 and abs(w) < 0.5
    return max(0.15, facing / norm * min(norm, 1.6)) * (0.75 if dome else 1.0)


@numba.njit(cache=True, nogil=True)
def _top(car, look, u, w, sun, out):
    """Colour of a car's top `u` metres from its begin, `w` from its middle; True if self-shaded."""
    length = car[END] - car[BEGIN]
    style, side = int(car[STYLE]), w / car[HALF]
    at_end = min(u, length - u) < car[RIM]
    factor, colour, dark = 1.0, 0, False
    if style in (OPEN, HEAP):
        colour, dark = _sunken(car, u, w, sun)
        factor += car[TILT] * side if colour == 0 else 0.0
    elif style == DECK:
        colour, dark = _boxes(car, u, w)
    elif style in (PITCHED, BARREL, ENGINE) and at_end:
        colour = 1
    elif style == BARREL:
        factor = _barrel(car, u, w, sun)
    if style == PITCHED:
        rise = 0.5 if w * sun[1] > 0 else -0.5
        factor += car[TILT] * rise * (1.0 if abs(side) > 0.06 else 0.3)
    if car[BAYS] > 0:
        factor *= 1.0 + car[BAY] * (1.0 if (u / length * car[BAYS]) % 1.0 < 0.5 else -1.0)
    lump = _hash(math.floor(u / 0.6), math.floor(w / 0.6), car[SEED])
    factor *= 1.0 + car[LUMP] * (lump - 0.5) * 2.5
    for b in range(out.shape[0]):
        out[b] = look[colour, b] * max(factor, 0.1)
    return dark


@numba.njit(cache=True, nogil=True)
def _near(solids, s, sun, lean):
    """Which solids may show, or throw shadow, at `s` along the stage."""
    chosen = np.zeros(len(solids), dtype=np.bool_)
    for k in range(len(solids)):
        reach = solids[k, HEIGHT] * (abs(sun[0]) + abs(lean[0])) + 1.0
        chosen[k] = solids[k, BEGIN] - reach < s < solids[k, END] + reach
    return chosen


@numba.njit(cache=True, nogil=True)
def _topmost(solids, s, d, lean):
    """Highest solid whose leaning top covers a point, -1 where none."""
    best, high = -1, -1.0
    for k in range(len(solids)):
        h = solids[k, HEIGHT]
        u, w = s - h * lean[0], d - h * lean[1] - solids[k, MIDDLE]
        inside = solids[k, BEGIN] <= u <= solids[k, END] and abs(w) <= solids[k, HALF]
        if inside and h > high:
            best, high = k, h
    return best


@numba.njit(cache=True, nogil=True)
def _point(solids, colours, s, d, sun, lean, seen):
    """What is seen at a point: True if dark. `seen` holds the ground's colour, or gets another."""
    best = _topmost(solids, s, d, lean)
    if best >= 0:
        h = solids[best, HEIGHT]
        ps, pd = s - h * lean[0], d - h * lean[1]
        u, w = ps - solids[best, BEGIN], pd - solids[best, MIDDLE]
        dark = _top(solids[best], colours[best], u, w, sun, seen)
        return dark or _cast(solids, ps, pd, h, sun[0], sun[1], best) >= 0
    if lean[0] != 0.0 or lean[1] != 0.0:
        best = _cast(solids, s, d, 0.0, -lean[0], -lean[1], -1)
        if best >= 0:
            for b in range(seen.shape[0]):
                seen[b] = 0.7 * colours[best, 1, b]
            return sun[0] * lean[0] + sun[1] * lean[1] > 0
    return _cast(solids, s, d, 0.0, sun[0], sun[1], -1) >= 0


@numba.njit(cache=True, nogil=True)
def see(ground, fine_m, half_m, solids, colours, sun, lean, shade):
    """Radiance of a stage, (band, d, s) float32."""
    bands, rows, cols = ground.shape
    out = np.empty_like(ground)
    seen = np.empty(bands)
    for c in range(cols):
        s = (c + 0.5) * fine_m
        near = _near(solids, s, sun, lean)
        local, looks = solids[near], colours[near]
        for r in range(rows):
            for b in range(bands):
                seen[b] = ground[b, r, c]
            dark = _point(local, looks, s, (r + 0.5) * fine_m - half_m, sun, lean, seen)
            for b in range(bands):
                out[b, r, c] = seen[b] * (shade[b] if dark else 1.0)
    return out
