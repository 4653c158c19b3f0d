"""Re-deriving a published scene: counted again from stored pixels, compared bit for bit.

Nothing that saves work is used: no kept baseline, no findings of the scene. The record is read as
it was when the publication was made, so later scenes change nothing.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from railwatch.area import Area, load_area
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.detector.survey import detect_scene
from railwatch.errors import IntegrityError, OperatorError
from railwatch.publication.parquet import COLUMNS, Row, count_rows, read_rows
from railwatch.publication.pointer import LINKS, Pointer, pointer_of
from railwatch.publication.reading import content_of
from railwatch.record import Record, Status
from railwatch.series.reference import read_references
from railwatch.siding import HiddenStretch, Siding, SidingKind, SidingSet
from railwatch.store import Store

COMPARED = tuple(name for name, _, _ in COLUMNS if name != "published_at")
"""Everything a row says but when it was first published, which the clock decides."""

NEVER = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that came out otherwise."""

    siding_id: str
    column: str
    published: object
    derived: object


@dataclass(frozen=True, slots=True)
class Derived:
    """A published scene and what came of counting it again."""

    scene_id: str
    publication: str
    rows: int
    """Rows compared: the facility's and one a siding or group."""
    values: int
    """Values compared in them."""
    differences: tuple[Difference, ...]

    @property
    def agrees(self) -> bool:
        """Whether every value is the same bit for bit."""
        return not self.differences


def area_of(store: Store, said: str) -> Area:
    """Read the area a person names: by its file, or by its id from what is published of it.

    Raises
    ------
    OperatorError
        There is no such file, or nothing is published of that id.
    """
    path = Path(said)
    if path.suffix in {".yaml", ".yml"} or path.is_file():
        return load_area(path)
    pointer = pointer_of(store, said)
    key = pointer.folder + LINKS["sidings"]
    try:
        features = json.loads(store.get(key))["features"]
        sidings = tuple(sorted((_siding(one) for one in features), key=lambda one: one.id))
        name = json.loads(store.get(pointer.folder + LINKS["collection"]))["title"]
        area = Area(said, name, SidingSet(sidings))
    except (KeyError, TypeError, ValueError) as exc:
        raise IntegrityError(
            f"{store.url}/{pointer.folder}: name and sidings cannot be read ({exc}): name the "
            "area's YAML file instead"
        ) from exc
    if area.sidings.digest != pointer.siding_set:
        raise IntegrityError(
            f"{store.url}/{key}: these are not the sidings {pointer.siding_set} that the counts "
            "rest on: name the area's YAML file instead"
        )
    return area


def derive(store: Store, area: Area, scene_id: str) -> Derived:
    """Count a published scene again and compare.

    Raises
    ------
    OperatorError
        The scene is not published, or its count was made by another detector or siding set.
    IntegrityError
        The pixels it rests on are damaged.
    """
    pointer = pointer_of(store, area.id)
    published = _published(store, pointer, scene_id)
    _check_maker(area, pointer, published)
    with Record.open(store, area.id) as record:
        past = _as_published(record, pointer)
        derived = _derived(past, area, pointer.detector, scene_id)
    differences = tuple(_differences(published, derived))
    return Derived(
        scene_id, pointer.publication, len(published), len(published) * len(COMPARED), differences
    )


def _published(store: Store, pointer: Pointer, scene_id: str) -> dict[str, Row]:
    """Rows of a scene in the current publication, by siding id."""
    rows = read_rows(store.get(f"{pointer.folder}counts.parquet"))
    found = {str(row["siding_id"]): row for row in rows if row["scene_id"] == scene_id}
    if not found:
        near = sorted({str(row["scene_id"]) for row in rows})
        raise OperatorError(
            f"{store.url}: publication {pointer.publication} of {pointer.area_id} has no scene "
            f"{scene_id!r}; the last of its {len(near)} is {near[-1] if near else 'none'!r}"
        )
    return found


def _check_maker(area: Area, pointer: Pointer, published: Mapping[str, Row]) -> None:
    """Refuse to compare numbers that this code never made."""
    if pointer.siding_set != area.sidings.digest:
        raise OperatorError(
            f"{area.id}: the published counts rest on siding set {pointer.siding_set}, this area "
            f"file holds {area.sidings.digest}: name the area by its id to use the published ones"
        )
    made_by = {str(row["detector"]) for row in published.values()}
    if made_by != {detector_fingerprint()}:
        raise OperatorError(
            f"{area.id}: the published counts were made by detector {', '.join(sorted(made_by))}, "
            f"this is {detector_fingerprint()}: check out the version that made them, or "
            "run `railwatch run` to count with this one"
        )


def _as_published(record: Record, pointer: Pointer) -> Record:
    """Read the state that the publication was made from."""
    if record.state_digest(pointer.siding_set) == pointer.snapshot:
        return record
    try:
        return record.at(pointer.snapshot)
    except KeyError:
        raise IntegrityError(
            f"{record.store.url}: the record no longer holds state {pointer.snapshot}, from which "
            f"publication {pointer.publication} was made"
        ) from None


def _derived(record: Record, area: Area, detector: str, scene_id: str) -> dict[str, Row]:
    """Rows of a scene as they come out when it is counted again."""
    entries = {entry.item_id: entry for entry in record.entries()}
    entry = entries.get(scene_id)
    counts = [c for c in record.counts(area.sidings.digest, detector) if c.scene_id != scene_id]
    if entry is not None and entry.status is Status.INGESTED:
        counts += detect_scene(record, area, scene_id).counts
    references = read_references(record.store, area.id)
    content = content_of(record, area, detector, references=references, counts=counts)
    rows = count_rows(content, NEVER, ())
    return {str(row["siding_id"]): row for row in rows if row["scene_id"] == scene_id}


def _differences(published: Mapping[str, Row], derived: Mapping[str, Row]) -> Iterator[Difference]:
    for siding_id in sorted(published.keys() | derived.keys()):
        one, other = published.get(siding_id), derived.get(siding_id)
        if one is None or other is None:
            yield Difference(siding_id, "siding_id", one and siding_id, other and siding_id)
            continue
        for name in COMPARED:
            if not _same(one.get(name), other.get(name)):
                yield Difference(siding_id, name, one.get(name), other.get(name))


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same bits; nothing and no number are what they are."""
    if isinstance(one, float) and isinstance(other, float):
        both_nan = math.isnan(one) and math.isnan(other)
        return both_nan or one.hex() == other.hex()
    return bool(one == other)


def _siding(feature: Mapping[str, Any]) -> Siding:
    """Read back a siding as it was published."""
    said = feature["properties"]
    return Siding(
        id=said["siding_id"],
        coordinates=tuple((x, y) for x, y in feature["geometry"]["coordinates"]),
        kind=SidingKind(said["kind"]),
        name=said["name"],
        valid_from=_day(said["valid_from"]),
        valid_to=_day(said["valid_to"]),
        visible=said["visible"],
        hidden=tuple(
            HiddenStretch(h["from_m"], h["to_m"], _day(h.get("since")), _day(h.get("until")))
            for h in said.get("hidden", ())
        ),
    )


def _day(said: str | None) -> dt.date | None:
    return None if said is None else dt.date.fromisoformat(said)
