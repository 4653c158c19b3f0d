"""The ledger: one row for every attempt at a listed item, in the order they were committed.

Rows are JSON strings in an array of chunks of 64, so a commit rewrites one chunk and not all
history. The number of rows is an attribute of the array: two operators who append at once both
change it, and Icechunk makes the second one start over.
"""

from __future__ import annotations

import json
from typing import Any

import zarr
from numpy.dtypes import StringDType

from railwatch.errors import IntegrityError
from railwatch.record import chunk
from railwatch.record.entry import SceneEntry
from railwatch.record.repository import SLOTS

PATH = "scenes/rows"
CHUNK = 64
_META = f"{PATH}/zarr.json"


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
    rows = _count(store)
    count = max(rows, len(known))
    first = len(known) // CHUNK
    keys = [_key(number) for number in range(first, -(-count // CHUNK))]
    there = {key: chunk.text_decoded(said, key) for key, said in chunk.get(store, keys)}
    texts = [text for key in keys for text in there.get(key, [""] * CHUNK)]
    said = texts[len(known) - first * CHUNK : count - first * CHUNK]
    return known[:rows] + tuple(SceneEntry.from_json(text) for text in said)


def _count(store: Any) -> int:
    """How many rows there are."""
    ((_, said),) = chunk.get(store, [_META])
    return int(json.loads(said)["attributes"]["rows"])


def append(store: Any, entries: list[SceneEntry], count: int) -> None:
    """Add rows after the `count` that are there.

    Works on the chunk itself: zarr would ask for the metadata twice and for each chunk once more,
    which took longer than reading a small scene.
    """
    keys = [_META, _key(count // CHUNK)] if count % CHUNK else [_META]
    there = dict(chunk.get(store, keys))
    meta = json.loads(there.pop(_META))
    if meta["attributes"]["rows"] != count:
        raise IntegrityError(f"{PATH}: holds {meta['attributes']['rows']} rows, not {count}")
    first = count // CHUNK * CHUNK
    rows = [text for key, said in there.items() for text in chunk.text_decoded(said, key)]
    rows = rows[: count - first] + [entry.to_json() for entry in entries]
    written = {
        _key((first + i) // CHUNK): chunk.text_encoded(rows[i : i + CHUNK], CHUNK)
        for i in range(0, len(rows), CHUNK)
    }
    meta["attributes"]["rows"] = count + len(entries)
    chunk.put(store, written | {_META: json.dumps(meta).encode()})


def _key(number: int) -> str:
    return f"{PATH}/c/{number}"
