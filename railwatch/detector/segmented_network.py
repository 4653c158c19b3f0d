"""Weights of the class A networks, and the one operation both are made of."""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


@cache
def layers(name: str) -> tuple[Array, ...]:
    """Matrix and bias of each layer of network `name`, in order."""
    path = resources.files("railwatch.detector") / f"segmented_{name}.npz"
    with path.open("rb") as file, np.load(file) as stored:
        return tuple(stored[key].astype(np.float32) for key in stored.files)


def unfold(x: Array, taps: int, dilation: int, stride: int) -> Array:
    """Lay the `taps` neighbours of every `stride`-th cell side by side.

    (..., cell, channel) to (..., cell / stride, taps x channel), tap by tap.
    """
    reach = taps // 2 * dilation
    cells = x.shape[-2]
    padded = np.zeros((*x.shape[:-2], cells + 2 * reach, x.shape[-1]), dtype=np.float32)
    padded[..., reach : reach + cells, :] = x
    parts = [padded[..., i * dilation : i * dilation + cells : stride, :] for i in range(taps)]
    return np.concatenate(parts, axis=-1)
