"""Checking: is what is stored of an area what was written? Reads, changes nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from railwatch.area import Area
from railwatch.errors import IntegrityError
from railwatch.publication import current_pointer, history
from railwatch.record import Record, Status
from railwatch.store import Store
from tasks.policy import Limit, Retry, task
from tasks.progress import stage

_MEND = "; `railwatch verify --repair` makes it again"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written."""

    what: str
    problem: str


@task(retry=Retry.NETWORK, timeout_s=24 * 3600.0, limits=(Limit.RECORD,))
def check(area: Area, store: Store, *, pixels: bool) -> tuple[int, list[Problem]]:
    """Read an area's record and publication back; give the scenes read and what is wrong.

    Parameters
    ----------
    area
        Whose record and publication.
    store
        Where they are.
    pixels
        Whether each scene's pixels are read and compared with their checksums.
    """
    with Record.open(store, area.id) as record:
        entries = [e for e in record.entries() if e.status is Status.INGESTED]
        found: list[Problem] = []
        with stage("check", area.id, len(entries)) as opened:
            for entry in entries if pixels else ():
                try:
                    record.raster(entry.item_id)
                except IntegrityError as exc:
                    found.append(Problem(entry.item_id, str(exc)))
                opened.advance()
        found += _published(store, area, record)
    return len(entries), found


def _published(store: Store, area: Area, record: Record) -> list[Problem]:
    """Compare every object of the current publication with its manifest."""
    pointer = current_pointer(store, area.id)
    if pointer is None:
        return []
    found: list[Problem] = []
    try:
        record.at(pointer.snapshot)
    except KeyError:
        found.append(Problem(pointer.publication, f"rests on {pointer.snapshot}, which is gone"))
    manifest = next(
        (m for m in history(store, area.id) if m.publication == pointer.publication), None
    )
    if manifest is None or not manifest.complete:
        return [*found, Problem(pointer.publication, f"has no whole manifest{_MEND}")]
    for path, (size, sha256) in manifest.objects.items():
        try:
            data = store.get(pointer.folder + path)
        except KeyError:
            found.append(Problem(pointer.folder + path, f"is gone{_MEND}"))
            continue
        if len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
            found.append(Problem(pointer.folder + path, f"is not what was written{_MEND}"))
    return found
