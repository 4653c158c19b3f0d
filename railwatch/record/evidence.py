"""Evidence: occupancies and strips of a scene, as one row of numbers each.

The axes (siding, chainage, offset, bands) are the same for thousands of scenes, the numbers on them
differ. So a layout is stored once, under its digest, and each scene is one chunk of float32.

    {kind}/{layout digest}                  attributes: layout (siding, bands, lengths of the axes)
        axes    (n) float32                 offsets and chainages of all sidings, metres, in order
        rows    (slot, number) float32      chunks (1, all)
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from railwatch.detection import Occupancy, Strip
from railwatch.record import chunk
from railwatch.record.repository import SLOTS


@dataclass(frozen=True, slots=True)
class Packed:
    """Evidence of one scene, apart from where it is kept."""

    layout: list[list[Any]]
    """A siding each: id, bands, number of offsets, number of chainages."""
    axes: npt.NDArray[np.float32]
    row: npt.NDArray[np.float32]

    @property
    def digest(self) -> str:
        """Twelve hex digits over layout and axes."""
        said = json.dumps(self.layout).encode() + self.axes.tobytes()
        return hashlib.sha256(said).hexdigest()[:12]


def packed_occupancy(occupancy: Sequence[Occupancy]) -> Packed | None:
    """Lay occupancies end to end; None where there are none."""
    if not occupancy:
        return None
    return Packed(
        [[one.siding_id, [], 0, len(one.chainage_m)] for one in occupancy],
        _joined([one.chainage_m for one in occupancy]),
        _joined([one.probability for one in occupancy]),
    )


def unpacked_occupancy(packed: Packed) -> tuple[Occupancy, ...]:
    """Cut them apart again."""
    found, start = [], 0
    for siding_id, _, _, n in packed.layout:
        part = slice(start, start := start + n)
        found.append(Occupancy(siding_id, packed.axes[part], packed.row[part]))
    return tuple(found)


def packed_strips(strips: Sequence[Strip]) -> Packed | None:
    """Lay strips end to end; None where there are none."""
    if not strips:
        return None
    return Packed(
        [[s.siding_id, list(s.bands), len(s.offset_m), len(s.chainage_m)] for s in strips],
        _joined([axis for s in strips for axis in (s.offset_m, s.chainage_m)]),
        _joined([s.values for s in strips]),
    )


def unpacked_strips(packed: Packed) -> tuple[Strip, ...]:
    """Cut them apart again."""
    found, axis, start = [], 0, 0
    for siding_id, bands, n_offsets, n_chainages in packed.layout:
        offsets = packed.axes[axis : (axis := axis + n_offsets)]
        chainages = packed.axes[axis : (axis := axis + n_chainages)]
        shape = (len(bands), n_offsets, n_chainages)
        values = packed.row[start : (start := start + math.prod(shape))].reshape(shape)
        found.append(Strip(siding_id, tuple(bands), chainages, offsets, values))
    return tuple(found)


def ensure(store: Any, group: str, packed: Packed) -> str:
    """Make the arrays of a layout unless they are there; return their path."""
    path = f"{group}/{packed.digest}"
    if not any(chunk.get(store, [f"{path}/zarr.json"])):
        made = zarr.open_group(store, mode="a").create_group(path)
        made.attrs["layout"] = packed.layout
        made.create_array("axes", data=packed.axes, compressors=chunk.codecs(np.float32))
        made.create_array(
            "rows",
            shape=(SLOTS, len(packed.row)),
            chunks=(1, len(packed.row)),
            dtype=np.float32,
            fill_value=np.nan,
            compressors=chunk.codecs(np.float32),
            dimension_names=("slot", "number"),
        )
    return path


def encoded(path: str, slot: int, packed: Packed) -> tuple[str, bytes]:
    """Key and bytes of a scene's row."""
    row = packed.row[None]
    return f"{path}/rows/c/{slot}/0", chunk.encoded(row, row.shape, np.nan)


def read(store: Any, path: str, slots: Sequence[int]) -> dict[int, Packed]:
    """Read the rows of one layout, by slot."""
    keys = {f"{path}/rows/c/{slot}/0": slot for slot in slots}
    known = [f"{path}/zarr.json", f"{path}/rows/zarr.json", f"{path}/axes/zarr.json"]
    there = dict(chunk.get(store, [*known, f"{path}/axes/c/0", *keys]))
    group, rows, made = (json.loads(there[key]) for key in known)
    layout, size = group["attributes"]["layout"], rows["shape"][1]
    key = f"{path}/axes/c/0"
    if made["chunk_grid"]["configuration"]["chunk_shape"] == made["shape"] and key in there:
        axes = chunk.decoded(there[key], tuple(made["shape"]), np.float32, key)
    else:  # long ones are cut by zarr, and nothing but zeros is not written
        axes = np.asarray(zarr.open_array(store, path=f"{path}/axes", mode="r")[:], np.float32)
    return {
        slot: Packed(layout, axes, chunk.decoded(there[key], (size,), np.float32, key))
        for key, slot in keys.items()
        if key in there
    }


def _joined(parts: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    return np.concatenate([np.asarray(part, dtype=np.float32).ravel() for part in parts])
