"""Publications against their manifests: every object of a folder, and what fixed names show."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from railwatch.errors import IntegrityError
from railwatch.integrity.keys import Kind, kind_of
from railwatch.integrity.problem import Problem, Remedy, Verdict
from railwatch.publication import stac
from railwatch.publication.history import Manifest
from railwatch.publication.pointer import (
    CATALOG,
    Pointer,
    current_pointer,
    evidence_key,
    folder_key,
    manifest_key,
    pointer_key,
)
from railwatch.publication.report import ROOT_IN_FOLDER, ROOT_OF_AREA, index_page
from railwatch.publication.roots import INDEX, summaries
from railwatch.sources.sentinel_hub.spool import whole as spooled_whole
from railwatch.store import Store

ROUND = dt.timedelta(days=1)
"""How long a round over all areas may take, at whose end the catalog is brought up to date."""

SETTLE_S = 1.0
"""After which fixed names are read again: a publisher may have been between two of them."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of checking an area's publications."""

    whole: int
    """Complete publications whose every object was compared."""
    problems: tuple[Problem, ...]


def check(
    store: Store, area_id: str, objects: Mapping[str, str], damaged: Collection[str]
) -> Checked:
    """Hold every publication against its manifest, and the fixed names against the current one.

    Parameters
    ----------
    objects
        SHA-256 by key of all that is there.
    damaged
        Keys known to be damaged: what such a manifest names proves nothing.
    """
    problems: list[Problem] = []
    manifests: dict[str, Manifest] = {}
    for key in (key for key in objects if kind_of(key) is Kind.MANIFEST):
        try:
            made = Manifest.from_json(key, store.get(key))
        except IntegrityError as exc:
            detail = str(exc).removeprefix(f"{key}: ")
            problems.append(Problem(Verdict.DAMAGED, key, detail, Remedy.PUBLISH))
            continue
        except KeyError:
            continue  # collected meanwhile
        if made.key == key:
            manifests[made.publication] = made
        else:
            detail = "names another publication"
            problems.append(Problem(Verdict.DAMAGED, key, detail, Remedy.PUBLISH))
    whole = [made for made in manifests.values() if made.complete]
    for made in whole:
        if made.key not in damaged:
            problems += _folder(made, objects)
    problems += _strays(area_id, manifests, objects, damaged)
    problems += _patiently(lambda: list(_fixed(store, area_id, manifests)))
    problems += _others(store, objects)
    return Checked(len(whole), tuple(problems))


def check_roots(store: Store) -> tuple[Problem, ...]:
    """Hold the catalog and the page of all areas against the areas' own publications."""
    return tuple(_patiently(lambda: list(_roots(store))))


def _roots(store: Store) -> Iterator[Problem]:
    said = _got(store, CATALOG)
    current = dict(pointed(store))
    if said is None:
        if current:
            yield Problem(Verdict.MISSING, CATALOG, "areas are published", Remedy.PUBLISH)
        return
    try:
        names = root_names(store, current | dict(_behind(store, current, said)))
    except (KeyError, ValueError, OSError):
        return  # an area's publication is damaged, which its own scan says
    for key, expected in names.items():
        if _got(store, key) != expected:
            detail = "is not what the areas' publications make of it"
            yield Problem(Verdict.DAMAGED, key, detail, Remedy.PUBLISH)


def _behind(store: Store, current: Mapping[str, str], catalog: bytes) -> Iterator[tuple[str, str]]:
    """Older publications that the catalog may lead to for a while: a round shows areas at its end.

    Only of areas that were published not long ago, and only such as are there whole.
    """
    try:
        shown = stac.children(catalog)
    except IntegrityError:
        return
    for area, publication in shown.items():
        pointer = None if current.get(area) == publication else current_pointer(store, area)
        if pointer is None or dt.datetime.now(dt.UTC) - pointer.published_at > ROUND:
            continue
        with contextlib.suppress(KeyError, IntegrityError):
            key = manifest_key(area, publication)
            if Manifest.from_json(key, store.get(key)).complete:
                yield area, publication


def pointed(store: Store) -> Iterator[tuple[str, str]]:
    """Publication of each area that has one whole."""
    for key in store.list("areas"):
        if kind_of(key) is Kind.POINTER:
            area = key.split("/")[1]
            try:
                publication = Pointer.from_json(key, store.get(key)).publication
            except (KeyError, IntegrityError):
                continue  # said of the area itself
            if _got(store, f"{folder_key(area, publication)}counts.parquet") is not None:
                yield area, publication


def root_names(store: Store, current: Mapping[str, str]) -> dict[str, bytes]:
    """Say what the objects of all areas must hold, by key."""
    areas = dict(sorted(current.items()))
    catalog = json.dumps(stac.catalog(areas), indent=1).encode()
    return {CATALOG: catalog, INDEX: index_page(summaries(store, areas))}


def is_incomplete(store: Store, key: str) -> bool:
    """Whether a manifest is one of a publication that is being written or removed."""
    try:
        return not Manifest.from_json(key, store.get(key)).complete
    except (KeyError, IntegrityError):
        return False


