"""Where track axes lie across a strip: a small network over profiles summed up along the track.

Rails, sleepers, the stain between rails, or a row of roofs: summed over a few metres along the
track they show as a pattern across it. A profile holds, row by row, what little of that a network
needs; it is learned from made-up yards (benchmarks/class_a), never here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from railwatch.detector.segmented_network import layers, unfold
from railwatch.detector.segmented_strip import STEP_M

Array = npt.NDArray[np.float32]

CHUNK_M = 8.0
"""Length over which a profile is summed, metres."""
CHUNK_CELLS = round(CHUNK_M / STEP_M)
FEATURES = 9
DILATIONS = (1, 2, 4, 8)


def profiles(wide: Array) -> Array:
    """Sum up a strip of planes (plane, offset, cell) chunk by chunk: (chunk, offset, feature).

    Features are the three planes' means, brightness' spread, least and most, how it changes across
    and along, and the share that was seen; NaN counts as the scene's median.
    """
    cells = wide.shape[2]
    starts = np.arange(0, cells, CHUNK_CELLS)
    known = np.isfinite(wide[0])
    filled = np.where(np.isfinite(wide), wide, np.float32(0.0))
    bright = filled[0]
    number = np.diff(np.append(starts, cells)).astype(np.float32)

    def mean(values: Array) -> Array:
        return np.asarray(np.add.reduceat(values, starts, axis=-1) / number, dtype=np.float32)

    across = np.zeros_like(bright)
    across[1:-1] = np.abs(bright[2:] - bright[:-2])
    along = np.zeros_like(bright)
    along[:, 1:-1] = np.abs(bright[:, 2:] - bright[:, :-2])
    middle = mean(filled)
    spread = np.sqrt(np.maximum(mean(bright**2) - middle[0] ** 2, 0.0))
    least = np.minimum.reduceat(bright, starts, axis=1)
    most = np.maximum.reduceat(bright, starts, axis=1)
    seen = mean(known.astype(np.float32))
    stacked = np.stack([*middle, spread, least, most, mean(across), mean(along), seen])
    return np.ascontiguousarray(stacked.transpose(2, 1, 0))


def evaluate(chunks: Array, gsd_m: float) -> Array:
    """Log odds (2, chunk, offset) float32 that a row is an empty track's axis, and cars'."""
    x = np.empty((*chunks.shape[:2], FEATURES + 1), dtype=np.float32)
    x[..., :-1], x[..., -1] = chunks, gsd_m
    weights = layers("axis")
    for layer, dilation in enumerate(DILATIONS):
        matrix, bias = weights[2 * layer], weights[2 * layer + 1]
        taps = len(matrix) // x.shape[-1]
        new = np.maximum(unfold(x, taps, dilation, 1) @ matrix + bias, 0.0)
        x = new if layer == 0 else x + new
    return np.asarray(np.moveaxis(x @ weights[-2] + weights[-1], -1, 0))
