"""Publishing: fill an immutable folder, then switch what readers follow, the pointer last.

Killed at any moment, the old publication or the new one is what readers see: until the manifest
stands nothing refers to the folder, and all that is switched is one object replaced atomically.
The same content published again writes nothing.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from railwatch.area import Area
from railwatch.errors import TransientError
from railwatch.publication import cube, evidence, stac
from railwatch.publication.content import Content, Sensitivity
from railwatch.publication.edition import (
    CUBE,
    HTML,
    JSON,
    Held,
    Part,
    Same,
    items,
    parts,
    scene_parts,
    stamp,
)
from railwatch.publication.evidence import Picture
from railwatch.publication.history import (
    Manifest,
    Retention,
    collect_locked,
    publishing,
    still_there,
)
from railwatch.publication.parquet import Row, count_rows, read_rows
from railwatch.publication.pointer import (
    Pointer,
    evidence_key,
    folder_key,
    manifest_key,
    pointer_key,
)
from railwatch.publication.reading import content_of
from railwatch.publication.report import ROOT_IN_FOLDER, ROOT_OF_AREA
from railwatch.publication.report.payload import Pictures
from railwatch.publication.roots import show
from railwatch.publication.upload import Upload
from railwatch.record import Record
from railwatch.series.reference import read_references
from railwatch.store import Store, Stored

log = logging.getLogger(__name__)

RETENTION = Retention()
"""What is kept unless somebody says otherwise."""


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
    """Bytes written; objects taken over from the publication before cost none."""

    @property
    def report(self) -> str:
        """Key of the page for people."""
        return f"areas/{self.area_id}/report/index.html"


def publish(
    store: Store,
    record: Record,
    area: Area,
    *,
    detector: str,
    now: dt.datetime | None = None,
    sensitivity: Sensitivity | None = None,
    retention: Retention = RETENTION,
    previous: Sequence[Row] = (),
    roots: bool = True,
) -> Publication:
    """Publish what the record says of an area now, unless that is what is published.

    Parameters
    ----------
    store
        Where readers look.
    record
        Of the area, with the detector's counts.
    area
        Whose current siding set is published.
    detector
        Fingerprint of the detector whose counts are published.
    now
        Time of publication, UTC; the clock's by default.
    sensitivity
        How small a change would be seen, where that was measured.
    retention
        Which older publications are kept; the others are removed.
    previous
        Rows that were published before, where no pointer leads to them any more.
    roots
        Whether catalog and page of all areas are switched with it; who publishes many areas leaves
        them and calls `roots.refresh` at the end.

    Raises
    ------
    TransientError
        Another publisher of the area was first.
    StoreError
        The record cannot be read or the store cannot be written.
    IntegrityError
        What is stored is not what was written; nothing is published from it.
    """
    references = read_references(store, area.id)
    content = content_of(record, area, detector, references=references, sensitivity=sensitivity)
    now = now or dt.datetime.now(dt.UTC)
    return publish_content(store, content, now, retention, previous, roots=roots)


def publish_content(
    store: Store,
    content: Content,
    now: dt.datetime,
    retention: Retention = RETENTION,
    previous: Sequence[Row] = (),
    *,
    roots: bool = True,
) -> Publication:
    """Publish `content`, unless it is what is published.

    Parameters
    ----------
    store
        Where readers look.
    content
        What to publish.
    now
        Time of publication, UTC.
    retention
        Which older publications are kept; the others are removed.
    previous
        Rows that were published before, where no pointer leads to them any more.
    roots
        Whether catalog and page of all areas are switched with it; who publishes many areas leaves
        them and calls `roots.refresh` at the end.

    Raises
    ------
    TransientError
        Another publisher of the area was first.
    StoreError
        The store cannot be written, or another process publishes the area.
    """
    area = content.area.id
    with store.lock(publishing(area)), Upload(store) as upload:
        seen = _seen(store, area)
        current = None if seen is None else Pointer.from_json(pointer_key(area), seen.data)
        if current is not None and current.publication == content.id:
            log.info("%s: publication %s is current, nothing to write", area, content.id)
            return Publication(content.id, area, current.published_at, False, 0, 0)
        manifest = _taken_back(store, area, content.id, now, retention)
        if manifest is None:
            rows = count_rows(content, now, _rows_before(store, current) or previous)
            manifest = _fill(upload, content, now, rows, current)
        _switch(upload, content, manifest, seen, roots=roots)
        collect_locked(store, area, retention, now)
    log.info(
        "%s: published %s, %s objects, %s bytes", area, content.id, upload.objects, upload.size
    )
    return Publication(content.id, area, manifest.published_at, True, upload.objects, upload.size)


def _seen(store: Store, area_id: str) -> Stored | None:
    """Read the pointer with the tag that replacing it must name."""
    try:
        return store.read(pointer_key(area_id))
    except KeyError:
        return None


def _taken_back(
    store: Store, area_id: str, publication: str, now: dt.datetime, retention: Retention
) -> Manifest | None:
    """Take up a folder that was filled before, so that no collector removes it any more.

    One that was filled a moment ago, by a publisher that was killed before it could switch, is too
    young to be collected and stays as it is.

    Raises
    ------
    TransientError
        A collector has just begun to remove it.
    """
    key = manifest_key(area_id, publication)
    try:
        seen = store.read(key)
    except KeyError:
        return None
    manifest = Manifest.from_json(key, seen.data)
    if not manifest.complete:
        return None
    if now - manifest.published_at < retention.grace / 2:
        return manifest
    again = dataclasses.replace(manifest, taken_up=now)
    if not store.put_if_match(key, again.to_json(), seen.etag, content_type=JSON):
        raise TransientError(f"{key}: is being collected; publish again")
    return again


def _complete(store: Store, area_id: str, publication: str) -> Manifest | None:
    """Manifest of a folder that was filled before: publishing was cut short, or turns back."""
    key = manifest_key(area_id, publication)
    try:
        manifest = Manifest.from_json(key, store.get(key))
    except KeyError:
        return None
    return manifest if manifest.complete else None


def _rows_before(store: Store, current: Pointer | None) -> list[Row]:
    """Rows of the current publication."""
    if current is None:
        return []
    return read_rows(store.get(current.folder + "counts.parquet"))


def _fill(
    upload: Upload,
    content: Content,
    now: dt.datetime,
    rows: Sequence[Row],
    current: Pointer | None,
) -> Manifest:
    """Write the evidence that is new, the folder, then the manifest that makes it count."""
    area, store = content.area.id, upload.store
    folder = folder_key(area, content.id)
    begun = Manifest(content.id, area, now, content.siding_set, content.detector, content.snapshot)
    upload.put(begun.key, begun.to_json(), JSON)
    upload.finish()
    before = None if current is None else _complete(store, area, current.publication)
    if before is not None:
        before = still_there(store, before)
    pictures = Pictures(evidence.frames(content), evidence.names(content))
    tree = cube.published_tree(content, pictures.frames, pictures.names)
    there = "" if before is None else folder_key(area, before.publication)
    stamps = {} if before is None else before.objects
    held = Held(before, lambda path: store.get(there + path))
    objects: dict[str, tuple[int, str]] = {}
    made = scene_parts(content, pictures, tree, held)
    for part in chain(made, parts(content, rows, pictures, tree, held)):
        if isinstance(part, Picture):
            upload.put(evidence_key(area, part.name), part.data, part.content_type, lasting=True)
            continue
        objects[part.path] = stamps[part.path] if isinstance(part, Same) else stamp(part.data)
        if objects[part.path] == stamps.get(part.path):
            upload.copy(there + part.path, folder + part.path)
        elif isinstance(part, Part):
            upload.put(folder + part.path, part.data, part.content_type, lasting=True)
    upload.finish()
    manifest = dataclasses.replace(
        begun,
        complete=True,
        scenes=len(content.listed),
        objects=dict(sorted(objects.items())),
        evidence=tuple(sorted(evidence.all_names(pictures.names.values()))),
        blocks={f"{CUBE}/{block.prefix}": block.digest for block in tree.blocks()}
        | items(content, pictures),
    )
    upload.put(manifest.key, manifest.to_json(), JSON)
    upload.finish()
    return manifest


def _switch(
    upload: Upload, content: Content, manifest: Manifest, seen: Stored | None, *, roots: bool
) -> None:
    """Replace the objects with fixed names, the pointer last and only if it is still the one seen.

    Raises
    ------
    TransientError
        Another publisher switched the pointer meanwhile; publishing again decides anew.
    """
    area, store = content.area.id, upload.store
    folder = folder_key(area, content.id)
    counts = store.get(folder + "counts.parquet")
    page = store.get(folder + "report/index.html").replace(ROOT_IN_FOLDER, ROOT_OF_AREA, 1)
    upload.put(f"areas/{area}/counts.parquet", counts, stac.PARQUET)
    upload.put(f"areas/{area}/report/index.html", page, HTML)
    upload.finish()
    if roots:
        show(store, {area: content.id})
    pointer = Pointer(
        area,
        content.id,
        manifest.published_at,
        content.siding_set,
        content.detector,
        content.snapshot,
    )
    key, data = pointer_key(area), pointer.to_json()
    switched = (
        store.put_if_absent(key, data, content_type=JSON)
        if seen is None
        else store.put_if_match(key, data, seen.etag, content_type=JSON)
    )
    if not switched:
        raise TransientError(f"{key}: another publisher was first; publish again")
