"""The detector's fingerprint: which code made a number."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

_BESIDE = (
    "abreast", "fouling", "injection", "rolling_stock", "siding", "stretch", "sun", "track",
    "track_group",
)  # fmt: skip
"""Modules outside this package on which a count depends."""


@lru_cache
def detector_fingerprint() -> str:
    """Twelve hex digits over the detector's sources and learnt weights.

    Any change to them is another detector: its counts stand beside the old ones in the record and
    are never mixed with them in one series.
    """
    here = Path(__file__).parent
    parts = sorted(p for p in here.iterdir() if p.suffix in {".py", ".npz"})
    parts += [here.parent / f"{name}.py" for name in _BESIDE]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.name.encode())
        digest.update(part.read_bytes())
    return digest.hexdigest()[:12]
