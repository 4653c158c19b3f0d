"""What a job finds in the decoder: the files it may read, and shared memory for its pixels."""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

_ALIGNED = 64
"""Arrays begin at multiples of this, bytes."""


class Files(Protocol):
    """The part of a `Store` that reading a raster needs."""

    def size(self, key: str) -> int:
        """Return an object's length, bytes; `KeyError` if there is none."""
        ...

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return up to `length` bytes from byte `start`; `KeyError` if there is no object."""
        ...


@dataclass
class Desk:
    """Where one job is done."""

    files: Files
    content: memoryview
    """Bytes that came with the job."""
    _memory: mmap.mmap
    _free: int
    """First byte of shared memory that is free."""
    _laid: list[tuple[str, tuple[int, ...], int]] = field(default_factory=list)

    def array(self, shape: tuple[int, ...], dtype: npt.DTypeLike, fill: int) -> npt.NDArray[Any]:
        """Give an array that the worker will see; a job asks for no more than its `room`."""
        kind = np.dtype(dtype)
        begin = -(-self._free // _ALIGNED) * _ALIGNED
        size = room(shape, kind)
        if begin + size > len(self._memory):
            raise MemoryError(f"a job gives more than the {len(self._memory)} bytes it said")
        self._free = begin + size
        self._laid.append((kind.str, shape, begin))
        made = np.frombuffer(self._memory, kind, math.prod(shape), begin).reshape(shape)
        made[:] = fill
        return made

    @property
    def laid(self) -> list[tuple[str, tuple[int, ...], int]]:
        """Type, shape and first byte of each array that was given."""
        return self._laid


class Job(Protocol):
    """Something to decode; can be pickled, and its module imports GDAL only when it runs."""

    @property
    def scene_id(self) -> str:
        """Whose pixels they are."""
        ...

    @property
    def room(self) -> int:
        """Bytes of shared memory that its arrays need."""
        ...

    def run(self, desk: Desk) -> dict[str, Any]:
        """Do it, in the decoder: pixels into `desk.array`, the rest as JSON."""
        ...


def room(shape: tuple[int, ...], dtype: npt.DTypeLike) -> int:
    """Bytes that one array takes in shared memory, its alignment included."""
    return math.prod(shape) * np.dtype(dtype).itemsize + _ALIGNED
