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
from railwatch.detector.segmented_strip import PLANES

Array = npt.NDArray[np.float32]

REACH_ROWS = 24
"""Offsets the network sees on either side of the axis: 6 m, so that a neighbour's roof shows as
well as the shadow it throws."""
_FINE_ROWS = 12
"""Of these, seen cell by cell (3 m); those beyond are averaged in pairs."""
AXIS_M = np.arange(-2.0, 2.01, 0.5)
"""Bins of the axis' offset from the strip's middle, metres; one more stands for no axis."""
_SMOOTH_CELLS = 9
_LEAST_PATTERN = 0.01
COVERS = 4
EMPTY, ROOF, GAP, NONE = range(COVERS)
DILATIONS = (1, 1, 2, 4, 8, 16)
"""Of each layer, in cells of half the strip's resolution after the first."""


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
    """Average pairs of the outer offsets: (plane, 49, cell) to (plane, 37, cell)."""
    outer = REACH_ROWS - _FINE_ROWS
    right, left = strip[:, :outer], strip[:, -outer:]
    middle = strip[:, outer:-outer]
    pairs = [0.5 * (side[:, 0::2] + side[:, 1::2]) for side in (right, left)]
    return np.concatenate([pairs[0], middle, pairs[1]], axis=1)


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


def evaluate(strip: Array, gsd_m: float) -> Evidence:
    """Judge a strip of planes.

    Parameters
    ----------
    strip
        (plane, offset, chainage) float32 from `segmented_strip.planes`, `2 * REACH_ROWS + 1`
        offsets; NaN where unusable counts as the scene's median.
    gsd_m
        Ground sampling distance, metres: how blurred the strip is.
    """
    cells = strip.shape[2]
    even = np.zeros((*strip.shape[:2], cells + cells % 2), dtype=np.float32)
    even[:, :, :cells] = np.nan_to_num(strip, nan=0.0)
    seen = thin(even).transpose(2, 1, 0)
    rows = seen.shape[1]
    x = np.empty((len(seen), rows * (PLANES + 1) + 1), dtype=np.float32)
    fine = fine_pattern(seen[:, :, 0])
    # Both ways along, so that the answer does not depend on which way the siding was drawn.
    answers = []
    for along in (1, -1):
        x[:, : rows * PLANES] = seen[::along].reshape(len(seen), -1)
        x[:, rows * PLANES : -1] = fine[::along]
        x[:, -1] = gsd_m
        out = _answer(x)
        cover = _log_softmax(out[:, : 2 * COVERS].reshape(-1, COVERS))[::along]
        axis = _log_softmax(out[:, 2 * COVERS :])[::along].repeat(2, axis=0)
        answers.append(np.concatenate([cover, axis], axis=1)[:cells])
    mean = np.mean(answers, axis=0).T
    return Evidence(mean[:COVERS], mean[COVERS:])
