"""What each cell of a strip looks like: empty track, roof, coupling gap or no track at all.

A small convolutional network over the strip, learned from made-up yards whose materials, light,
ballast, sensors and deliveries are drawn very widely (benchmarks/class_a). It is read here, never
trained. It sees one brightness and two colour planes whose colours carry no meaning (they are
turned at random in training), so only shape and contrast tell: lateral edges a roof's width apart,
the pair of rails, sleepers, transverse gaps, shadow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from railwatch.detector.segmented_network import layers, unfold
from railwatch.detector.segmented_strip import STEP_M

Array = npt.NDArray[np.float32]

_NEAR_ROWS = 24
"""Offsets on either side of the axis that are sampled cell by cell: 6 m."""
_FAR_ROWS = 12
"""Further out, to 12 m, every second is: a low sun throws shadow over two tracks, and what stands
where it comes from has to be seen whole."""
_FINE_ROWS = 12
"""Rows the network sees cell by cell (3 m); those beyond are averaged in pairs."""
OFFSETS_M = STEP_M * np.concatenate(
    [
        np.arange(-_NEAR_ROWS - 2 * _FAR_ROWS + 1, -_NEAR_ROWS, 2),
        np.arange(-_NEAR_ROWS, _NEAR_ROWS + 1),
        np.arange(_NEAR_ROWS + 1, _NEAR_ROWS + 2 * _FAR_ROWS, 2),
    ]
)
"""(73,) float64, offsets of a strip the network judges, metres to the left of the axis."""
LIGHT_CHANNELS = 6
AXIS_M = np.arange(-2.0, 2.01, 0.5)
"""Bins of the axis' offset from the strip's middle, metres; one more stands for no axis."""
_SMOOTH_CELLS = 9
_LEAST_PATTERN = 0.01
COVERS = 4
EMPTY, ROOF, GAP, NONE = range(COVERS)
DILATIONS = (1, 1, 2, 4, 8, 16)
"""Of each layer, in cells of half the strip's resolution after the first."""


@dataclass(frozen=True, slots=True)
class Slant:
    """Whence light comes and whither tops lean at each cell of a strip, where that is known."""

    sun: Array | None
    """(cell, 2) float32, metres towards the sun along the strip and to its left, by metre of
    height: a shadow falls the other way."""
    lean: Array | None
    """(cell, 2) float32, metres by which a top is seen displaced, by metre of height."""

    def turned(self, *, along: bool, across: bool) -> Slant:
        """As a strip shows it that is read from its other end, or mirrored."""
        sign = np.array([-1.0 if along else 1.0, -1.0 if across else 1.0], dtype=np.float32)
        step = -1 if along else 1
        return Slant(*(None if v is None else v[::step] * sign for v in (self.sun, self.lean)))

    def channels(self, cells: int) -> Array:
        """(cell, `LIGHT_CHANNELS`) float32, as the network sees it."""
        seen = np.zeros((cells, LIGHT_CHANNELS), dtype=np.float32)
        for first, known, scale in ((0, self.sun, 1.0 / 3.0), (3, self.lean, 2.0)):
            if known is not None:
                seen[:, first : first + 2] = np.clip(known * scale, -2.0, 2.0)
                seen[:, first + 2] = 1.0
        return seen


UNKNOWN = Slant(None, None)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The network's answer along one strip."""

    cover: Array
    """(4, chainage) float32, log probability of empty track, roof, coupling gap, no track."""
    axis: Array
    """(bin, chainage) float32, log probability by offset of the axis, `AXIS_M`, then none."""


def _log_softmax(x: Array) -> Array:
    shifted = x - x.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _answer(x: Array) -> Array:
    """Run the network over (cell, channel); one row for two cells: both covers, then the axis."""
    weights = layers("network")
    for layer, dilation in enumerate(DILATIONS):
        matrix, bias = weights[2 * layer], weights[2 * layer + 1]
        taps = len(matrix) // x.shape[1]
        new = np.maximum(unfold(x, taps, dilation, 2 if layer == 0 else 1) @ matrix + bias, 0.0)
        x = new if layer == 0 else x + new
    return np.asarray(x @ weights[-2] + weights[-1])


