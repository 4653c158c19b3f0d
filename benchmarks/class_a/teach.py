"""Teach the class A network on yards drawn fresh: `python -m benchmarks.class_a.teach OUT.npz`.

Every window shows a track off the middle by up to a metre (its cars are to be found), or anything
else up to 6 m away (no car of its own is there; the axis is to be found). Colours are turned and
brightness stretched at random, so that only shape and contrast can be learned. It starts from the
network in use unless `--afresh`, takes half an hour on one core, and a second run with `--hard`
dwells on what is judged worst. Trained weights are judged by `make evaluate`, whose renderings are
never shown here.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.class_a import height_yard, network, painted_yard
from railwatch.detector import segmented_evidence as evidence
from railwatch.detector.segmented_strip import STEP_M, learn_appearance, planes, sample

HALF_ROWS = 48
WINDOW = 192
BATCH = 24
HARD_FROM = 60
LOOKS = {height_yard.render: 0.62, painted_yard.render: 0.38}


@dataclass(frozen=True)
class Lesson:
    """One track of one photograph, straightened about its true axis."""

    strip: np.ndarray
    """(plane, offset, cell) float16, 12 m to either side."""
    label: np.ndarray
    """(cell,) int8: 0 empty track, 1 roof, 2 coupling gap."""
    gsd_m: float
    others_m: np.ndarray
    """Offsets of all axes from this one, itself among them."""


def lessons_of(yard):
    """Straighten every track of a yard."""
    values = np.clip(np.round(yard.image * 1e4), 0, 65000).astype(np.uint16)
    usable = np.zeros(values.shape[1:], bool)
    across = np.arange(-HALF_ROWS, HALF_ROWS + 1)[:, None] * STEP_M
    raw = []
    for axis in yard.axes:
        steps = np.hypot(*np.diff(axis, axis=0).T)
        at = np.concatenate([[0], np.cumsum(steps)])
        s = np.arange(STEP_M / 2, at[-1], STEP_M)
        x, y = (np.interp(s, at, axis[:, k]) for k in (0, 1))
        ahead = np.stack([np.interp(s, at, np.gradient(axis[:, k], at)) for k in (0, 1)])
        ahead /= np.hypot(*ahead)
        row = (yard.north - (y + across * ahead[0])) / yard.gsd_m - 0.5
        column = (x - across * ahead[1] - yard.west) / yard.gsd_m - 0.5
        raw.append(sample(values, usable, row, column))
    look = learn_appearance(raw)
    return [
        Lesson(
            np.nan_to_num(planes(strip, look)).astype(np.float16),
            labelled(strip.shape[2], cars),
            yard.gsd_m,
            yard.offsets_m - offset,
        )
        for strip, cars, offset in zip(raw, yard.cars, yard.offsets_m, strict=True)
    ]


def labelled(cells, cars):
    """Class of each cell; a gap is at most 2.8 m between two cars."""
    middle = (np.arange(cells) + 0.5) * STEP_M
    label = np.zeros(cells, np.int8)
    for i, (begin, end) in enumerate(cars):
        label[(middle >= begin) & (middle <= end)] = 1
        if i and begin - cars[i - 1][1] <= 2.8:
            label[(middle > cars[i - 1][1]) & (middle < begin)] = 2
    return label


def window_of(rng, lesson):
    """One window as the network sees it: values, classes, axis bins; -1 is not to be learned."""
    cells = lesson.strip.shape[2]
    begin = int(rng.integers(-40, max(1, cells - WINDOW + 40)))
    low, high = max(begin, 0), min(begin + WINDOW, cells)
    near = rng.random() < 0.5
    moved = (
        int(np.clip(np.round(rng.normal(0, 1.6)), -4, 4)) if near else int(rng.integers(-24, 25))
    )
    middle = HALF_ROWS + moved
    rows = slice(middle - evidence.REACH_ROWS, middle + evidence.REACH_ROWS + 1)
    seen = _disguised(rng, evidence.thin(lesson.strip[:, rows, low:high].astype(np.float32)))
    off = lesson.others_m - moved * STEP_M
    nearest = int(np.argmin(np.abs(off)))
    label = lesson.label[low:high].astype(np.int64)
    if abs(off[nearest]) >= 2.0:
        label = np.zeros_like(label)
    elif abs(off[nearest]) > 1.0 or abs(lesson.others_m[nearest]) > 0.1:
        label = np.full_like(label, -1)
    axis = _axis_bin(rng, -1 if near else off[nearest], near)
    if rng.random() < 0.5:
        seen = seen[:, ::-1]
        axis = len(evidence.AXIS_M) - 1 - axis if 0 <= axis < len(evidence.AXIS_M) else axis
    x = seen.transpose(2, 1, 0).reshape(high - low, -1)
    place = slice(low - begin, high - begin)
    if rng.random() < 0.5:
        x, label = x[::-1], label[::-1]
        place = slice(WINDOW - (high - begin), WINDOW - (low - begin))
    values = np.zeros((WINDOW, x.shape[1] + 1), np.float32)
    values[place, :-1], values[:, -1] = x, lesson.gsd_m
    classes, bins = np.full(WINDOW, -1), np.full(WINDOW, -1)
    classes[place], bins[place] = label, axis
    return values, classes, bins


def _axis_bin(rng, off_m, near):
    """Bin of the axis, the last for none; windows about the axis teach nothing of where it lies."""
    if near:
        return -1
    if abs(off_m) > evidence.AXIS_M[-1] + 0.25:
        return len(evidence.AXIS_M)
    return int(np.argmin(np.abs(evidence.AXIS_M - off_m + rng.uniform(-0.01, 0.01))))


def _disguised(rng, seen):
    """Stretch brightness, turn and stretch colours, add noise."""
    seen = seen * np.exp(rng.normal(0, 0.35))
    seen[0] += rng.normal(0, 0.3)
    turn = rng.uniform(0, 2 * np.pi)
    cos, sin = np.cos(turn), np.sin(turn)
    first, second = np.exp(rng.normal(0, 0.3, 2))
    turned = np.stack([cos * seen[1] - sin * seen[2], sin * seen[1] + cos * seen[2]])
    seen[1:] = turned * np.array([first, second * rng.choice([-1, 1])])[:, None, None]
    if rng.random() < 0.15:
        seen[1:] *= rng.uniform(0, 0.5)
    if rng.random() < 0.3:
        seen += rng.standard_normal(seen.shape).astype(np.float32) * rng.uniform(0, 0.25)
    return np.clip(seen, -8, 8)


def hardest(rng, weights, batch):
    """Keep the windows judged worst and a few at random (Shrivastava et al. 2016)."""
    wrong = network.mistakes(weights, batch[0], batch[1])
    wrong = wrong + rng.exponential(0.02, len(wrong))
    kept = np.union1d(np.argsort(-wrong)[:16], rng.choice(len(wrong), 10, replace=False))
    return tuple(part[kept] for part in batch)


def main():
    """Draw yards, teach, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--yards", type=int, default=240)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--afresh", action="store_true", help="start from random weights")
    parser.add_argument("--hard", action="store_true", help="dwell on windows judged worst")
    said = parser.parse_args()
    rng = np.random.default_rng(said.seed)
    lessons = []
    for k in range(said.yards):
        render = rng.choice(list(LOOKS), p=list(LOOKS.values()))
        gsds = (rng.uniform(0.3, 0.6), 0.5, rng.choice([rng.uniform(0.6, 0.9), 1.0]))
        for yard in render(np.random.default_rng([said.seed, k]), gsds):
            lessons += lessons_of(yard)
    channels = 3 * evidence.thin(np.zeros((3, 2 * evidence.REACH_ROWS + 1, 1))).shape[1] + 1
    weights = network.initial(rng, channels) if said.afresh else list(evidence.weights())
    adam = network.Adam(weights, said.rate, said.steps)
    recent, began = [], time.monotonic()
    for step in range(said.steps):
        number = HARD_FROM if said.hard else BATCH
        windows = [window_of(rng, lessons[rng.integers(len(lessons))]) for _ in range(number)]
        batch = tuple(np.stack(part) for part in zip(*windows, strict=True))
        x, classes, bins = hardest(rng, weights, batch) if said.hard else batch
        class_loss, axis_loss, gradients = network.losses(weights, x, classes, bins)
        adam.move(weights, gradients)
        recent.append((class_loss, axis_loss))
        if step % 250 == 249:
            shown = ", ".join(f"{loss:.3f}" for loss in np.mean(recent, axis=0))
            print(f"{step + 1} steps, {time.monotonic() - began:.0f} s: losses {shown}", flush=True)
            recent = []
    np.savez_compressed(said.out, *[w.astype(np.float16) for w in weights])


if __name__ == "__main__":
    main()
