"""What one publication is made from, read once, and the digest that names it.

A publication is a pure function of its `Content`: equal content gives the same id and the same
bytes, times of publication aside. Pixels and evidence are not held here; they are read scene by
scene through `SceneReader` when an object that needs them is built.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Protocol

from railwatch.area import Area
from railwatch.count import FACILITY, Count
from railwatch.detection import Detection
from railwatch.grid import Grid
from railwatch.scene import Scene, SceneRaster
from railwatch.series.record import Record
from railwatch.series.reference import Reference
from railwatch.track_group import track_groups

SLUG_LENGTH = 96
"""Longest name of an object made from a scene id, characters."""


class SceneReader(Protocol):
    """Gives the evidence of one scene when it is asked for."""

    def detection(self, scene_id: str) -> Detection:
        """Occupancy, cars, strips and registration of one scene."""
        ...

    def grid(self, cube_key: str) -> Grid:
        """Grid of a cube."""
        ...

    def pixels(self, scene_id: str, rows: slice, columns: slice) -> SceneRaster:
        """Pixels of one scene in a window of its grid."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """One scene the record lists, used or not."""

    item_id: str
    scene: Scene | None
    """None where the item could not become a scene."""
    rejection: str | None = None
    """A `railwatch.scene.Rejection`, None where the scene is in the cube."""
    detail: str = ""
    """One sentence on the rejection."""
    checksum: str = ""
    """Digest of the pixels in the record, empty where there are none."""
    inputs: str = ""
    """Digest of all that its counts rest on, empty where there are none."""
    spent_pu: float = 0.0
    """Processing units the archive charged."""

    @property
    def slug(self) -> str:
        """Name that is safe in a key and a URL, and unique."""
        return slug(self.item_id)


class StatementKind(enum.StrEnum):
    """What a statement is about."""

    RECORD = "record"
    SURGE = "surge"
    REFUSALS = "refusals"


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence about the series that a reader may quote, and what it rests on."""

    kind: StatementKind
    when: dt.datetime
    """Acquisition the statement is about; for a surge its onset."""
    sentence: str
    scene_id: str | None = None
    probability: float | None = None
    """Of the statement being true; None where it is a plain fact."""
    until: dt.datetime | None = None
    """Last acquisition it covers, for streaks and surges."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How likely a change of a given size is seen, from cars injected into real scenes."""

    label: str
    """What was injected where."""
    cars: tuple[float, ...]
    """Cars injected, rising."""
    probability: tuple[float, ...]
    """Share of scenes in which they were seen, 0-1."""
    low: tuple[float, ...] = ()
    """Lower bounds of the shares; empty where not known."""
    high: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.cars) != len(self.probability):
            raise ValueError(f"{len(self.cars)} sizes for {len(self.probability)} probabilities")


@dataclass(frozen=True)
class Content:
    """All that a publication says, and where its evidence is read."""

    area: Area
    detector: str
    """Fingerprint of the detector the counts come from."""
    snapshot: str
    """State digest of the record, also an Icechunk tag there."""
    listed: tuple[Listed, ...]
    """Every scene the record lists, ordered by (acquired, id)."""
    counts: tuple[Count, ...]
    """Ordered by (acquired, scene, facility first, siding)."""
    reader: SceneReader
    statements: tuple[Statement, ...] = ()
    """Surges and what else the series says; records and refusal streaks are found in the counts."""
    records: tuple[Record, ...] | None = None
    """What `railwatch.series` judged of the counts; None where it is to be asked again."""
    sensitivity: Sensitivity | None = None
    references: tuple[Reference, ...] = ()
    """What analysts counted by eye and nobody corrected; the counts are put right by it already."""

    @property
    def siding_set(self) -> str:
        """Digest of the sidings the counts rest on."""
        return self.area.sidings.digest

    @cached_property
    def facility(self) -> tuple[Count, ...]:
        """Rows of the whole facility, by time."""
        return tuple(count for count in self.counts if count.siding_id == FACILITY)

    @cached_property
    def facility_by_scene(self) -> dict[str, Count]:
        """Rows of the whole facility by scene id."""
        return {count.scene_id: count for count in self.facility}

    @cached_property
    def used(self) -> tuple[Listed, ...]:
        """Scenes whose pixels are in the record, by time."""
        return tuple(row for row in self.listed if row.scene is not None and row.rejection is None)

    @cached_property
    def members(self) -> dict[str, tuple[str, ...]]:
        """Ids of the sidings that a row's `siding_id` counts, by that id."""
        found: dict[str, tuple[str, ...]] = {
            siding.id: (siding.id,) for siding in self.area.sidings
        }
        for gsd_m in {row.scene.gsd_m for row in self.used if row.scene}:
            for group in track_groups(self.area.sidings, gsd_m):
                found[group.id] = tuple(member.id for member in group.members)
        return found

    @cached_property
    def id(self) -> str:
        """Sixteen hex digits over everything a publication's bytes depend on."""
        said = {
            "publisher": publisher_fingerprint(),
            "area": [self.area.id, self.area.name, self.siding_set],
            "names": [siding.name for siding in self.area.sidings],
            "detector": self.detector,
            "snapshot": self.snapshot,
            "listed": [
                [
                    row.item_id,
                    row.scene.digest if row.scene else None,
                    row.scene.properties if row.scene else None,
                    row.rejection,
                    row.detail,
                    row.checksum,
                    row.inputs,
                    row.spent_pu,
                ]
                for row in self.listed
            ],
            "counts": [dict(asdict(count), published_at=None) for count in self.counts],
            "statements": [asdict(statement) for statement in self.statements],
            "sensitivity": asdict(self.sensitivity) if self.sensitivity else None,
            "references": [reference.digest for reference in self.references],
        }
        return hashlib.sha256(canonical(said)).hexdigest()[:16]


def canonical(said: object) -> bytes:
    """JSON in one spelling: equal values give equal bytes, times are ISO 8601."""
    return json.dumps(
        said, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=_spell
    ).encode()


def _spell(value: object) -> str:
    """Spell the values that JSON has no word for."""
    if isinstance(value, dt.datetime):
        return utc(value)
    raise TypeError(f"{type(value).__name__} cannot be part of a publication's digest")


def utc(moment: dt.datetime) -> str:
    """ISO 8601 in UTC with a Z, as STAC wants it."""
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def slug(text: str) -> str:
    """Make a name safe in keys, paths and URLs; names that had to change keep a digest."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[:SLUG_LENGTH]
    if safe == text:
        return safe
    return f"{safe}-{hashlib.sha256(text.encode()).hexdigest()[:8]}".lstrip("-")


@cache
def publisher_fingerprint(only: frozenset[str] | None = None) -> str:
    """Twelve hex digits over this package's code, templates and assets.

    A change to any of them gives publications a new id, so a better page is published although
    the record stayed as it was. `only` names the files that count, where not all do.
    """
    digest = hashlib.sha256()
    pending = [resources.files("railwatch.publication")]
    while pending:
        for item in sorted(pending.pop().iterdir(), key=lambda found: found.name):
            if item.is_dir() and item.name != "__pycache__":
                pending.append(item)
            elif item.is_file() and (item.name in only if only else ".pyc" not in item.name):
                digest.update(item.name.encode() + b"\0" + item.read_bytes())
    return digest.hexdigest()[:12]
