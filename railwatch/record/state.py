"""State: named arrays that save work and can be rebuilt from the cubes at any time.

Baselines and registration references live here. Each is written over whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from railwatch.record import chunk

CHUNK_BYTES = 8 << 20


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Named arrays with a few words about them."""

    name: str
    """Path below `state`, names joined by '/'."""
    arrays: Mapping[str, npt.NDArray[Any]]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    """JSON values, e.g. the digests the arrays were made from."""


def write(store: Any, state: State) -> None:
    """Put a state in place of the one of that name."""
    root = zarr.open_group(store, mode="a")
    group = root.create_group(f"state/{state.name}", overwrite=True)
    group.attrs.update(dict(state.attrs))
    for name, array in state.arrays.items():
        if array.ndim == 0:
            raise ValueError(f"{state.name}/{name}: a single number belongs in attrs")
        row_bytes = array.itemsize * math.prod(array.shape[1:])
        rows = min(len(array), CHUNK_BYTES // max(1, row_bytes))
        group.create_array(
            name,
            data=np.ascontiguousarray(array),
            chunks=tuple(max(1, n) for n in (rows, *array.shape[1:])),
            compressors=chunk.codecs(array.dtype),
        )


def read(store: Any, name: str) -> State | None:
    """Return the state of a name; None where there is none."""
    path = f"state/{name}"
    if path not in zarr.open_group(store, mode="r"):
        return None
    group = zarr.open_group(store, path=path, mode="r")
    arrays = {name: np.asarray(array[:]) for name, array in group.arrays()}
    return State(name, arrays, dict(group.attrs))
