"""STAC documents as found: parsed strictly, and asked for values that may be missing or wrong.

Nothing here trusts a file: size and depth are bounded, NaN and Infinity are no numbers, and a value
of another type than wanted is a `BadItem` that names the field.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from railwatch.scene import Rejection

MAX_BYTES = 8 << 20
"""A Sentinel-2 item is 30 kB; 8 MiB holds footprints of any detail and still parses in 0.3 s."""
MAX_DEPTH = 64
MAX_SAID = 400
"""Characters of a rejection's sentence; what it quotes of a document may be of any length."""


class BadItemError(Exception):
    """An item cannot become a scene; carries the reason and the sentence of its rejection."""

    def __init__(self, reason: Rejection, detail: str) -> None:
        said = detail if len(detail) <= MAX_SAID else f"{detail[:MAX_SAID]}..."
        super().__init__(said)
        self.reason = reason
        self.detail = said


def parse(data: bytes, file: str) -> Any:
    """Parse one document.

    Raises
    ------
    BadItemError
        It is too large, too deep, not UTF-8 or not JSON.
    """
    if len(data) > MAX_BYTES:
        raise bad(file, "", f"has {len(data)} bytes, more than the {MAX_BYTES} an item may have")
    try:
        text = data.decode("utf-8-sig")
        if _depth(text) > MAX_DEPTH:
            raise bad(file, "", f"is nested deeper than {MAX_DEPTH} levels")
        return json.loads(text, parse_constant=_refuse)
    except ValueError as exc:
        raise bad(file, "", f"is not JSON: {exc}") from exc


def bad(file: str, field: str, problem: str) -> BadItemError:
    """Say what is wrong with an item: file, field, problem."""
    where = f"{file}: {field}" if field else file
    return BadItemError(Rejection.BAD_ITEM, f"{where}: {problem}")


def text_at(said: Mapping[str, Any], *names: str) -> str | None:
    """First of the fields that holds a text."""
    return next((v for n in names if isinstance(v := said.get(n), str) and v), None)


def number_at(said: Mapping[str, Any], *names: str) -> float | None:
    """First of the fields that holds a finite number."""
    return next((v for n in names if (v := finite(said.get(n))) is not None), None)


def finite(value: Any) -> float | None:
    """Return a JSON value as a finite float; None where it is something else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def list_at(said: Mapping[str, Any], name: str) -> list[Any]:
    """Return a field's list; empty where it is something else."""
    value = said.get(name)
    return value if isinstance(value, list) else []


def objects_at(said: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a field's objects; an entry that is none is an empty one, so that places agree."""
    return [one if isinstance(one, dict) else {} for one in list_at(said, name)]


def _depth(text: str) -> int:
    """Deepest nesting of brackets; those inside strings count, too, so it never says too little."""
    deepest = depth = 0
    for char in text:
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not a number in JSON")
