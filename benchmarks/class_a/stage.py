"""What stands where on a made-up yard: tracks, their ground, cars and clutter, drawn very widely.

A stage is flat and straight: `s` runs along it and `d` across. Tracks run along it, end, or branch
off at a turnout's angle. Solids (cars, stacks, buildings, platforms, masts) are boxes on it.
Nothing here is shared with `railwatch.testing.scenery` or `railwatch.injection`, on which the
detector is judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

LENGTH_M = 116.0
HALF_M = 22.0
"""The stage reaches so far to either side of its middle."""
CLEAR_M = 3.0
"""Least empty track between two strings."""

# Columns of a solid.
BEGIN, END, MIDDLE, SLOPE, HALF, HEIGHT, STYLE, RIM, DEPTH, BAYS, BAY, TILT, LUMP, SEED, BOXES = (
    range(15)
)
PLAIN, OPEN, PITCHED, BARREL, DECK, ENGINE, HEAP = range(7)
COLOURS = 6
"""Base, rim, and four boxes, each of four bands."""


@dataclass(frozen=True)
class Line:
    """One track's axis: along the stage at `offset_m`, branching by `slope` between two points."""

    offset_m: float
    begin_m: float
    end_m: float
    slope: float = 0.0
    turn_m: float = 1e9
    """From here on it runs off by `slope`."""

    @property
    def straight_m(self):
        """Where it stops to lie along the stage."""
        return min(self.end_m, self.turn_m)

    def at(self, s):
        return self.offset_m + self.slope * np.maximum(s - self.turn_m, 0.0)


@dataclass(frozen=True)
class Stage:
    """One yard: its ground as an image, solids on it, and where its tracks and cars are."""

    ground: np.ndarray
    """(band, d, s) float32 reflectance, cells of `fine_m`."""
    fine_m: float
    solids: np.ndarray
    colours: np.ndarray
    """(solid, COLOURS, band)."""
    lines: tuple[Line, ...]
    cars: tuple[tuple[tuple[float, float, float], ...], ...]
    """By track: from, to, height."""


def tint(rng, level, chroma):
    """A colour of a brightness, four bands."""
    lean = rng.standard_normal(4)
    lean = 0.6 * lean + 0.8 * np.sort(rng.standard_normal(4))[:: rng.choice([-1, 1, 1])]
    return np.clip(level * np.exp(chroma * lean), 0.012, 0.85)


