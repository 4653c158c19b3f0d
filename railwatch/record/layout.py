"""The layout of a repository: made by the first writer, checked by everybody who opens it."""

from __future__ import annotations

from typing import Any

import zarr

from railwatch.errors import StoreError
from railwatch.record import chunk, ledger

LAYOUT = 3
"""Of the arrays in the repository; 2: every chunk ends with its CRC-32C; 3: tiles in shards."""


def make(session: Any) -> bool:
    """Make the groups and the empty ledger unless they are there; say whether any was made."""
    if chunk.attributes(session.store, ["scenes"]):
        return False
    root = zarr.open_group(session.store, mode="a")
    root.attrs["layout"] = LAYOUT
    root.create_group("cubes")
    ledger.create(session.store)
    return True


def check(store: Any, where: str) -> bool:
    """Refuse arrays that are laid out in another way than this code reads.

    Returns whether there are any: a writer that was killed, or is, between making the repository
    and its first commit leaves none, which is to have no record yet.

    Raises
    ------
    StoreError
        They were written by an older or a newer railwatch.
    """
    root = chunk.attributes(store, [""])
    if not root:
        return False
    said = root[""].get("layout", 1)
    if said == LAYOUT:
        return True
    newer = isinstance(said, int) and said > LAYOUT
    remedy = "update railwatch" if newer else "remove the record and ingest again"
    raise StoreError(
        f"{where}: layout {said!r} is not the one this railwatch reads ({LAYOUT}): {remedy}"
    )
