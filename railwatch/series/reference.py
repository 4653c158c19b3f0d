"""Reference counts: what an analyst counted by eye, kept for good.

Each reference is one object named by the digest of what it says, so that adding is append-only and
safe from several machines at once, and adding the same twice is adding it once. A mistake is
corrected by a later reference of the same analyst, date and siding; the first one stays readable.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import re
from dataclasses import dataclass

from railwatch.count import FACILITY
from railwatch.errors import IntegrityError, OperatorError
from railwatch.store import Store

_AREA_ID = re.compile(r"[a-z0-9-]+")
_FIRST = dt.date(1972, 7, 23)
"""First Landsat: no civil image is older."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Cars that a person counted at one place on one date."""

    area_id: str
    date: dt.date
    """UTC date of the image or visit."""
    cars: float
    """Railcars; halves are allowed where an end is hidden."""
    who: str
    """Who counted."""
    source: str
    """From what: image id, report, visit."""
    siding_id: str = FACILITY
    """A siding's or group's id as published, `*` for the facility."""
    recorded_at: dt.datetime | None = dataclasses.field(default=None, compare=False)
    """When it was added, UTC."""

    def __post_init__(self) -> None:
        if not _AREA_ID.fullmatch(self.area_id):
            raise _wrong("area", f"{self.area_id!r} is no area id; use letters a-z, digits and -")
        if not 0 <= self.cars < 10_000:
            raise _wrong("count", f"{self.cars:g} is no number of cars; give 0 to 9999")
        if self.date < _FIRST:
            raise _wrong("date", f"{self.date} lies before the first civil satellite image")
        for name in ("who", "source", "siding_id"):
            text = getattr(self, name)
            if not text.strip() or not text.isprintable():
                field = "siding" if name == "siding_id" else name
                raise _wrong(field, f"{text!r} says nothing; give one line of text")

    @property
    def digest(self) -> str:
        """Twelve hex digits over what it says, not over when it was added."""
        said = [
            self.area_id,
            self.date.isoformat(),
            self.cars,
            self.who,
            self.source,
            self.siding_id,
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]


def add_reference(store: Store, reference: Reference, now: dt.datetime | None = None) -> bool:
    """Keep a reference; False if the same one is there already.

    Raises
    ------
    OperatorError
        The date lies in the future.
    """
    at = now if now is not None else dt.datetime.now(dt.UTC)
    if reference.date > at.date():
        raise _wrong("date", f"{reference.date} lies in the future")
    said = {
        "area_id": reference.area_id,
        "siding_id": reference.siding_id,
        "date": reference.date.isoformat(),
        "cars": reference.cars,
        "who": reference.who,
        "source": reference.source,
        "recorded_at": at.isoformat(),
    }
    data = json.dumps(said, ensure_ascii=False).encode() + b"\n"
    key = f"{_prefix(reference.area_id)}/{reference.date}-{reference.digest}.json"
    return store.put_if_absent(key, data, content_type="application/json")


def read_references(store: Store, area_id: str) -> list[Reference]:
    """Every reference of an area by date, siding and time of adding, corrected ones included.

    Raises
    ------
    IntegrityError
        An object is not a reference or not the one its name says.
    """
    found = [_read(store, key) for key in store.list(_prefix(area_id)) if key.endswith(".json")]
    return sorted(found, key=lambda r: (r.date, r.siding_id, str(r.recorded_at), r.digest))


def reference_digest(store: Store, area_id: str) -> str:
    """Sixteen hex digits over which references an area has, without reading them."""
    keys = sorted(store.list(_prefix(area_id)))
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]


def in_force(references: list[Reference]) -> list[Reference]:
    """Leave out references that the same person corrected later."""
    latest: dict[tuple[str, dt.date, str, str], Reference] = {}
    for reference in sorted(references, key=lambda r: (str(r.recorded_at), r.digest)):
        key = (reference.area_id, reference.date, reference.siding_id, reference.who)
        latest[key] = reference
    return sorted(latest.values(), key=lambda r: (r.date, r.siding_id, r.who))


def _read(store: Store, key: str) -> Reference:
    try:
        said = json.loads(store.get(key))
        reference = Reference(
            area_id=said["area_id"],
            date=dt.date.fromisoformat(said["date"]),
            cars=said["cars"],
            who=said["who"],
            source=said["source"],
            siding_id=said["siding_id"],
            recorded_at=dt.datetime.fromisoformat(said["recorded_at"]),
        )
    except (ValueError, TypeError, KeyError, OperatorError) as exc:
        raise IntegrityError(f"{store.url}: {key} is not a reference count: {exc}") from exc
    if not key.endswith(f"{reference.digest}.json"):
        raise IntegrityError(f"{store.url}: {key} was changed after it was added; restore it")
    return reference


def _prefix(area_id: str) -> str:
    return f"areas-config/{area_id}/references"


def _wrong(field: str, problem: str) -> OperatorError:
    return OperatorError(f"reference: {field}: {problem}")
