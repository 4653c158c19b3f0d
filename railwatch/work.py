"""Work: what is left to do for one area, and the note that says nothing is.

The truth about what is done is the record and the publication; Prefect and Dask are never asked.
`Settled` is a shortcut beside the record: it names what a finished run had seen, so that the next
one can say "nothing new" from a search alone, without opening the record. Losing it costs time,
nothing else.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from railwatch.area import Area
from railwatch.scene import Rejection, Scene
from railwatch.sources import Found, Query
from railwatch.store import Store

if TYPE_CHECKING:
    from railwatch.record import Footprint, Record


@dataclass(frozen=True, slots=True)
class Work:
    """What an archive's answer leaves to be ingested."""

    scenes: tuple[Scene, ...]
    """To fetch, ordered by (acquired, id)."""
    rejections: tuple[Found, ...]
    """To be written down with their reason."""
    footprints: Mapping[str, Footprint]
    """Tiles wanted, by cube key."""
    switched: tuple[str, ...]
    """Cube keys whose wanted footprint has its scenes already, but is not the one in use."""

    @property
    def empty(self) -> bool:
        """Whether the record holds all of it."""
        return not (self.scenes or self.rejections or self.switched)

    def batches(self, size: int) -> list[Work]:
        """Cut the scenes into transactions of at most `size`; what needs no pixels goes first."""
        cut = [self.scenes[i : i + size] for i in range(0, len(self.scenes), size)]
        if not cut and not self.empty:
            cut = [()]
        return [
            Work(scenes, self.rejections if i == 0 else (), self.footprints, self.switched)
            for i, scenes in enumerate(cut)
        ]


def query_for(area: Area, start: dt.date | None, end: dt.date | None) -> Query:
    """Ask for an area's scenes from `start` to `end`, both days included, UTC."""
    after = None if end is None else end + dt.timedelta(days=1)
    return Query(area.bbox, _midnight(start), _midnight(after), area.collections)


def work_for(area: Area, record: Record, found: Sequence[Found]) -> Work:
    """Compare what a search gave with what the record holds; changes nothing.

    A scene of a sensor that says nothing about railcars is rejected by name.
    """
    from railwatch.detector.window import footprint_for

    footprints: dict[str, Footprint] = {}
    usable: list[Found] = []
    for item in found:
        scene = item.scene
        if scene is not None and scene.cube_key not in footprints:
            try:
                footprints[scene.cube_key] = footprint_for(area.sidings, scene.gsd_m, scene.bands)
            except ValueError as exc:
                usable.append(Found(item.item_id, None, Rejection.NO_USABLE_BAND, str(exc)))
                continue
        usable.append(item)
    plan = record.plan(usable, footprints)
    return Work(plan.scenes, plan.rejections, footprints, plan.switched)


def windows(
    found: Sequence[Found], months_each: int, *, newest_first: bool
) -> list[tuple[Found, ...]]:
    """Part what a search gave into windows of whole months, each ordered by time.

    Items that cannot become scenes have no time and go with the first window.
    """
    parts: dict[int, list[Found]] = {}
    for item in found:
        if item.scene is not None:
            month = item.scene.acquired.year * 12 + item.scene.acquired.month - 1
            parts.setdefault(month // months_each, []).append(item)
    ordered = [tuple(parts[key]) for key in sorted(parts, reverse=newest_first)]
    useless = tuple(item for item in found if item.scene is None)
    if useless:
        ordered[:1] = [useless + (ordered[0] if ordered else ())]
    return ordered


@dataclass(frozen=True, slots=True)
class Settled:
    """What a finished run had seen and made: the next one with the same has nothing to do."""

    seen: str
    """Digest of the query and of all that the archive listed for it."""
    siding_set: str
    code: str
    """Digest of railwatch's own modules: another detector or publisher starts over."""
    publication: str
    """The publication that was current when the run ended."""
    references: str = ""
    """Digest of the reference counts it is put right by."""

    @classmethod
    def read(cls, store: Store, area_id: str) -> Settled | None:
        """Read an area's note, if its publication is still the one readers are sent to."""
        try:
            note = cls(**json.loads(store.get(_key(area_id))))
            current = json.loads(store.get(f"areas/{area_id}/latest.json"))["publication"]
        except (KeyError, TypeError, ValueError):
            return None
        return note if note.publication == current else None

    def write(self, store: Store, area_id: str) -> None:
        """Leave the note beside the record, so that it goes where the record goes."""
        said = {name: getattr(self, name) for name in self.__slots__}
        store.put(_key(area_id), json.dumps(said).encode(), content_type="application/json")


def code_digest() -> str:
    """Sixteen hex digits over the source of every module of the package; takes milliseconds."""
    package = Path(__file__).parent
    hashed = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        hashed.update(f"{path.relative_to(package)}\0".encode())
        hashed.update(path.read_bytes())
    return hashed.hexdigest()[:16]


def seen_digest(query: Query, found: Iterable[Found]) -> str:
    """Sixteen hex digits over a query and its answer."""
    asked = [query.bbox, str(query.start), str(query.end), query.collections]
    listed = [
        [f.item_id, f.rejection, f.detail] if f.scene is None else [f.item_id, _change(f.scene)]
        for f in found
    ]
    return hashlib.sha256(json.dumps([asked, listed]).encode()).hexdigest()[:16]


def _change(scene: Scene) -> list[object]:
    """Name what changes when a scene's item or its files do."""
    return [scene.digest, scene.properties.get("item_digest")]


def _key(area_id: str) -> str:
    return f"records/{area_id}/settled.json"


def _midnight(day: dt.date | None) -> dt.datetime | None:
    return None if day is None else dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
