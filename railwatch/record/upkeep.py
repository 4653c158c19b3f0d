"""Looking after a record: what in it is damaged, putting that aside, removing leftovers.

Everything a reader could ask of today's state is read once here, with all its checksums. What is
damaged and can be made again is taken out, so that the next run makes it: findings and state are
computed from pixels, pixels are fetched from the archive they came from.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import zarr

from railwatch.errors import IntegrityError, StoreError
from railwatch.record import evidence, findings, imagery, ledger, wording
from railwatch.record.entry import SceneEntry, Status, key_of, standing
from railwatch.record.repository import transact, translating
from railwatch.record.state import States

LEAST_AGE = dt.timedelta(days=1)
"""Objects younger than this may belong to a transaction that is under way; an ingest commits every
few minutes, so a day is a hundred times what it needs."""

EVIDENCE_AT_ONCE = 32


class FlawKind(enum.StrEnum):
    """What is damaged, which decides how it is made good."""

    PIXELS = "pixels"
    """Of one scene: fetched again."""
    FINDINGS = "findings"
    """Of one detector and siding set: counted again."""
    STATE = "state"
    """Saved work: computed again."""
    LEDGER = "ledger"
    """The list of what there is: only a backup has it."""
    PAST = "past"
    """A state that publications cite, not today's."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One part of the record that is not what was written."""

    kind: FlawKind
    name: str
    """Scene id, or path in the repository."""
    problem: str
    row: SceneEntry | None = None
    """Whose pixels they are."""


class Upkeep:
    """The upkeep of one record, as it was when it was opened or refreshed."""

    def __init__(
        self,
        repository: Any,
        store: Any,
        rows: Callable[[], tuple[SceneEntry, ...]],
        writer: Callable[[], Any],
        states: States,
    ) -> None:
        self._repository = repository
        self._states = states
        self._store = store
        self._rows = rows
        self._writer = writer

    def flaws(self, advance: Callable[[int], None] = lambda _: None) -> Iterator[Flaw]:
        """Read everything and name what is damaged.

        Parameters
        ----------
        advance
            Called with the number of scenes read since it was last called.
        """
        try:
            rows = self._rows()
        except (StoreError, IntegrityError) as exc:
            yield Flaw(FlawKind.LEDGER, ledger.PATH, str(exc))
            return
        for row in standing(rows):
            if row.slot >= 0 and (problem := self._tried(row.item_id, _pixels, row)):
                yield Flaw(FlawKind.PIXELS, row.item_id, problem, row)
            advance(1)
        for path in self._groups("detections", 2):
            if problem := self._tried(path, _findings, path):
                yield Flaw(FlawKind.FINDINGS, path, problem)
        for name in self._states.damaged():
            yield Flaw(FlawKind.STATE, name, f"state {name} is not what was written")
        with translating("tags"):
            tags = sorted(self._repository.list_tags())
        for tag in tags:
            if problem := self._tried(tag, self._past, tag):
                yield Flaw(FlawKind.PAST, tag, problem)

    def quarantine(self, flawed: Sequence[Flaw]) -> str:
        """Take damaged scenes, findings and states out of today's state, in one transaction.

        Scenes are then as if never ingested, except that the ledger says what became of them.
        Returns the snapshot's id.
        """
        now = dt.datetime.now(dt.UTC)
        rows = [
            replace(one.row, status=Status.QUARANTINED, detail=one.problem[:300], recorded_at=now)
            for one in flawed
            if one.row is not None
        ]
        groups = [one.name for one in flawed if one.kind is FlawKind.FINDINGS]
        for one in flawed:
            if one.kind is FlawKind.STATE:
                self._states.drop(one.name)

        def change(session: Any) -> bool:
            committed = ledger.read(session.store)
            known = {key_of(row) for row in committed}
            fresh = [row for row in rows if key_of(row) not in known]
            if fresh:
                ledger.append(session.store, fresh, len(committed))
            root = zarr.open_group(session.store, mode="a")
            there = [path for path in groups if path in root]
            for path in there:
                del root[path]
            return bool(fresh or there)

        return transact(self._writer(), f"quarantine {len(rows) + len(groups)} parts", change)

    def collect(self, older_than: dt.datetime) -> int:
        """Remove objects that no branch or tag leads to, left by runs that were cut short.

        Returns how many. Whatever a writer has put there since `older_than` stays, whether it has
        been committed or not.

        Raises
        ------
        ValueError
            `older_than` is younger than `LEAST_AGE`.
        """
        if dt.datetime.now(dt.UTC) - older_than < LEAST_AGE - dt.timedelta(minutes=1):
            raise ValueError(f"objects younger than {LEAST_AGE} may be a writer's: {older_than}")
        with translating("collect"):
            done = self._writer().garbage_collect(older_than)
        counted = ("chunks", "manifests", "snapshots", "transaction_logs")
        return sum(int(getattr(done, f"{name}_deleted", 0)) for name in counted)

    def _tried(self, what: str, read: Callable[[Any, Any], object], argument: object) -> str:
        """Read something; what is wrong with it, or nothing."""
        try:
            with translating(what):
                read(self._store, argument)
        except (StoreError, IntegrityError) as exc:
            return str(exc)
        return ""

    def _groups(self, top: str, depth: int) -> list[str]:
        """Paths of groups so many levels below a group."""
        with translating(top):
            root = zarr.open_group(self._store, mode="r")
            paths = [top] if top in root else []
            for _ in range(depth):
                paths = [f"{p}/{name}" for p in paths for name in sorted(root[p].group_keys())]  # type: ignore[union-attr]  # groups, as their parents say
        return paths

    def _past(self, _: Any, tag: str) -> None:
        """Read the ledger of a state that has a tag."""
        ledger.read(self._repository.readonly_session(tag=tag).store)


def _pixels(store: Any, row: SceneEntry) -> None:
    imagery.read(store, row, imagery.footprint(store, row.cube_key, row.footprint))


def _findings(store: Any, path: str) -> None:
    """Read all findings of one detector, and hold each row against the scene it stands for."""
    found = findings.index(store, path)
    for name, said in (("counts", wording.counts_from_json), ("cars", wording.cars_from_json)):
        rows = findings.column(store, path, name)
        for scene_id, one in found.items():
            for value in said(str(rows[one.slot])):
                if getattr(value, "scene_id", scene_id) != scene_id:
                    raise IntegrityError(f"{path}/{name}: the row of {scene_id} is another's")
    for kind in ("occupancy", "strips"):
        places: dict[str, list[int]] = {}
        for one in found.values():
            if (place := getattr(one, kind)) is not None:
                places.setdefault(place, []).append(one.slot)
        for place, slots in places.items():
            _evidence(store, place, slots)


def _evidence(store: Any, place: str, slots: Sequence[int]) -> None:
    for few in _cut(slots, EVIDENCE_AT_ONCE):
        missing = set(few) - set(evidence.read(store, place, few))
        if missing:
            raise IntegrityError(f"{place}: rows {sorted(missing)} are missing")


def _cut(items: Sequence[int], size: int) -> Iterable[Sequence[int]]:
    return (items[i : i + size] for i in range(0, len(items), size))
