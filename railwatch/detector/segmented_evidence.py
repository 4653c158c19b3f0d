"""What each cell of a strip looks like: empty track, roof or coupling gap, and where the axis lies.

A small convolutional network over the strip, learned from rendered yards whose materials, light,
ballast, sensors and deliveries are drawn at random (benchmarks/class_a). It is read here, never
trained. It sees one brightness and two colour planes whose colours carry no meaning (they are
turned at random in training), so only shape and contrast tell: lateral edges a roof's width apart,
the pair of rails, sleepers, transverse gaps, shadow.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from railwatch.detector.segmented_strip import PLANES

Array = npt.NDArray[np.float32]

REACH_ROWS = 24
"""Offsets the network sees on either side of the axis: 6 m, so that a neighbour's roof shows as
well as the shadow it throws."""
_FINE_ROWS = 12
"""Of these, seen cell by cell (3 m); those beyond are averaged in pairs."""
AXIS_M = np.arange(-2.0, 2.01, 0.5)
"""Bins of the axis' offset from the strip's middle, metres; one more stands for no axis."""
_DILATIONS = (1, 2, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The network's answer along one strip."""

    cover: Array
    """(3, chainage) float32, log probability of empty track, roof, coupling gap."""
    axis: Array
    """(bin, chainage) float32, log probability by offset of the axis, `AXIS_M`, then none."""


@cache
def weights() -> tuple[Array, ...]:
    """Matrix and bias of each layer, in order."""
    path = resources.files("railwatch.detector") / "segmented_network.npz"
    with path.open("rb") as file, np.load(file) as stored:
        return tuple(stored[name].astype(np.float32) for name in stored.files)


def _unfold(x: Array, taps: int, dilation: int, stride: int) -> Array:
    """Lay the `taps` neighbours of every `stride`-th cell side by side: (cell, taps x channel)."""
    reach = taps // 2 * dilation
    padded = np.pad(x, ((reach, reach), (0, 0)))
    parts = [padded[i * dilation :][: len(x) : stride] for i in range(taps)]
    return np.concatenate(parts, axis=1)


def _log_softmax(x: Array) -> Array:
    shifted = x - x.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _answer(x: Array) -> Array:
    """Run the network over (cell, channel); one row for two cells: both covers, then the axis."""
    layers = weights()
    for layer, dilation in enumerate(_DILATIONS):
        matrix, bias = layers[2 * layer], layers[2 * layer + 1]
        taps = len(matrix) // x.shape[1]
        new = np.maximum(_unfold(x, taps, dilation, 2 if layer == 0 else 1) @ matrix + bias, 0.0)
        x = new if layer == 0 else x + new
    return x @ layers[-2] + layers[-1]


def thin(strip: Array) -> Array:
    """Average pairs of the outer offsets: (plane, 49, cell) to (plane, 37, cell)."""
    outer = REACH_ROWS - _FINE_ROWS
    right, left = strip[:, :outer], strip[:, -outer:]
    middle = strip[:, outer:-outer]
    pairs = [0.5 * (side[:, 0::2] + side[:, 1::2]) for side in (right, left)]
    return np.concatenate([pairs[0], middle, pairs[1]], axis=1)


def evaluate(strip: Array, gsd_m: float, *, flips: bool = True) -> Evidence:
    """Judge a strip of planes.

    Parameters
    ----------
    strip
        (plane, offset, chainage) float32 from `segmented_strip.planes`, `2 * REACH_ROWS + 1`
        offsets; NaN where unusable counts as the scene's median.
    gsd_m
        Ground sampling distance, metres: how blurred the strip is.
    flips
        Average over the strip and its mirror images, so that the answer does not depend on which
        way the siding was drawn.
    """
    cells = strip.shape[2]
    even = np.zeros((*strip.shape[:2], cells + cells % 2), dtype=np.float32)
    even[:, :, :cells] = np.nan_to_num(strip, nan=0.0)
    seen = thin(even).transpose(2, 1, 0)
    answers = []
    for across in (1, -1) if flips else (1,):
        for along in (1, -1) if flips else (1,):
            x = np.empty((len(seen), seen.shape[1] * PLANES + 1), dtype=np.float32)
            x[:, :-1] = seen[::along, ::across].reshape(len(seen), -1)
            x[:, -1] = gsd_m
            out = _answer(x)
            cover = _log_softmax(out[:, :6].reshape(-1, 3))[::along]
            axis = _log_softmax(out[:, 6:])[::along].repeat(2, axis=0)
            axis[:, :-1] = axis[:, :-1][:, ::across]
            answers.append(np.concatenate([cover, axis], axis=1)[:cells])
    mean = np.mean(answers, axis=0).T
    return Evidence(mean[:3], mean[3:])
