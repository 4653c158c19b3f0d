"""What is learned from a made-up yard: windows along tracks, and profiles across them.

A window is 96 m of strip about a path that may err from its track or follow none; every cell says
what stands on the track it is nearest to. A profile is 8 m of strip summed up row by row; every
row says whether an axis lies there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.class_a import camera, light, stage
from benchmarks.class_a.sketch import draw_sketch
from railwatch.detector import segmented_axis as axes
from railwatch.detector import segmented_evidence as evidence
from railwatch.detector.segmented_strip import STEP_M, learn_appearance, planes, sample

WINDOW = 384
PROFILE_ROWS = 141
NEAR_M, FAR_M = 1.0, 1.8
"""A cell belongs to a track up to so far from it, to none from so far on; between says nothing."""
EMPTY, ROOF, GAP, NONE = range(4)


@dataclass(frozen=True)
class Lessons:
    """Of many pictures; arrays share their first dimension."""

    windows: np.ndarray
    """(window, cell, channel) float16, without the ground sampling distance."""
    cover: np.ndarray
    """(window, cell) int8 class, -1 where nothing is to be learned."""
    axis: np.ndarray
    """(window, cell) int8 bin of `evidence.AXIS_M`, one past the last for none."""
    gsd_m: np.ndarray
    light: np.ndarray
    """(window, 4) float32, `evidence.Slant`: sun and lean, each along the strip and to its left."""
    profiles: np.ndarray
    """(profile, row, feature) float16."""
    here: np.ndarray
    """(profile, row) float16: 1 on an empty track's axis, 2 on cars', 0 elsewhere, -1 unknown."""
    profile_gsd_m: np.ndarray


def teach_on(seeds, sketched=0.0):
    """Draw one yard a seed and cut its lessons; a share of yards is `sketched`."""
    parts = [_of_yard(np.random.default_rng([77, seed]), sketched) for seed in seeds]
    return Lessons(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def draw(rng, sketched=0.0):
    """A stage, its light and one picture of it."""
    gsd_m = rng.choice([0.3, 0.5, 0.5, 1.0, rng.uniform(0.28, 0.6), rng.uniform(0.55, 1.05)])
    fine_m = float(np.clip(gsd_m / 3, 0.1, 0.2))
    plain = sketched > 0 and rng.random() < sketched
    made = (draw_sketch if plain else stage.draw_stage)(rng, fine_m)
    sun = light.Light.draw(rng)
    if plain and rng.random() < 0.6:
        sun = replace(sun, lean=(0.0, 0.0))
    radiance = light.see(
        made.ground,
        made.fine_m,
        stage.HALF_M,
        made.solids,
        made.colours,
        sun.sun,
        sun.lean,
        sun.shade,
    )
    return made, sun, camera.photograph(rng, radiance, made.fine_m, float(gsd_m))


def _of_yard(rng, sketched, count=12):
    made, sun, picture = draw(rng, sketched)
    unusable = (picture.values == 0).any(axis=0)
    s = np.arange(STEP_M / 2, stage.LENGTH_M, STEP_M)

    def strip(path, offsets_m):
        across = offsets_m[:, None] + path[None]
        return sample(picture.values, unusable, *picture.pixel(s[None] + 0 * across, across))

    middles = [rng.uniform(-2.5, 2.5) + rng.normal(0, 0.004) * (s - s.mean()) for _ in range(3)]
    rows_m = (np.arange(PROFILE_ROWS) - PROFILE_ROWS // 2) * STEP_M
    wides = [strip(middle, rows_m) for middle in middles]
    look = learn_appearance(wides)
    cut = [_profiles(planes(w, look), m, s, made, sun) for w, m in zip(wides, middles, strict=True)]
    profiles, here = (np.concatenate(column) for column in zip(*cut, strict=True))
    windows, cover, axis = [], [], []
    for _ in range(count):
        follows = rng.random() < 0.5
        path = _path(rng, made, s, follows=follows)
        seen = planes(strip(path, evidence.OFFSETS_M), look)
        begin = int(rng.integers(0, len(s) - WINDOW + 1))
        cells = slice(begin, begin + WINDOW)
        known = np.isfinite(seen[0]).mean(axis=0) > 0.7
        label, bins = _labelled(made, sun, path, s, follows=follows)
        label[~known], bins[~known] = -1, -1
        thin = evidence.thin(np.nan_to_num(seen))[:, :, cells]
        windows.append(thin.transpose(2, 1, 0).reshape(WINDOW, -1))
        cover.append(label[cells])
        axis.append(bins[cells])
    return (
        np.asarray(windows, np.float16),
        np.asarray(cover, np.int8),
        np.asarray(axis, np.int8),
        np.full(count, picture.gsd_m, np.float32),
        np.tile(np.float32([*sun.sun, *sun.lean]), (count, 1)),
        profiles.astype(np.float16),
        here.astype(np.float16),
        np.full(len(profiles), picture.gsd_m, np.float32),
    )


def _path(rng, made, s, *, follows):
    """Along a track, erring by what is left after snapping, or along anything.

    A path that `follows` its track turns with it; others go straight on where it leaves or ends.
    """
    line = _line(rng, made)
    straight = line.at(s) if follows else np.full(len(s), line.offset_m)
    if rng.random() < 0.2:
        straight = np.full(len(s), rng.uniform(-12, 12))
    bend = rng.normal(0, 0.25) * np.sin(s / rng.uniform(10, 60) + rng.uniform(0, 6))
    return straight + rng.normal(0, 0.4) + bend + rng.normal(0, 0.003) * (s - s.mean())


def _line(rng, made):
    """A track; every third time an empty one beside cars, where what falls on it is shadow."""
    lines, full = made.lines, [bool(cars) for cars in made.cars]
    beside = [
        k
        for k in range(len(lines))
        if not full[k] and any(full[n] for n in (k - 1, k + 1) if 0 <= n < len(lines))
    ]
    if beside and rng.random() < 0.35:
        return lines[beside[int(rng.integers(len(beside)))]]
    return lines[int(rng.integers(len(lines)))]


def _labelled(made, sun, path, s, *, follows):
    """Class and axis bin of every cell."""
    off = np.full((len(made.lines), len(s)), 99.0)
    for k, line in enumerate(made.lines):
        last = line.end_m if follows else line.straight_m
        off[k] = np.where((s >= line.begin_m) & (s <= last), line.at(s) - path, 99.0)
    nearest = np.abs(off).argmin(axis=0)
    apart = off[nearest, np.arange(len(s))]
    states = np.stack([_states(cars, sun, s) for cars in made.cars])
    label = states[nearest, np.arange(len(s))]
    label = np.where(np.abs(apart) > FAR_M, NONE, np.where(np.abs(apart) > NEAR_M, -1, label))
    bins = np.abs(apart[None] - evidence.AXIS_M[:, None]).argmin(axis=0)
    return label, np.where(np.abs(apart) > evidence.AXIS_M[-1] + 0.25, len(evidence.AXIS_M), bins)


def _states(cars, sun, s):
    """Empty, roof or gap by cell; tops stand where they are seen."""
    state = np.full(len(s), EMPTY)
    last = -1e9
    for begin, end, height in cars:
        lean = height * sun.lean[0]
        state[(s >= begin + lean) & (s <= end + lean)] = ROOF
        if begin - last < 2.85:
            state[(s > last + lean) & (s < begin + lean)] = GAP
        last = end
    return state


def _profiles(wide, middle, s, made, sun):
    """Profiles of every chunk, and where axes lie in them."""
    profiles = axes.profiles(wide)
    starts = np.arange(0, len(s), axes.CHUNK_CELLS)
    rows = (np.arange(PROFILE_ROWS) - PROFILE_ROWS // 2) * STEP_M
    here = np.zeros((len(starts), PROFILE_ROWS))
    states = [_states(cars, sun, s) for cars in made.cars]
    for n, start in enumerate(starts):
        at = slice(start, start + axes.CHUNK_CELLS)
        for line, state in zip(made.lines, states, strict=True):
            there = ((s[at] >= line.begin_m) & (s[at] <= line.end_m)).mean()
            if there == 0:
                continue
            off = np.abs(line.at(s[at]).mean() - middle[at].mean() - rows)
            roofs = (state[at] == ROOF).mean()
            hit = -1 if there < 0.75 or 0.1 < roofs < 0.4 else 1 if roofs < 0.4 else 2
            free = (off < 0.6) & (here[n] == 0)
            here[n] = np.where(off <= 0.26, hit, np.where(free, -1, here[n]))
        here[n][~np.isfinite(wide[0, :, at]).any(axis=1)] = -1
    return profiles, here