def _folder(made: Manifest, objects: Mapping[str, str]) -> Iterator[Problem]:
    """Compare one folder."""
    folder = folder_key(made.area_id, made.publication)
    for path, (_, sha256) in made.objects.items():
        key = folder + path
        if key not in objects:
            yield Problem(Verdict.MISSING, key, "its manifest names it", Remedy.PUBLISH)
        elif objects[key] != sha256:
            detail = "its digest is not the one in its manifest"
            yield Problem(Verdict.DAMAGED, key, detail, Remedy.PUBLISH)
    for name in made.evidence:
        key = evidence_key(made.area_id, name)
        if key not in objects:
            detail = f"publication {made.publication} refers to it"
            yield Problem(Verdict.MISSING, key, detail, Remedy.PUBLISH)


def _strays(
    area_id: str,
    manifests: Mapping[str, Manifest],
    objects: Mapping[str, str],
    damaged: Collection[str],
) -> Iterator[Problem]:
    """Objects in folders that no manifest names."""
    top = f"areas/{area_id}/publications/"
    for key in objects:
        if not key.startswith(top):
            continue
        publication, _, path = key.removeprefix(top).partition("/")
        made = manifests.get(publication)
        if manifest_key(area_id, publication) in damaged:
            continue
        if made is None:
            detail = "its folder has no manifest: nobody is sent there"
        elif made.complete and path not in made.objects:
            detail = "its publication's manifest does not name it"
        else:
            continue
        yield Problem(Verdict.FOREIGN, key, detail, Remedy.LEAVE)


def _patiently(find: Callable[[], list[Problem]]) -> list[Problem]:
    """Look twice before saying that something is wrong with names that publishers switch."""
    found = find()
    if found:
        time.sleep(SETTLE_S)
        found = find()
    return found


def _fixed(store: Store, area_id: str, manifests: Mapping[str, Manifest]) -> Iterator[Problem]:
    """Compare the pointer and what lies beside it with the publication that is current."""
    key = pointer_key(area_id)
    try:
        data = store.get(key)
    except KeyError:
        if any(made.complete for made in manifests.values()):
            yield Problem(Verdict.MISSING, key, "there are publications", Remedy.PUBLISH)
        return
    try:
        pointer = Pointer.from_json(key, data)
    except IntegrityError as exc:
        detail = str(exc).removeprefix(f"{key}: ")
        yield Problem(Verdict.DAMAGED, key, detail, Remedy.PUBLISH)
        return
    made = manifests.get(pointer.publication)
    if made is None or not made.complete:
        detail = f"publication {pointer.publication} is not there"
        yield Problem(Verdict.DAMAGED, key, detail, Remedy.PUBLISH)
        return
    rests_on = made.published_at, made.siding_set, made.detector, made.snapshot
    if Pointer(area_id, made.publication, *rests_on).to_json() != data:
        detail = "does not say what its publication's manifest says"
        yield Problem(Verdict.DAMAGED, key, detail, Remedy.PUBLISH)
    for name, expected in fixed_names(store, pointer).items():
        if expected is not None and expected != _got(store, name):
            detail = f"is not what publication {pointer.publication} holds"
            yield Problem(Verdict.DAMAGED, name, detail, Remedy.PUBLISH)


def fixed_names(store: Store, pointer: Pointer) -> dict[str, bytes | None]:
    """Say what fixed names must hold, by key; None where the publication itself lacks it."""
    area = pointer.area_id
    counts = _got(store, f"{pointer.folder}counts.parquet")
    page = _got(store, f"{pointer.folder}report/index.html")
    if page is not None:
        page = page.replace(ROOT_IN_FOLDER, ROOT_OF_AREA, 1)
    return {f"areas/{area}/counts.parquet": counts, f"areas/{area}/report/index.html": page}


def _got(store: Store, key: str) -> bytes | None:
    try:
        return store.get(key)
    except KeyError:
        return None


def _others(store: Store, objects: Mapping[str, str]) -> Iterator[Problem]:
    """Hold paid answers, kept state and reference counts against their own digests."""
    from railwatch.record import parcel
    from railwatch.series.reference import read_references

    areas = set()
    for key in objects:
        if kind_of(key) is Kind.STATE and not parcel.whole(_got(store, key) or b""):
            detail = "kept state whose checksum does not fit: it is made again"
            yield Problem(Verdict.DAMAGED, key, detail, Remedy.COUNT)
        if kind_of(key) is Kind.SPOOL and not spooled_whole(_got(store, key) or b""):
            detail = "a paid answer whose digest does not fit"
            yield Problem(Verdict.DAMAGED, key, detail, Remedy.FETCH)
        elif kind_of(key) is Kind.COUNTED_BY_EYE:
            areas.add(key.split("/")[1])
    for area in areas:
        try:
            read_references(store, area)
        except IntegrityError as exc:
            key = f"areas-config/{area}/references"
            yield Problem(Verdict.DAMAGED, key, str(exc), Remedy.RESTORE)
