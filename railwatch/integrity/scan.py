"""Scanning: everything of an area is read, and what is damaged, missing or foreign is named.

Nothing is changed but the inventory, to which objects that were seen whole for the first time are
added. Runs beside writers: what they are putting there is neither missing nor foreign.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from railwatch.errors import IntegrityError, StoreError
from railwatch.integrity import inventory, publications
from railwatch.integrity.keys import Kind, kind_of, prefixes
from railwatch.integrity.problem import Problem, Remedy, Verdict
from railwatch.record import Record
from railwatch.record.upkeep import Flaw, FlawKind
from railwatch.store import Store

READERS = 8
"""Objects read at once."""

INVENTORIED = frozenset({Kind.RECORD, Kind.EVIDENCE, Kind.MANIFEST, Kind.PUBLISHED})
"""Never changed once written."""

_REFERENCE = re.compile(rb'\{\s*"snapshot"\s*:\s*"([0-9A-HJKMNP-TV-Z]{20})"\s*\}')

_REMEDIES = {
    FlawKind.PIXELS: Remedy.FETCH,
    FlawKind.FINDINGS: Remedy.COUNT,
    FlawKind.STATE: Remedy.COUNT,
    FlawKind.LEDGER: Remedy.RESTORE,
    FlawKind.PAST: Remedy.FORGET,
}


@dataclass(frozen=True, slots=True)
class Report:
    """What a scan found of one area."""

    area_id: str
    objects: int
    """Objects read."""
    bytes: int
    scenes: int
    """Scenes whose pixels were read and compared."""
    publications: int
    """Publications whose every object was compared."""
    known: int
    """Objects that an earlier scan had seen whole."""
    problems: tuple[Problem, ...]


def areas_in(store: Store) -> tuple[str, ...]:
    """Ids of all areas a store holds anything of."""
    found = {key.split("/")[1] for top in ("records", "areas") for key in store.list(top)}
    return tuple(sorted(found))


def scan(store: Store, area_id: str, advance: Callable[[int], None] = lambda _: None) -> Report:
    """Read all of an area.

    Parameters
    ----------
    store
        Where it is; written to only to keep the inventory.
    area_id
        Which area.
    advance
        Called with the number of objects read since it was last called.

    Raises
    ------
    StoreError
        The store cannot be read, or holds nothing of that area.
    """
    sizes = {one.key: one.size for top in prefixes(area_id) for one in store.listed(top)}
    if not sizes:
        raise StoreError(
            f"{store.url}: holds nothing of area {area_id!r}: check the id and --store"
        )
    problems = [_foreign(key) for key in sizes if kind_of(key) is None]
    try:
        before = inventory.read(store, area_id)
    except IntegrityError as exc:
        before = {}
        key = inventory.inventory_key(area_id)
        problems.append(Problem(Verdict.DAMAGED, key, str(exc), Remedy.RESTORE))
    objects = dict(_read_all(store, [key for key in sizes if kind_of(key)], advance))
    problems += _against_inventory(store, before, objects)
    problems += _references(store, objects)
    flaws, scenes = _record_flaws(store, area_id, sizes)
    problems += [_of_flaw(area_id, flaw) for flaw in flaws]
    damaged = {one.key for one in problems if one.verdict is Verdict.DAMAGED}
    checked = publications.check(store, area_id, objects, damaged)
    problems += checked.problems
    if not any(one.verdict is not Verdict.FOREIGN for one in problems):
        seen = {key: digest for key, digest in objects.items() if kind_of(key) in INVENTORIED}
        if seen.items() - before.items() or before.keys() - seen.keys():
            inventory.write(store, area_id, seen)
    return Report(
        area_id,
        len(objects),
        sum(sizes[key] for key in objects),
        scenes,
        checked.whole,
        len(before.keys() & objects.keys()),
        tuple(problems),
    )


def scan_roots(store: Store) -> tuple[Problem, ...]:
    """Check what belongs to no area alone: the catalog, the page of all areas, stray objects.

    Raises
    ------
    StoreError
        The store cannot be read.
    """
    areas = set(areas_in(store))
    strays = [
        key for key in store.list() if kind_of(key) is None and not _is_scanned_with(key, areas)
    ]
    return (*map(_foreign, strays), *publications.check_roots(store))


def _is_scanned_with(key: str, areas: set[str]) -> bool:
    return any(key.startswith(f"{top}/") for area in areas for top in prefixes(area))


def _foreign(key: str) -> Problem:
    detail = "nothing of railwatch has such a name here"
    return Problem(Verdict.FOREIGN, key, detail, Remedy.LEAVE)


def _read_all(
    store: Store, keys: list[str], advance: Callable[[int], None]
) -> Iterator[tuple[str, str]]:
    """SHA-256 of each object; one that is gone meanwhile is left out."""

    def digest(key: str) -> str | None:
        try:
            return hashlib.sha256(store.get(key)).hexdigest()
        except KeyError:
            return None

    with ThreadPoolExecutor(READERS, thread_name_prefix="verify") as pool:
        for key, said in zip(keys, pool.map(digest, keys), strict=True):
            advance(1)
            if said is not None:
                yield key, said


def _against_inventory(
    store: Store, before: Mapping[str, str], objects: Mapping[str, str]
) -> Iterator[Problem]:
    """Compare with what was seen before; pictures and manifests may have been collected since."""
    for key, digest in before.items():
        if key in objects:
            if objects[key] != digest and not _being_removed(store, key):
                detail = "its bytes are not those seen before"
                yield Problem(Verdict.DAMAGED, key, detail, _remedy_of(key))
        elif kind_of(key) is Kind.RECORD:
            yield Problem(Verdict.MISSING, key, "it was there before", _remedy_of(key))


def _references(store: Store, objects: Mapping[str, str]) -> Iterator[Problem]:
    """Check that each branch and tag names a snapshot that is there."""
    for key in objects:
        if kind_of(key) is not Kind.REFERENCE or key.endswith(".deleted"):
            continue
        said = _REFERENCE.fullmatch(store.get(key))
        if said is None:
            yield Problem(Verdict.DAMAGED, key, "does not name a snapshot", Remedy.RESTORE)
            continue
        snapshot = f"{key.split('/refs/')[0]}/snapshots/{said[1].decode()}"
        if snapshot not in objects and not _is_there(store, snapshot):
            detail = f"names {snapshot}, which is not there"
            yield Problem(Verdict.DAMAGED, key, detail, Remedy.RESTORE)


def _is_there(store: Store, key: str) -> bool:
    """Whether there is an object, written since the listing perhaps."""
    try:
        store.size(key)
    except KeyError:
        return False
    return True


def _being_removed(store: Store, key: str) -> bool:
    """Whether a manifest says of itself that its publication is being collected."""
    return kind_of(key) is Kind.MANIFEST and publications.is_incomplete(store, key)


def _remedy_of(key: str) -> Remedy:
    """Choose what makes an object good, going by its name alone."""
    if kind_of(key) is not Kind.RECORD:
        return Remedy.PUBLISH
    return Remedy.FORGET if "/chunks/" in key or "/overwritten/" in key else Remedy.RESTORE


def _record_flaws(store: Store, area_id: str, sizes: Mapping[str, int]) -> tuple[list[Flaw], int]:
    """Flaws of the record, and how many scenes were read."""
    if not any(key.startswith(f"records/{area_id}/") for key in sizes):
        return [], 0
    read = 0

    def count(scenes: int) -> None:
        nonlocal read
        read += scenes

    try:
        with Record.open(store, area_id) as record:
            return list(record.upkeep().flaws(count)), read
    except (StoreError, IntegrityError) as exc:
        return [Flaw(FlawKind.LEDGER, f"records/{area_id}", str(exc))], read


def _of_flaw(area_id: str, flaw: Flaw) -> Problem:
    gone = "object not found" in flaw.problem or "missing" in flaw.problem
    verdict = Verdict.MISSING if gone else Verdict.DAMAGED
    place = flaw.name if flaw.kind is FlawKind.LEDGER else f"{flaw.kind} of {flaw.name}"
    key = place if place.startswith("records/") else f"records/{area_id}: {place}"
    return Problem(verdict, key, flaw.problem, _REMEDIES[flaw.kind], flaw)
