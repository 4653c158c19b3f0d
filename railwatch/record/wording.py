"""Counts, cars and registrations as JSON and back; what is unknown is left out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from railwatch.count import BaselineState, Car, Count, Refusal, ResolutionClass
from railwatch.detection import Registration

_READ: dict[str, Callable[[Any], Any]] = {
    "acquired": dt.datetime.fromisoformat,
    "published_at": dt.datetime.fromisoformat,
    "resolution_class": ResolutionClass,
    "baseline_state": BaselineState,
    "refusal": Refusal,
    "quantiles": tuple,
}
_REQUIRED = [
    field.name
    for field in dataclasses.fields(Count)
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
]


def counts_to_json(counts: tuple[Count, ...]) -> str:
    """All counts of one scene."""
    return _dumps([_said(count) for count in counts])


def counts_from_json(row: str) -> tuple[Count, ...]:
    """Read back what `counts_to_json` gave."""
    return tuple(
        Count(
            **dict.fromkeys(_REQUIRED)
            | {name: _READ[name](v) if name in _READ else v for name, v in said.items()}
        )
        for said in json.loads(row)
    )


def cars_to_json(cars: tuple[Car, ...]) -> str:
    """All cars of one scene."""
    return _dumps([_said(car) for car in cars]) if cars else ""


def cars_from_json(row: str) -> tuple[Car, ...]:
    """Read back what `cars_to_json` gave."""
    if not row:
        return ()
    return tuple(
        Car(**{**said, "outline": tuple((x, y) for x, y in said["outline"])})
        for said in json.loads(row)
    )


def registration_to_json(registration: Registration | None) -> dict[str, Any] | None:
    """Shift of one scene."""
    return None if registration is None else _said(registration)


def _said(value: Any) -> dict[str, Any]:
    """Fields of a value that say something."""
    named = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
    return {n: v for n, v in named if not (v is None or (isinstance(v, tuple | dict) and not v))}


def _dumps(said: Any) -> str:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not kept in the record")
