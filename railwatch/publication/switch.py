"""Publishing: fill an immutable folder, then switch what readers follow, the pointer last.

Killed at any moment, the old publication or the new one is what readers see: until the manifest
stands nothing refers to the folder, and all that is switched is one object replaced atomically.
The same content published again writes nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from dataclasses import dataclass
from typing import Protocol

from railwatch.publication import stac
from railwatch.publication.content import Content
from railwatch.publication.edition import HTML, JSON, parts
from railwatch.publication.history import Manifest
from railwatch.publication.parquet import Row, count_rows, read_rows
from railwatch.publication.pointer import Pointer, folder_key, manifest_key, pointer_key
from railwatch.publication.report import ROOT_IN_FOLDER, ROOT_OF_AREA, index_page

log = logging.getLogger(__name__)


class Objects(Protocol):
    """The store, as far as publishing needs it."""

    def get(self, key: str) -> bytes:
        """Give an object; KeyError if there is none."""
        ...

    def put(self, key: str, data: bytes, *, content_type: str) -> None:
        """Write or replace an object atomically."""
        ...


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing did."""

    id: str
    area_id: str
    published_at: dt.datetime
    changed: bool
    """False: this publication was current already and nothing was written."""
    objects: int
    """Objects written."""
    bytes: int
    """Bytes written."""

    @property
    def report(self) -> str:
        """Key of the page for people."""
        return f"areas/{self.area_id}/report/index.html"


def publish_content(store: Objects, content: Content, now: dt.datetime) -> Publication:
    """Publish `content`, unless it is what is published.

    Parameters
    ----------
    store
        Where readers look.
    content
        What to publish.
    now
        Time of publication, UTC.

    Raises
    ------
    StoreError
        The store cannot be written.
    """
    area = content.area.id
    current = current_pointer(store, area)
    if current is not None and current.publication == content.id:
        log.info("%s: publication %s is current, nothing to write", area, content.id)
        return Publication(content.id, area, current.published_at, False, 0, 0)
    manifest = _complete(store, area, content.id)
    written = _Written()
    if manifest is None:
        manifest = _fill(store, content, now, _rows_before(store, current), written)
    _switch(store, content, manifest, written)
    log.info(
        "%s: published %s, %s objects, %s bytes", area, content.id, written.objects, written.size
    )
    return Publication(content.id, area, manifest.published_at, True, written.objects, written.size)


def current_pointer(store: Objects, area_id: str) -> Pointer | None:
    """Read an area's pointer; None before its first publication."""
    key = pointer_key(area_id)
    try:
        return Pointer.from_json(key, store.get(key))
    except KeyError:
        return None


@dataclass(slots=True)
class _Written:
    """Tally of what was written."""

    objects: int = 0
    size: int = 0

    def put(self, store: Objects, key: str, data: bytes, content_type: str) -> None:
        store.put(key, data, content_type=content_type)
        self.objects += 1
        self.size += len(data)


def _complete(store: Objects, area_id: str, publication: str) -> Manifest | None:
    """Manifest of a folder that was filled before: publishing was cut short, or turns back."""
    try:
        return Manifest.from_json(store.get(manifest_key(area_id, publication)))
    except KeyError:
        return None


def _rows_before(store: Objects, current: Pointer | None) -> list[Row]:
    """Rows of the current publication."""
    if current is None:
        return []
    return read_rows(store.get(current.folder + "counts.parquet"))


def _fill(
    store: Objects, content: Content, now: dt.datetime, before: list[Row], written: _Written
) -> Manifest:
    """Write the folder, then the manifest that makes it count."""
    area = content.area.id
    folder = folder_key(area, content.id)
    rows = count_rows(content, now, before)
    objects = {}
    for part in parts(content, rows):
        written.put(store, folder + part.path, part.data, part.content_type)
        objects[part.path] = (len(part.data), hashlib.sha256(part.data).hexdigest())
    manifest = Manifest(
        publication=content.id,
        area_id=area,
        published_at=now,
        siding_set=content.siding_set,
        detector=content.detector,
        snapshot=content.snapshot,
        scenes=len(content.listed),
        objects=objects,
    )
    written.put(store, manifest_key(area, content.id), manifest.to_json(), JSON)
    return manifest


def _switch(store: Objects, content: Content, manifest: Manifest, written: _Written) -> None:
    """Replace the objects with fixed names, the pointer last."""
    area = content.area.id
    folder = folder_key(area, content.id)
    counts = store.get(folder + "counts.parquet")
    page = store.get(folder + "report/index.html").replace(ROOT_IN_FOLDER, ROOT_OF_AREA, 1)
    written.put(store, f"areas/{area}/counts.parquet", counts, stac.PARQUET)
    written.put(store, f"areas/{area}/report/index.html", page, HTML)
    areas = _areas(store) | {area: content.id}
    written.put(store, "catalog.json", json.dumps(stac.catalog(areas), indent=1).encode(), JSON)
    written.put(store, "index.html", index_page(_summaries(store, areas)), HTML)
    pointer = Pointer(
        area,
        content.id,
        manifest.published_at,
        content.siding_set,
        content.detector,
        content.snapshot,
    )
    written.put(store, pointer_key(area), pointer.to_json(), JSON)


def _areas(store: Objects) -> dict[str, str]:
    """Publication id by area id, as the catalog says."""
    try:
        return stac.children(json.loads(store.get("catalog.json")))
    except KeyError:
        return {}


def _summaries(store: Objects, areas: dict[str, str]) -> list[tuple[str, str, list[Row]]]:
    """Give (id, name, rows) of each area's current publication, for the page of all areas."""
    found = []
    for area, publication in sorted(areas.items()):
        folder = folder_key(area, publication)
        name = json.loads(store.get(folder + "stac/collection.json"))["title"]
        found.append((area, name, read_rows(store.get(folder + "counts.parquet"))))
    return found
