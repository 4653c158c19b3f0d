"""Mending: what can be made again is made or left to the next run, what cannot is put aside.

The order is that of trust: the record first, because publications are made from it. Damaged bytes
are moved below `quarantine/`, where nobody reads them, never thrown away.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from railwatch.errors import IntegrityError, StoreError
from railwatch.integrity import inventory
from railwatch.integrity.keys import Kind, kind_of
from railwatch.integrity.problem import Problem, Remedy, Verdict
from railwatch.integrity.publications import fixed_names, pointed, root_names
from railwatch.integrity.scan import Report
from railwatch.publication import publish
from railwatch.publication.edition import HTML, JSON
from railwatch.publication.history import Manifest, publishing
from railwatch.publication.parquet import Row, read_rows
from railwatch.publication.pointer import (
    Pointer,
    current_pointer,
    folder_key,
    manifest_key,
    pointer_key,
)
from railwatch.publication.stac import PARQUET
from railwatch.record import Record
from railwatch.record.upkeep import LEAST_AGE
from railwatch.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mended:
    """What was done about the problems of an area."""

    fetched_again: tuple[str, ...]
    """Scenes the next run fetches."""
    counted_again: tuple[str, ...]
    """Parts the next run computes."""
    published_again: tuple[str, ...]
    """Objects that were made again, and fixed names."""
    quarantined: tuple[str, ...]
    """Objects that were moved below `quarantine/`."""
    left: tuple[Problem, ...]
    """What only a person can mend."""


def mend(store: Store, area_id: str, area: str | None, report: Report, now: dt.datetime) -> Mended:
    """Do what can be done about a report's problems.

    Parameters
    ----------
    area_id
        Which area.
    area
        Its YAML file or id, where the person named it; needed only to publish again.
    report
        What a scan found.
    now
        Time of publication, UTC.

    Raises
    ------
    StoreError
        The store cannot be written, or somebody else is writing this area.
    """
    by_remedy: dict[Remedy, list[Problem]] = {}
    for one in report.problems:
        by_remedy.setdefault(one.remedy, []).append(one)
    left = by_remedy.get(Remedy.RESTORE, []) + by_remedy.get(Remedy.LEAVE, [])
    flaws = [
        one.flaw
        for remedy in (Remedy.FETCH, Remedy.COUNT)
        for one in by_remedy.get(remedy, [])
        if one.flaw is not None
    ]
    damaged_record = any(one.remedy is Remedy.RESTORE for one in left)
    if flaws and not damaged_record:
        with Record.open(store, area_id, write=True) as record:
            record.upkeep().quarantine(flaws)
    objects = [
        one
        for one in report.problems
        if one.verdict is Verdict.DAMAGED
        and kind_of(one.key) in (Kind.RECORD, Kind.SPOOL, Kind.STATE)
    ]
    aside = _put_aside(store, [one.key for one in objects if one.remedy is not Remedy.RESTORE])
    again: tuple[str, ...] = ()
    published = by_remedy.get(Remedy.PUBLISH, [])
    if published and not damaged_record:
        again, moved = _publish_again(store, area_id, area, published, now)
        aside += moved
    if flaws or published:
        store.delete(f"records/{area_id}/settled.json")  # or the next run would find nothing to do
    _forget(store, area_id, [one.key for one in report.problems if one not in left])
    return Mended(
        tuple(sorted({f.row.item_id for f in flaws if f.row is not None})),
        tuple(f.name for f in flaws if f.row is None),
        again,
        aside,
        tuple(left),
    )


def collect(store: Store, area_id: str, now: dt.datetime) -> int:
    """Remove what runs that were cut short left in the record; returns the objects removed.

    What is younger than a day stays, for it may be a writer's.

    Raises
    ------
    StoreError
        The store cannot be written or has no record of this area, or somebody else is writing it.
    """
    if not any(True for _ in store.list(f"records/{area_id}")):
        # Opened for writing, it would be begun: of a mistyped id, say.
        raise StoreError(
            f"{store.url}: has no record of area {area_id!r}: check the id and --store"
        )
    with Record.open(store, area_id, write=True) as record:
        removed = record.upkeep().collect(now - LEAST_AGE)
    there = set(store.list(f"records/{area_id}"))
    seen = inventory.read(store, area_id)
    kept = {k: d for k, d in seen.items() if kind_of(k) is not Kind.RECORD or k in there}
    inventory.write(store, area_id, kept)
    return removed


def _put_aside(store: Store, keys: Iterable[str]) -> tuple[str, ...]:
    """Move objects below `quarantine/`."""
    moved = []
    for key in sorted(set(keys)):
        try:
            data = store.get(key)
        except KeyError:
            continue
        store.put(f"quarantine/{hashlib.sha256(data).hexdigest()[:12]}/{key}", data)
        store.delete(key)
        moved.append(key)
    return tuple(moved)


def _publish_again(
    store: Store, area_id: str, area: str | None, problems: list[Problem], now: dt.datetime
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Put back what has a good copy; take damaged publications out; publish if readers need one.

    A folder is immutable and named by what it holds, so a damaged one is not patched: it is taken
    out of the history, and the current state is published under the same name, whole.
    """
    keys = {one.key for one in problems}
    spoilt = _spoilt(store, area_id, keys)
    current = _pointer(store, area_id)
    known = None
    if current is None or current.publication in spoilt:
        from railwatch.integrity.derive import area_of

        known = area_of(store, area or area_id)  # before anything is taken away
    with store.lock(publishing(area_id)):
        rows = _good_rows(store, area_id, current, keys)
        moved = _put_aside(store, (k for k in keys if kind_of(k) is not Kind.POINTER))
        for publication in spoilt:
            _take_out(store, area_id, publication)
        if known is None and current is not None:
            made = Manifest.from_json("", store.get(manifest_key(area_id, current.publication)))
            rests_on = made.published_at, made.siding_set, made.detector, made.snapshot
            data = Pointer(area_id, made.publication, *rests_on).to_json()
            store.put(pointer_key(area_id), data, content_type=JSON)
            for key, fixed in fixed_names(store, current).items():
                if key in keys and fixed is not None:
                    kind = PARQUET if key.endswith(".parquet") else HTML
                    store.put(key, fixed, content_type=kind)
            return tuple(sorted(keys)), moved
        store.delete(pointer_key(area_id))
    if known is None:
        return (), moved
    with Record.open(store, area_id) as record:
        from railwatch.detector.fingerprint import detector_fingerprint

        first = now if current is None else current.published_at
        maker = detector_fingerprint()
        done = publish(store, record, known, detector=maker, now=first, previous=rows)
    log.info("%s: published %s again", area_id, done.id)
    return tuple(sorted(keys)), moved


