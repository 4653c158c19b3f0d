"""The pointer: `latest.json`, one small object that names an area's current publication.

It is written last and replaced atomically, so whoever follows it sees one publication, whole.
"""

from __future__ import annotations

import datetime as dt
import json
import reprlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from railwatch.errors import IntegrityError, OperatorError
from railwatch.publication.content import utc
from railwatch.store import Store

VERSION = 1
"""Of the pointer's and the folder's layout; a reader refuses a greater one."""


CATALOG = "catalog.json"
"""Root of the STAC catalog of everything in the store."""

MISREAD = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What JSON of a shape, size or depth that nobody writes raises where it is read."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which publication of an area is current, and what it rests on."""

    area_id: str
    publication: str
    """Id of the publication; its folder is `publications/{id}/` beside the pointer."""
    published_at: dt.datetime
    siding_set: str
    detector: str
    snapshot: str

    @property
    def folder(self) -> str:
        """Key prefix of the publication, with the slash."""
        return folder_key(self.area_id, self.publication)

    def to_json(self) -> bytes:
        """Spell the pointer, with the links a reader follows, relative to it."""
        base = f"publications/{self.publication}"
        said = {
            "version": VERSION,
            "area_id": self.area_id,
            "publication": self.publication,
            "published_at": utc(self.published_at),
            "siding_set": self.siding_set,
            "detector": self.detector,
            "snapshot": self.snapshot,
            "links": {name: f"{base}/{path}" for name, path in LINKS.items()},
        }
        return json.dumps(said, indent=1).encode() + b"\n"

    @classmethod
    def from_json(cls, key: str, data: bytes) -> Pointer:
        """Read a pointer.

        Raises
        ------
        IntegrityError
            The object at `key` is not a pointer this version of railwatch can follow.
        """
        try:
            said = json.loads(data)
            if said["version"] > VERSION:
                raise IntegrityError(
                    f"{key}: version: {said['version']} is newer than this railwatch reads "
                    f"({VERSION}); update railwatch"
                )
            names = ("area_id", "publication", "siding_set", "detector", "snapshot")
            return cls(**texts(said, names), published_at=moment(said["published_at"]))
        except MISREAD as exc:
            raise IntegrityError(
                f"{key}: not a pointer to a publication ({exc}); publish the area again"
            ) from exc


def texts(said: dict[str, Any], names: Iterable[str]) -> dict[str, str]:
    """Take texts out of a JSON object.

    Raises
    ------
    KeyError, TypeError
        One is missing, or is something else.
    """
    for name in names:
        if not isinstance(said[name], str):
            raise TypeError(f"{name}: {reprlib.repr(said[name])} is no text")
    return {name: said[name] for name in names}


def moment(said: str) -> dt.datetime:
    """Read a time that says its zone.

    Raises
    ------
    TypeError, ValueError
        It is something else.
    """
    read = dt.datetime.fromisoformat(said)
    if read.tzinfo is None:
        raise ValueError(f"{said}: a time without its zone")
    return read


LINKS = {
    "counts": "counts.parquet",
    "sidings": "sidings.geojson",
    "sidings_geoparquet": "sidings.parquet",
    "cars": "cars.geojson",
    "cars_geoparquet": "cars.parquet",
    "cube": "cube.zarr",
    "events": "events.ndjson",
    "collection": "stac/collection.json",
    "report": "report/index.html",
}
"""Objects of a publication by the name `latest.json` gives them."""


def current_pointer(store: Store, area_id: str) -> Pointer | None:
    """Read an area's pointer; None before its first publication.

    Raises
    ------
    IntegrityError
        The object there is not a pointer this version of railwatch can follow.
    """
    key = pointer_key(store.checked(area_id))
    try:
        return Pointer.from_json(key, store.get(key))
    except KeyError:
        return None


def pointer_of(store: Store, area_id: str) -> Pointer:
    """Read the pointer of an area that a person named.

    Raises
    ------
    OperatorError
        Nothing is published of that area.
    IntegrityError
        The object there is not a pointer this version of railwatch can follow.
    """
    pointer = current_pointer(store, area_id)
    if pointer is None:
        raise OperatorError(
            f"{store.url}: nothing is published of area {area_id!r}: check the id and --store, or "
            "run `railwatch run` for it"
        )
    return pointer


def pointer_key(area_id: str) -> str:
    """Key of an area's pointer."""
    return f"areas/{area_id}/latest.json"


def folder_key(area_id: str, publication: str) -> str:
    """Key prefix of a publication, with the slash."""
    return f"areas/{area_id}/publications/{publication}/"


def manifest_key(area_id: str, publication: str) -> str:
    """Key of a publication's manifest, which exists when its folder is complete."""
    return f"areas/{area_id}/history/{publication}.json"


def evidence_key(area_id: str, name: str) -> str:
    """Key of a picture that publications of an area share."""
    return f"areas/{area_id}/evidence/{name}"