def thin(strip: Array) -> Array:
    """Average pairs of all but the inmost offsets: (plane, 73, cell) to (plane, 49, cell)."""
    outer = (len(OFFSETS_M) - 1) // 2 - _FINE_ROWS
    right, left = strip[:, :outer], strip[:, -outer:]
    middle = strip[:, outer:-outer]
    pairs = [0.5 * (side[:, 0::2] + side[:, 1::2]) for side in (right, left)]
    return np.concatenate([pairs[0], middle, pairs[1]], axis=1)


def channels(seen: Array, gsd_m: float, light: Array) -> Array:
    """Lay before the network what it sees: (cell, channel) float32.

    Parameters
    ----------
    seen
        (cell, row, plane) float32, of `thin`.
    light
        (cell, `LIGHT_CHANNELS`) float32, of `Slant.channels`.
    """
    cells, rows, bands = seen.shape
    far = _FAR_ROWS // 2
    fine = fine_pattern(seen[:, far:-far, 0])
    flat = seen.reshape(cells, rows * bands)
    gsd = np.full((cells, 1), gsd_m, dtype=np.float32)
    return np.concatenate([flat, fine, gsd, light], axis=1, dtype=np.float32)


def fine_pattern(bright: Array) -> Array:
    """Bring out what rails and sleepers draw across a track: (cell, row) float32.

    `bright` is (cell, row): brightness smoothed over 2 m along, less its neighbours' two rows to
    either side, in units of what is usual on this strip.
    """
    half = _SMOOTH_CELLS // 2
    padded = np.pad(bright, ((half + 1, half), (0, 0)), mode="edge")
    running = np.cumsum(padded, axis=0, dtype=np.float64)
    smooth = (running[_SMOOTH_CELLS:] - running[:-_SMOOTH_CELLS]) / _SMOOTH_CELLS
    fine = np.zeros_like(bright)
    fine[:, 2:-2] = smooth[:, 2:-2] - 0.5 * (smooth[:, 4:] + smooth[:, :-4])
    usual = np.median(np.abs(fine[::8, 2:-2])) + _LEAST_PATTERN
    return np.asarray(np.clip(fine / usual, -6.0, 6.0) * 0.25, dtype=np.float32)


def evaluate(strip: Array, gsd_m: float, slant: Slant = UNKNOWN) -> Evidence:
    """Judge a strip of planes.

    Parameters
    ----------
    strip
        (plane, offset, chainage) float32 from `segmented_strip.planes` at `OFFSETS_M`; NaN where
        unusable counts as the scene's median.
    gsd_m
        Ground sampling distance, metres: how blurred the strip is.
    slant
        Where shadows fall and tops lean, of as many cells.
    """
    if slant.sun is None:
        # Both ways along, so that the answer does not depend on which way the siding was drawn.
        ways = [(False, False), (True, False)]
    else:
        # Shadows fall back and to the right, whichever way the siding was drawn: a dark stretch
        # to the right of a roof is then plainly no roof.
        along, left = slant.sun.mean(axis=0)
        ways = [(bool(along < 0), bool(left < 0))]
    mean = np.mean([_judged(strip, gsd_m, slant, along=a, across=b) for a, b in ways], axis=0).T
    return Evidence(mean[:COVERS], mean[COVERS:])


def _judged(strip: Array, gsd_m: float, slant: Slant, *, along: bool, across: bool) -> Array:
    """Answers (cell, cover and axis) to a strip read from its other end, or mirrored."""
    cells = strip.shape[2]
    way = -1 if along else 1
    even = np.zeros((*strip.shape[:2], cells + cells % 2), dtype=np.float32)
    even[:, :, :cells] = np.nan_to_num(strip[:, :: -1 if across else 1, ::way], nan=0.0)
    light = slant.turned(along=along, across=across).channels(cells)
    light = np.pad(light, ((0, cells % 2), (0, 0)), mode="edge")
    out = _answer(channels(thin(even).transpose(2, 1, 0), gsd_m, light))
    cover = _log_softmax(out[:, : 2 * COVERS].reshape(-1, COVERS))
    axis = _log_softmax(out[:, 2 * COVERS :]).repeat(2, axis=0)
    if across:
        axis[:, :-1] = axis[:, -2::-1]
    return np.concatenate([cover, axis], axis=1)[:cells][::way]
