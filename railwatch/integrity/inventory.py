"""The inventory: digests of every object of an area that `railwatch verify` has seen whole.

Objects of a record, and pictures, are never changed once written. So what was seen whole once can
be told from what it has become since, whatever wrote to it. The file is in the form of `sha256sum`:
`cd STORE && sha256sum --check inventories/AREA.sha256` needs no railwatch.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from railwatch.errors import IntegrityError
from railwatch.store import Store

_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)")
_SEAL = "#sha256 "
"""Begins the last line: a digest of the lines above it."""


def inventory_key(area_id: str) -> str:
    """Key of an area's inventory."""
    return f"inventories/{area_id}.sha256"


def read(store: Store, area_id: str) -> dict[str, str]:
    """Return SHA-256 by key; empty before the first scan.

    Raises
    ------
    IntegrityError
        The inventory itself is damaged.
    """
    key = inventory_key(area_id)
    try:
        data = store.get(key)
    except KeyError:
        return {}
    body, _, seal = data.rpartition(_SEAL.encode())
    found = _LINE.findall(body.decode("utf-8", "replace"))
    if hashlib.sha256(body).hexdigest().encode() + b"\n" != seal:
        raise IntegrityError(
            f"{store.url}/{key}: is damaged: restore it from a backup, or delete it and the next "
            "scan begins a new one"
        )
    return {name: digest for digest, name in found}


def write(store: Store, area_id: str, seen: Mapping[str, str]) -> None:
    """Keep what was seen."""
    body = "".join(f"{digest}  {key}\n" for key, digest in sorted(seen.items())).encode()
    seal = f"{_SEAL}{hashlib.sha256(body).hexdigest()}\n".encode()
    store.put(inventory_key(area_id), body + seal, content_type="text/plain; charset=utf-8")
