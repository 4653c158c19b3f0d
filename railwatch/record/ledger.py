"""The ledger: one row for every attempt at a listed item, in the order they were committed.

Rows are JSON strings in an array of chunks of 64, so a commit rewrites one chunk and not all
history. The number of rows is an attribute of the array: two operators who append at once both
change it, and Icechunk makes the second one start over.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import zarr
from numpy.dtypes import StringDType

from railwatch.record import chunk
from railwatch.record.entry import SceneEntry
from railwatch.record.repository import SLOTS

PATH = "scenes/rows"
CHUNK = 64


def create(store: Any) -> None:
    """Make the empty ledger."""
    rows = zarr.create_array(
        store,
        name=PATH,
        shape=(SLOTS,),
        chunks=(CHUNK,),
        dtype=StringDType(),
        fill_value="",
        compressors=chunk.text_codecs(),
    )
    rows.attrs["rows"] = 0


def read(store: Any, known: tuple[SceneEntry, ...] = ()) -> tuple[SceneEntry, ...]:
    """All rows, in the order they were appended.

    `known` were read before, from this snapshot's past or future: rows are never changed, so only
    those it lacks are read.
    """
    rows = zarr.open_array(store, path=PATH, mode="r")
    count = int(str(rows.attrs["rows"]))
    said = np.asarray(rows[len(known) : max(count, len(known))])
    return known[:count] + tuple(SceneEntry.from_json(str(row)) for row in said)


def append(store: Any, entries: list[SceneEntry]) -> None:
    """Add rows at the end."""
    rows = zarr.open_array(store, path=PATH, mode="r+")
    start = int(str(rows.attrs["rows"]))
    rows[start : start + len(entries)] = np.array(
        [entry.to_json() for entry in entries], dtype=StringDType()
    )
    rows.attrs["rows"] = start + len(entries)