def noise(rng, shape, length):
    """Random field of unit spread that varies over about `length` cells."""
    k = max(1, int(length))
    small = rng.standard_normal((shape[0] // k + 3, shape[1] // k + 3)).astype(np.float32)
    field = ndimage.zoom(small, k, order=1) if k > 1 else small
    field = field[: shape[0], : shape[1]]
    return field / (field.std() + 1e-6)


def draw_stage(rng, fine_m):
    """Draw one yard."""
    lines = _lines(rng)
    n_d, n_s = round(2 * HALF_M / fine_m), round(LENGTH_M / fine_m)
    d = ((np.arange(n_d) + 0.5) * fine_m - HALF_M).astype(np.float32)[:, None]
    s = ((np.arange(n_s) + 0.5) * fine_m).astype(np.float32)[None]
    base = tint(rng, np.exp(rng.uniform(np.log(0.06), np.log(0.33))), rng.choice([0.08, 0.2]))
    snow = rng.random() < 0.04
    if snow:
        base = np.array([0.62, 0.63, 0.62, 0.57]) * rng.uniform(0.7, 1.2)
    ground = _land(rng, base, lines, s, d)
    bed = _Bed(rng, base, snow=snow)
    for line in lines:
        bed.lay(rng, ground, s, d - line.at(s), line)
    _stains(rng, ground, lines, s, d)
    solids, colours, cars = [], [], []
    fleet = _Fleet(rng, base)
    for line in lines:
        on_track = []
        for car, look in fleet.strings(rng, line):
            solids.append(car)
            colours.append(look)
            on_track.append((car[BEGIN], car[END], car[HEIGHT]))
        cars.append(tuple(on_track))
    _clutter(rng, lines, solids, colours)
    return Stage(
        np.clip(ground, 0.008, 0.9).astype(np.float32),
        fine_m,
        np.array(solids, np.float64).reshape(-1, 15),
        np.array(colours, np.float64).reshape(-1, COLOURS, 4),
        lines,
        tuple(cars),
    )


def _lines(rng):
    tracks = int(rng.choice([1, 2, 3, 4, 5, 6, 8], p=[0.14, 0.16, 0.18, 0.18, 0.14, 0.12, 0.08]))
    spacing = rng.uniform(4.1, 6.4)
    steps = [
        spacing + (rng.uniform(0, 7) if rng.random() < 0.12 else rng.uniform(-0.25, 0.25))
        for _ in range(tracks - 1)
    ]
    offsets = np.cumsum([0.0, *steps])
    offsets += rng.uniform(-2, 2) - offsets[int(rng.integers(tracks))]
    ladder = rng.random() < 0.25
    slope = rng.choice([-1, 1]) / rng.uniform(6.5, 13)
    meets = rng.uniform(30, 90) - offsets[int(rng.integers(len(offsets)))] / slope
    lines = []
    for offset in offsets[np.abs(offsets) < HALF_M - 2.5]:
        ends = rng.random()
        begin = rng.uniform(5, 75) if ends < 0.14 else -1.0
        end = rng.uniform(40, 110) if ends > 0.86 else LENGTH_M + 1.0
        turn = 1e9
        if ladder:
            # Every track runs into the same lead.
            turn, end = max(meets + offset / slope, -1.0), LENGTH_M + 1.0
            if turn == -1.0:
                continue
        elif rng.random() < 0.1:
            turn, end = rng.uniform(30, 100), LENGTH_M + 1.0
        lines.append(Line(float(offset), begin, end, float(slope), float(turn)))
    if not lines:
        lines.append(Line(float(offsets[0]), -1.0, LENGTH_M + 1.0))
    return tuple(lines)


def _land(rng, base, lines, s, d):
    """Formation under all tracks, stripes and fields beside it, weeds, crossings."""
    shape = (d.shape[0], s.shape[1])
    land = tint(rng, np.exp(rng.uniform(np.log(0.05), np.log(0.3))), 0.25)
    if rng.random() < 0.6:
        land = base * rng.uniform(0.7, 1.3) * np.exp(0.1 * rng.standard_normal(4))
    edge = rng.uniform(1.8, 6)
    low = min(line.offset_m for line in lines) - edge
    high = max(line.offset_m for line in lines) + edge
    inside = ((d > low) & (d < high))[None]
    ground = np.where(inside, base[:, None, None], land[:, None, None]).astype(np.float32)
    ground = np.broadcast_to(ground, (4, *shape)).copy()
    for _ in range(int(rng.integers(0, 5))):
        middle, half = rng.uniform(-HALF_M, HALF_M), rng.uniform(0.2, 5)
        if all(abs(middle - line.offset_m) > half + 1.3 for line in lines):
            rows = (np.abs(d - middle) < half)[:, 0]
            a, b = sorted(rng.uniform(-20, LENGTH_M + 20, 2))
            if rng.random() < 0.5:
                a, b = -1, LENGTH_M + 1
            cols = ((s > a) & (s < b))[0]
            ground[:, np.ix_(rows, cols)[0], np.ix_(rows, cols)[1]] = tint(
                rng, np.exp(rng.uniform(np.log(0.04), np.log(0.45))), 0.2
            )[:, None, None]
    if rng.random() < 0.12:
        at, half = rng.uniform(0, LENGTH_M), rng.uniform(1.5, 6)
        lean = rng.uniform(-0.6, 0.6)
        on = np.abs(s - at - lean * d) < half
        ground[:, on] = tint(rng, np.exp(rng.uniform(np.log(0.06), np.log(0.35))), 0.08)[:, None]
    cell = LENGTH_M / shape[1]
    grain = np.ones(shape, np.float32)
    for length_m, most in ((0.4, 0.12), (2.0, 0.14), (7.0, 0.16), (25.0, 0.22)):
        grain *= np.exp(rng.uniform(0, most) * noise(rng, shape, length_m / cell))
    ground *= grain
    if rng.random() < 0.5:
        weeds = noise(rng, shape, rng.uniform(0.5, 8) / cell) > rng.uniform(0.3, 3)
        leaf = np.array([0.03, 0.07, 0.04, 0.32]) * rng.uniform(0.6, 2)
        share = rng.uniform(0.2, 0.8)
        ground[:, weeds] = (1 - share) * ground[:, weeds] + share * leaf[:, None]
    return ground


class _Bed:
    """Ballast, sleepers, rails and dirt, alike on most tracks of a yard."""

    def __init__(self, rng, base, *, snow):
        self.snow = snow
        self.period_m, self.share = rng.uniform(0.48, 0.75), rng.uniform(0.25, 0.55)
        faint = rng.random() < 0.4
        self.sleeper = np.exp(rng.normal(0, 0.08 if faint else 0.3))
        self.flat = rng.random() < 0.3
        self.rail_m = rng.choice([0.7525, 0.795])
        self.rail = tint(rng, np.exp(rng.uniform(np.log(0.03), np.log(0.55))), 0.1)
        if faint:
            self.rail = base * np.exp(rng.normal(0, 0.25))
        self.rail_width_m = rng.uniform(0.06, 0.11)
        self.ballast = rng.random() < 0.6
        self.stone = base * np.exp(rng.normal(0, 0.22)) * np.exp(0.06 * rng.standard_normal(4))
        self.half_m = rng.uniform(1.6, 2.8)
        self.stain = np.exp(rng.normal(-0.12, 0.25))
        self.stain_m = rng.uniform(0.35, 1.3)
        self.shade = 0.0 if faint else rng.uniform(0, 0.4)

    def lay(self, rng, ground, s, e, line):
        there = (s >= line.begin_m) & (s <= line.end_m)
        cell = LENGTH_M / s.shape[1]
        side = np.abs(e)
        if self.ballast or rng.random() < 0.1:
            half = self.half_m * rng.uniform(0.9, 1.1)
            share = np.clip((half - side) / 0.3 + 0.5, 0, 1) * there
            share = share * rng.uniform(0.5, 1.0)
            rough = np.exp(rng.uniform(0.02, 0.15) * noise(rng, side.shape, 0.5 / cell))
            ground *= 1 - share
            ground += self.stone[:, None, None] * (share * rough)
        level = np.exp(rng.normal(0, 0.08)) * np.ones(side.shape, np.float32)
        inner = (side < rng.uniform(1.2, 1.4)) & there
        contrast = self.sleeper ** rng.uniform(0.3, 1.0)
        if self.snow:
            contrast = contrast**0.2
        if self.flat:
            level[inner] *= contrast**0.5
        else:
            phase = rng.uniform()
            width = self.share * self.period_m
            off = np.abs((s / self.period_m + phase) % 1 - 0.5) * self.period_m
            cover = np.clip((width / 2 - off) / cell + 0.5, 0, 1)
            worn = np.clip(1 + 0.25 * noise(rng, side.shape, 1.0 / cell), 0, 1.6)
            level *= np.where(inner, 1 + (contrast - 1) * cover * worn, 1.0)
        if rng.random() < 0.75:
            stain = self.stain ** rng.uniform(0.3, 1.3)
            level *= np.where((side < self.stain_m) & there, stain, 1.0)
        gleam = rng.uniform(0.6, 1.4)
        extra = self.rail_m - rng.uniform(0.12, 0.2) if rng.random() < 0.06 else None
        rails = [-self.rail_m, self.rail_m, *([] if extra is None else [extra])]
        for rail in rails:
            off = np.abs(e - rail)
            width = self.rail_width_m
            cover = np.clip((width + cell) / 2 - off, 0, min(width, cell)) / cell * there
            level *= 1 - self.shade * np.clip((0.14 - np.abs(e - rail - 0.1)) / 0.1, 0, 1) * there
            ground *= 1 - cover
            ground += (gleam * self.rail)[:, None, None] * cover
        ground *= level


def _stains(rng, ground, lines, s, d):
    """Oil, spilt ore, puddles and new ballast on tracks: as long as cars, and no cars."""
    for _ in range(int(rng.integers(0, 7))):
        line = lines[int(rng.integers(len(lines)))]
        at, half = rng.uniform(0, LENGTH_M), np.exp(rng.uniform(np.log(0.8), np.log(25)))
        width = rng.uniform(0.4, 2.4)
        off = d - line.at(s) - rng.normal(0, 0.3)
        soft = rng.uniform(0.05, 1.5)
        share = np.clip((half - np.abs(s - at)) / soft + 0.5, 0, 1)
        share = share * np.clip((width - np.abs(off)) / soft + 0.5, 0, 1)
        if rng.random() < 0.75:
            ground *= 1 + share * (np.exp(rng.normal(-0.1, 0.3)) - 1)
        else:
            spilt = tint(rng, np.exp(rng.uniform(np.log(0.04), np.log(0.3))), 0.15)
            share = share * rng.uniform(0.3, 0.8)
            ground *= 1 - share
            ground += spilt[:, None, None] * share


LENGTHS_M = (8.7, 9.6, 10.8, 10.9, 11.3, 12.0, 12.8, 12.8, 12.8, 12.9, 13.4, 13.6, 13.5, 14.6)
LONG_M = (15.7, 16.4, 18.4, 18.7, 20.0, 22.0, 23.6, 24.3, 25.5)
# Chances of open, pitched, barrel, deck with boxes, bare deck, engine, heap.
KINDS = (0.27, 0.2, 0.16, 0.13, 0.06, 0.05, 0.13)


class _Fleet:
    """The cars of one yard: consists mostly of one type."""

    def __init__(self, rng, base):
        self.base = base
        self.filling = rng.choice(["none", "sparse", "full", "mixed"], p=[0.12, 0.28, 0.25, 0.35])
        self.usual = None

    def strings(self, rng, line):
        """Cars along one track, each with its colours."""
        found = []
        kind = (
            self.filling if rng.random() < 0.6 else rng.choice(["empty", "empty", "full", "sparse"])
        )
        first, last = max(line.begin_m, -12.0), min(LENGTH_M + 12.0, line.straight_m)
        if "none" in (kind, self.filling) or kind == "empty" or rng.random() < 0.12:
            return found
        at = first + (rng.uniform(0, 12) if kind == "full" else rng.uniform(0, 50))
        while at < last - 9:
            count = 1 if rng.random() < 0.22 else int(rng.integers(1, 26))
            uniform = rng.random() < 0.6
            model = self._model(rng) if self.usual is None or rng.random() < 0.5 else self.usual
            self.usual = model
            for _ in range(count):
                if not uniform and rng.random() < 0.7:
                    model = self._model(rng)
                car, look = self._car(rng, model, line)
                body = car[END]
                if at + body > last - 0.5:
                    at = last
                    break
                car[BEGIN], car[END] = at, at + body
                found.append((car, look))
                gap = model["gap"] + (0 if uniform else rng.normal(0, 0.25))
                at += body + float(np.clip(gap + rng.normal(0, 0.04), 0.45, 2.7))
            near = rng.random() < 0.3
            at += rng.uniform(CLEAR_M, 9) if near else rng.uniform(CLEAR_M, 60)
        return found

    def _model(self, rng):
        """A type and its paint."""
        length = rng.choice(LENGTHS_M) if rng.random() < 0.72 else rng.choice(LONG_M)
        if rng.random() < 0.25:
            length = rng.uniform(8.8, 26)
        style = int(rng.choice(7, p=KINDS))
        level = np.exp(rng.uniform(np.log(0.025), np.log(0.6)))
        paint = tint(rng, level, rng.choice([0.05, 0.15, 0.45], p=[0.4, 0.3, 0.3]))
        if rng.random() < 0.15:
            paint = self.base * np.exp(rng.normal(0, 0.12)) * np.exp(0.05 * rng.standard_normal(4))
        inner = tint(rng, np.exp(rng.uniform(np.log(0.03), np.log(0.35))), 0.15)
        if rng.random() < 0.2:
            inner = self.base * np.exp(rng.normal(0, 0.2))
        return {
            "length": length + rng.normal(0, 0.1),
            "gap": rng.uniform(0.8, 1.5) if rng.random() < 0.7 else rng.uniform(0.45, 2.6),
            "style": style,
            "paint": paint,
            "inner": inner,
            "width": rng.uniform(2.75, 3.3) if rng.random() < 0.8 else rng.uniform(2.4, 2.9),
            "height": rng.uniform(2.6, 4.9),
            "spread": rng.choice([0.05, 0.15, 0.35]),
            "loaded": rng.random() < 0.6,
            "several": rng.random() < 0.5,
        }

    def _car(self, rng, model, line):
        """One vehicle: `END` holds its length until it is placed."""
        car, look = np.zeros(15), np.zeros((COLOURS, 4))
        paint = model["paint"] * np.exp(model["spread"] * rng.standard_normal())
        look[:] = paint * np.exp(0.04 * rng.standard_normal(4))
        look[1] = look[0] * np.exp(rng.normal(0, 0.35))
        style = model["style"]
        car[END], car[MIDDLE], car[HALF] = model["length"], line.offset_m, model["width"] / 2
        car[MIDDLE] += rng.normal(0, 0.04)
        car[HEIGHT], car[SEED] = model["height"], rng.uniform(0, 1000)
        car[LUMP] = rng.uniform(0, 0.06)
        if rng.random() < 0.5:
            car[BAYS] = rng.uniform(2, 14)
            car[BAY] = rng.normal(0, 0.12)
        if style in {OPEN, HEAP}:
            car[RIM] = rng.uniform(0.06, 0.25)
            loaded = model["loaded"] if rng.random() < 0.85 else not model["loaded"]
            car[DEPTH] = rng.uniform(0, 0.7) if loaded else rng.uniform(1.2, 2.6)
            look[0] = model["inner"] * np.exp(0.15 * rng.standard_normal())
            look[1] = paint
            car[LUMP] = rng.uniform(0.03, 0.35)
            if style == HEAP:
                car[DEPTH], car[TILT] = 0.0, rng.uniform(-0.5, 0.5)
                car[BAYS], car[BAY] = rng.choice([1, 2, 2, 3]), rng.normal(0, 0.25)
        elif style == PITCHED:
            car[TILT] = rng.uniform(0, 0.5)
            car[RIM] = rng.choice([0, rng.uniform(0.1, 0.5)])
        elif style == BARREL:
            car[RIM] = rng.uniform(0.1, 1.1)
            look[1] = tint(rng, rng.uniform(0.03, 0.25), 0.1)
        elif style == DECK:
            self._boxes(rng, model, car, look, paint)
        elif style == 4:
            car[STYLE], car[HEIGHT] = PLAIN, rng.uniform(1.0, 1.5)
            car[LUMP] = rng.uniform(0.02, 0.2)
            look[0] = model["inner"] * np.exp(0.1 * rng.standard_normal())
            return car, look
        elif style == ENGINE:
            car[BAYS], car[BAY] = rng.uniform(1, 4), rng.normal(0, 0.5)
            car[RIM] = rng.uniform(0.1, 1.5)
        car[STYLE] = style
        return car, look

    def _boxes(self, rng, model, car, look, paint):
        """Containers or goods on a deck."""
        most = max(1, min(4, int(car[END] // 6)))
        car[BOXES] = 1 if most == 1 else rng.integers(1, most + 1)
        car[RIM] = rng.uniform(0.1, 0.6)
        look[1] = model["inner"]
        for k in range(4):
            if model["several"]:
                look[2 + k] = tint(rng, np.exp(rng.uniform(np.log(0.04), np.log(0.5))), 0.4)
            else:
                look[2 + k] = paint * np.exp(0.1 * rng.standard_normal())
            if rng.random() < 0.08:
                look[2 + k] = look[1]


def _clutter(rng, lines, solids, colours):
    """Stacks, buildings, platforms and masts clear of the tracks; masts throw thin shadows."""

    def put(a, b, middle, half, height, style=PLAIN):
        clear = all(
            abs(middle - line.at(np.clip(s, -1, LENGTH_M))) > half + 1.75
            for line in lines
            for s in (a, b)
            if line.begin_m < b and line.end_m > a
        )
        if clear:
            box, look = np.zeros(15), np.zeros((COLOURS, 4))
            box[[BEGIN, END, MIDDLE, HALF, HEIGHT, STYLE]] = a, b, middle, half, height, style
            box[LUMP], box[SEED] = rng.uniform(0, 0.3), rng.uniform(0, 1000)
            look[:] = tint(rng, np.exp(rng.uniform(np.log(0.03), np.log(0.5))), 0.3)
            solids.append(box)
            colours.append(look)

    for _ in range(int(rng.choice([0, 0, 1, 2, 4, 7]))):
        a = rng.uniform(-10, LENGTH_M)
        size = np.exp(rng.uniform(np.log(2), np.log(40)))
        put(a, a + size, rng.uniform(-HALF_M, HALF_M), rng.uniform(0.8, 4.5), rng.uniform(0.5, 6))
    if rng.random() < 0.2:
        put(
            -5, LENGTH_M + 5, rng.uniform(-HALF_M, HALF_M), rng.uniform(1, 3.5), rng.uniform(0.3, 1)
        )
    if rng.random() < 0.3:
        every, middle = rng.uniform(20, 65), rng.uniform(-HALF_M, HALF_M)
        for a in np.arange(rng.uniform(0, every), LENGTH_M, every):
            put(a, a + 0.4, middle, 0.2, rng.uniform(5, 9))
