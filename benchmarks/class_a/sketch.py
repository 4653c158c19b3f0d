"""Yards as someone would sketch them: a flat bed, boxes of one colour on it, fields beside.

Neither rails nor sleepers show here, as on soiled or overgrown tracks and in soft pictures: where a
track lies is told by the bed's edges and the cars alone. Networks taught only on yards full of
detail took such cars for nothing at all.
"""

from __future__ import annotations

import numpy as np

from benchmarks.class_a import stage
from benchmarks.class_a.stage import HALF_M, LENGTH_M, Line, Stage, noise, tint

LENGTHS_M = (12.0, 12.8, 13.9, 14.0, 14.6, 14.7, 17.0, 19.6, 24.5)


def draw_sketch(rng, fine_m):
    """Draw one yard."""
    n_d, n_s = round(2 * HALF_M / fine_m), round(LENGTH_M / fine_m)
    d = ((np.arange(n_d) + 0.5) * fine_m - HALF_M).astype(np.float32)[:, None]
    s = ((np.arange(n_s) + 0.5) * fine_m).astype(np.float32)[None]
    lines = _lines(rng)
    bed = tint(rng, np.exp(rng.uniform(np.log(0.07), np.log(0.3))), rng.choice([0.05, 0.15]))
    ground = _ground(rng, bed, lines, s, d)
    solids, colours, cars = [], [], []
    for line in lines:
        placed = _string(rng, bed, line) if rng.random() < 0.6 else []
        cars.append(
            tuple((car[stage.BEGIN], car[stage.END], car[stage.HEIGHT]) for car, _ in placed)
        )
        solids += [car for car, _ in placed]
        colours += [look for _, look in placed]
    return Stage(
        np.clip(ground, 0.008, 0.9).astype(np.float32),
        fine_m,
        np.array(solids, np.float64).reshape(-1, 15),
        np.array(colours, np.float64).reshape(-1, stage.COLOURS, 4),
        lines,
        tuple(cars),
    )


def _lines(rng):
    tracks = int(rng.choice([1, 2, 3, 4, 6, 8], p=[0.2, 0.15, 0.2, 0.15, 0.2, 0.1]))
    offsets = rng.uniform(4.2, 6.2) * np.arange(tracks)
    offsets += rng.uniform(-2, 2) - offsets[int(rng.integers(tracks))]
    begin = rng.uniform(5, 60) if rng.random() < 0.15 else -1.0
    end = rng.uniform(50, 110) if rng.random() < 0.15 else LENGTH_M + 1.0
    kept = offsets[np.abs(offsets) < HALF_M - 2.5]
    return tuple(Line(float(offset), begin, end) for offset in kept)


def _ground(rng, bed, lines, s, d):
    """Fields in a turned grid, and the bed: under all tracks at once, or under each its own."""
    shape = (d.shape[0], s.shape[1])
    turn = rng.uniform(0, np.pi)
    along, across = s * np.cos(turn) + d * np.sin(turn), d * np.cos(turn) - s * np.sin(turn)
    wide, deep = rng.uniform(15, 120, 2)
    column = np.floor((along + rng.uniform(0, wide)) / wide).astype(int) % 7
    row = np.floor((across + rng.uniform(0, deep)) / deep).astype(int) % 7
    land = tint(rng, np.exp(rng.uniform(np.log(0.05), np.log(0.25))), 0.25)
    patch = land * np.exp(rng.uniform(0, 0.6) * rng.standard_normal((7, 7, 4)))
    ground = np.moveaxis(patch[column, row], -1, 0).astype(np.float32)
    there = (s > lines[0].begin_m) & (s < lines[0].end_m)
    if rng.random() < 0.75:
        edge = rng.uniform(1.6, 7)
        low = min(line.offset_m for line in lines) - edge
        high = max(line.offset_m for line in lines) + edge
        on = (d > low) & (d < high) & there
    else:
        half = rng.uniform(1.4, 2.0)
        on = np.zeros(shape, np.bool_)
        for line in lines:
            on |= (np.abs(d - line.offset_m) < half) & there
    ground[:, on] = bed[:, None]
    if rng.random() < 0.3:
        # Rails as thin lines a little brighter or darker than the bed.
        rail = bed * np.exp(rng.normal(0, 0.3))
        for line in lines:
            thin = (np.abs(np.abs(d - line.offset_m) - 0.76) < 0.06) & there
            ground[:, thin] = rail[:, None]
    cell = LENGTH_M / shape[1]
    grain = np.ones(shape, np.float32)
    for length_m in (0.5, 3.0, 12.0):
        grain += rng.uniform(0, 0.1) * noise(rng, shape, length_m / cell)
    return ground * np.maximum(grain, 0.3)


def _string(rng, bed, line):
    """Strings of boxes along one track, of one type each, of one colour or of many."""
    placed = []
    at = max(line.begin_m, -12.0) + rng.uniform(0, 60)
    last = min(line.end_m, LENGTH_M + 12.0)
    paints = [_paint(rng, bed) for _ in range(int(rng.integers(2, 9)))]
    while at < last - 9:
        length = rng.choice(LENGTHS_M) if rng.random() < 0.8 else rng.uniform(9.5, 25)
        gap = 1.14 if rng.random() < 0.5 else rng.uniform(0.6, 1.8)
        width, height = rng.uniform(2.9, 3.25), rng.uniform(2.6, 4.6)
        mixed, own = rng.random() < 0.35, paints[int(rng.integers(len(paints)))]
        for _ in range(int(rng.integers(1, 21))):
            if at + length > last - 0.5:
                at = last
                break
            paint = paints[int(rng.integers(len(paints)))] if mixed else own
            car, look = np.zeros(15), np.zeros((stage.COLOURS, 4))
            car[[stage.BEGIN, stage.END, stage.MIDDLE]] = at, at + length - gap, line.offset_m
            car[[stage.HALF, stage.HEIGHT, stage.STYLE]] = width / 2, height, stage.PLAIN
            car[stage.LUMP], car[stage.SEED] = rng.uniform(0, 0.06), rng.uniform(0, 1000)
            look[:] = paint * np.exp(rng.uniform(0, 0.15) * rng.standard_normal())
            placed.append((car, look))
            at += length
        at += rng.uniform(stage.CLEAR_M, 50)
    return placed


def _paint(rng, bed):
    """A colour of a car; one in six nearly the bed's."""
    if rng.random() < 0.16:
        return bed * np.exp(rng.normal(0, 0.2)) * np.exp(0.05 * rng.standard_normal(4))
    return tint(rng, np.exp(rng.uniform(np.log(0.03), np.log(0.5))), rng.choice([0.05, 0.2, 0.5]))