def _good_rows(store: Store, area_id: str, current: Pointer | None, damaged: set[str]) -> list[Row]:
    """Read the rows that were published, from whichever copy is whole: they hold their times."""
    copies = [f"areas/{area_id}/counts.parquet"]
    if current is not None:
        copies.insert(0, f"{current.folder}counts.parquet")
    for key in copies:
        if key not in damaged:
            with contextlib.suppress(KeyError):
                return read_rows(store.get(key))
    return []


def mend_roots(store: Store, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Write the objects of all areas again; returns what only a person can mend."""
    left = [one for one in problems if one.remedy is not Remedy.PUBLISH]
    if len(left) < len(tuple(problems)):
        for key, data in root_names(store, dict(pointed(store))).items():
            store.put(key, data, content_type=JSON if key.endswith(".json") else HTML)
    return tuple(left)


def _spoilt(store: Store, area_id: str, keys: set[str]) -> set[str]:
    """Name the publications that refer to any of the objects."""
    spoilt = set()
    for key in store.list(f"areas/{area_id}/history"):
        publication = key.rsplit("/", 1)[1].removesuffix(".json")
        folder = folder_key(area_id, publication)
        if key in keys or any(one.startswith(folder) for one in keys):
            spoilt.add(publication)
            continue
        named = Manifest.from_json(key, store.get(key)).evidence
        if any(f"areas/{area_id}/evidence/{name}" in keys for name in named):
            spoilt.add(publication)
    return spoilt


def _take_out(store: Store, area_id: str, publication: str) -> None:
    """Make a publication incomplete: readers are never sent there, and the collector removes it."""
    key = manifest_key(area_id, publication)
    try:
        made = Manifest.from_json(key, store.get(key))
    except (KeyError, IntegrityError):
        store.delete(key)
        return
    store.put(key, dataclasses.replace(made, complete=False).to_json(), content_type=JSON)


def _pointer(store: Store, area_id: str) -> Pointer | None:
    """Read the pointer; a damaged one leads nowhere, as none does."""
    try:
        return current_pointer(store, area_id)
    except IntegrityError:
        return None


def _forget(store: Store, area_id: str, keys: Iterable[str]) -> None:
    """Take what was dealt with out of the inventory: the next scan sees it anew."""
    try:
        seen: Mapping[str, str] = inventory.read(store, area_id)
    except IntegrityError:
        seen = {}
    dealt_with = set(keys)
    kept = {
        key: digest
        for key, digest in seen.items()
        if key not in dealt_with and kind_of(key) is not Kind.MANIFEST  # they may be new ones
    }
    inventory.write(store, area_id, kept)
