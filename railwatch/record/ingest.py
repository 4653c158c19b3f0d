"""Ingesting a batch of scenes: tickets out to workers, written forks back, one commit.

    batch = record.begin(footprints)
    written = [ticket.write(source) for ticket in batch.tickets(scenes)]    # here or on workers
    batch.commit(written)

A ticket carries a fork of the batch's session and can be pickled; the worker fetches, writes chunks
straight into the store and returns the fork, which weighs a few hundred bytes a scene. Nothing is
visible before the commit. A ticket that runs twice does no harm, because only what it returned
is merged.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Protocol

import icechunk
import numpy as np
import numpy.typing as npt

from railwatch.errors import QuotaError, SceneError, TransientError
from railwatch.grid import Grid
from railwatch.record import chunk, imagery, ledger
from railwatch.record.entry import (
    SceneEntry,
    Status,
    change_of,
    cube_path,
    key_of,
    rejected,
    standing,
)
from railwatch.record.footprint import Footprint
from railwatch.record.repository import BRANCH, TRIES, pause, stamp, translating
from railwatch.scene import NODATA, MaskClass, Rejection, Scene, SceneRaster
from railwatch.sources import Found

log = logging.getLogger(__name__)


class Fetches(Protocol):
    """The part of a `SceneSource` that ingesting needs."""

    def fetch(self, scene: Scene, grid: Grid, pieces: npt.NDArray[np.bool_]) -> SceneRaster:
        """Read the scene's pixels in `tiles` onto `grid`."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """What a ticket gave: the fork with its chunks, and a row for each scene that was settled."""

    fork: Any
    entries: tuple[SceneEntry, ...]
    postponed: tuple[tuple[str, str], ...] = ()
    """Scene id and reason, where trying again later may succeed."""
    quota: str | None = None
    """Why the account or budget allowed no more; scenes after that were not asked for."""


@dataclass(frozen=True, slots=True)
class _Job:
    scene: Scene
    footprint: Footprint
    slot: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """Scenes for one worker to fetch and write; can be pickled."""

    fork: Any
    jobs: tuple[_Job, ...]

    @property
    def scene_ids(self) -> tuple[str, ...]:
        """Ids of the scenes, in order."""
        return tuple(job.scene.id for job in self.jobs)

    def write(self, source: Fetches) -> Written:
        """Fetch every scene and write it; one that cannot be used becomes a rejection."""
        entries: list[SceneEntry] = []
        postponed: list[tuple[str, str]] = []
        quota = None
        writer = chunk.Writer(self.fork.store)
        for job in self.jobs:
            try:
                entries.append(_written(job, source, writer))
            except SceneError as exc:
                log.info("%s: rejected, %s: %s", job.scene.id, exc.reason, exc.detail)
                entries.append(_rejection(job, exc))
            except TransientError as exc:
                postponed.append((job.scene.id, str(exc)))
            except QuotaError as exc:
                quota = str(exc)
                break
        with translating(f"write {len(entries)} scenes"):
            writer.flush()
        return Written(self.fork, tuple(entries), tuple(postponed), quota)


@dataclass(frozen=True, slots=True)
class Base:
    """What a snapshot holds of what ingesting needs; kept from batch to batch of one writer."""

    snapshot: str
    rows: tuple[SceneEntry, ...] = ()
    in_use: Mapping[str, str] = field(default_factory=dict)
    """Digest of the footprint in use, by cube key."""
    free: Mapping[str, int] = field(default_factory=dict)
    """First slot nobody committed, by cube path; a path that is there has its arrays."""

    @classmethod
    def of(cls, session: Any, known: Base | None) -> Base:
        """Read it, unless the session stands on the snapshot that is `known`."""
        if known is not None and known.snapshot == session.snapshot_id:
            return known
        rows = ledger.read(session.store, known.rows if known else ())
        in_use = imagery.footprints_in_use(session.store)
        return cls(session.snapshot_id, rows, in_use, _free_slots(rows))

    def with_rows(
        self, snapshot: str, rows: Sequence[SceneEntry], in_use: Mapping[str, str]
    ) -> Base:
        """Return what the snapshot holds that adds `rows` to this one."""
        free = {**self.free}
        for path, slot in _free_slots(rows).items():
            free[path] = max(slot, free.get(path, 0))
        return Base(snapshot, (*self.rows, *rows), in_use, free)


@dataclass
class Batch:
    """One transaction of the ingest: see the module."""

    repository: Any
    footprints: Mapping[str, Footprint]
    """By cube key."""
    session: Any
    base: Base
    """Of the snapshot the session stands on; after the commit, of the new one."""
    taken: dict[str, int] = field(default_factory=dict)
    """Slots given out, by cube path."""

    def tickets(self, scenes: Sequence[Scene], *, scenes_each: int = 8) -> list[Ticket]:
        """Deal scenes out to workers, a few each.

        The cubes they go into are made first, in a commit of their own, since a session that has
        changes cannot be forked.
        """
        self._make_cubes(scenes)
        free = {**self.base.free, **self.taken}
        jobs = []
        for scene in scenes:
            footprint = self.footprints[scene.cube_key]
            path = cube_path(scene.cube_key, footprint.digest, scene.bands)
            slot = free.get(path, 0)
            self.taken[path] = free[path] = slot + 1
            jobs.append(_Job(scene, footprint, slot))
        return [
            Ticket(self.session.fork(), tuple(jobs[i : i + scenes_each]))
            for i in range(0, len(jobs), scenes_each)
        ]

    def commit(self, written: Iterable[Written], rejections: Iterable[Found] = ()) -> str:
        """Merge what workers wrote and commit it with its rows; return the snapshot's id.

        Rows that another writer committed meanwhile are left out, so each scene is there once.

        Raises
        ------
        TransientError
            Other writers were first every time.
        """
        given = list(written)
        now = dt.datetime.now(dt.UTC)
        entries = [entry for one in given for entry in one.entries]
        entries += [rejected(found, now) for found in rejections]
        message = f"ingest {len(entries)} items"
        with translating(message):
            if given:
                self.session.merge(*(one.fork for one in given))
            source = self.session
            for attempt in range(TRIES):
                fresh, in_use = self._append(source, entries)
                if not fresh and in_use == self.base.in_use:
                    return self.base.snapshot
                try:
                    snapshot = str(self.session.commit(message, stamp()))
                except icechunk.ConflictError:
                    log.info("%s: another writer was first, try %s", message, attempt + 2)
                else:
                    self.base = self.base.with_rows(snapshot, fresh, in_use)
                    return snapshot
                pause(attempt)
                self._begin_again()
        raise TransientError(f"{message}: other writers were first {TRIES} times")

    def _append(
        self, source: Any, entries: list[SceneEntry]
    ) -> tuple[list[SceneEntry], dict[str, str]]:
        """Put rows, and pixels that are still in `source`, into the session.

        Returns
        -------
        fresh
            The rows that are new.
        in_use
            Footprint in use by cube key, as it is now.
        """
        named = {entry.item_id for entry in entries}
        known = {key_of(row) for row in standing([r for r in self.base.rows if r.item_id in named])}
        fresh = []
        for entry in entries:
            if key_of(entry) not in known:
                known.add(key_of(entry))
                fresh.append(entry)
        if source is not self.session:
            free = {**self.base.free}
            fresh = _moved(source, self.session, fresh, free, self.footprints)
        in_use = {**self.base.in_use}
        for cube_key, footprint in self.footprints.items():
            digest = footprint.digest
            if in_use.get(cube_key) != digest and any(
                (row.cube_key, row.footprint) == (cube_key, digest) and row.slot >= 0
                for row in chain(self.base.rows, fresh)
            ):
                imagery.use_footprint(self.session.store, cube_key, digest)
                in_use[cube_key] = digest
        if fresh:
            ledger.append(self.session.store, fresh, len(self.base.rows))
        return fresh, in_use

    def _make_cubes(self, scenes: Sequence[Scene]) -> None:
        wanted = {(scene.cube_key, scene.bands) for scene in scenes}
        for attempt in range(TRIES):
            made = [
                imagery.ensure(self.session.store, key, self.footprints[key], bands)
                for key, bands in sorted(wanted)
                if cube_path(key, self.footprints[key].digest, bands) not in self.base.free
            ]
            if not any(made):
                return
            try:
                with translating("make cubes"):
                    self.session.commit("make cubes", stamp())
            except icechunk.ConflictError:
                pause(attempt)
            self._begin_again()
        raise TransientError(f"make cubes: other writers were first {TRIES} times")

    def _begin_again(self) -> None:
        """Go on from the newest snapshot."""
        self.session = self.repository.writable_session(BRANCH)
        self.base = Base.of(self.session, self.base)


def _moved(
    source: Any,
    target: Any,
    entries: list[SceneEntry],
    free: dict[str, int],
    footprints: Mapping[str, Footprint],
) -> list[SceneEntry]:
    """Copy pixels from a session that lost a race to new slots of the one that follows it."""
    moved = []
    for entry in entries:
        if entry.status is not Status.INGESTED:
            moved.append(entry)
            continue
        path = entry.cube_path
        slot = free.get(path, 0)
        free[path] = slot + 1
        slots = (entry.slot, slot)
        imagery.move(source.store, target.store, path, slots, footprints[entry.cube_key])
        moved.append(replace(entry, slot=slot))
    return moved


def _free_slots(rows: Iterable[SceneEntry]) -> dict[str, int]:
    """First slot nobody committed, by cube path."""
    free: dict[str, int] = {}
    for row in rows:
        if row.status is Status.INGESTED:
            path = row.cube_path
            free[path] = max(free.get(path, 0), row.slot + 1)
    return free


def _written(job: _Job, source: Fetches, writer: chunk.Writer) -> SceneEntry:
    """Fetch one scene, block by block where it is large, and hand its chunks to the writer."""
    scene, footprint = job.scene, job.footprint
    place = cube_path(scene.cube_key, footprint.digest, scene.bands), job.slot
    keys: list[str] = []
    crc, spent_pu = 0, 0.0
    empty: SceneError | None = None
    try:
        for corner, block in footprint.blocks(len(scene.bands)):
            raster, why = _block(scene, block, source)
            empty = empty or why
            chunks, crc = imagery.encoded(place, raster, block.tiles, corner, crc)
            spent_pu += raster.spent_pu
            keys += chunks
            with translating(scene.id):
                writer.add(chunks)
        if not keys:
            raise empty or SceneError(
                scene.id, Rejection.NODATA, "no band holds a measured pixel over the sidings"
            )
    except (SceneError, TransientError, QuotaError):
        # Its slot may be given to another scene, which must not find these tiles there.
        with translating(scene.id):
            writer.drop(keys)
        raise
    return SceneEntry(
        item_id=scene.id,
        status=Status.INGESTED,
        scene=scene,
        change=change_of(scene),
        cube_key=scene.cube_key,
        footprint=footprint.digest,
        slot=job.slot,
        checksum=f"{crc:08x}",
        spent_pu=spent_pu,
        recorded_at=dt.datetime.now(dt.UTC),
    )


def _block(
    scene: Scene, block: Footprint, source: Fetches
) -> tuple[SceneRaster, SceneError | None]:
    """Fetch a block and hold the source to its word; one that the scene does not reach is empty."""
    try:
        raster = source.fetch(scene, block.grid, block.pieces)
    except SceneError as exc:
        if exc.reason not in (Rejection.NODATA, Rejection.OUTSIDE_AREA):
            raise
        values = np.full((len(scene.bands), *block.grid.shape), NODATA, dtype=np.uint16)
        mask = np.full(block.grid.shape, MaskClass.NODATA, dtype=np.uint8)
        return SceneRaster(scene.bands, values, mask), exc
    if raster.bands != scene.bands or raster.mask.shape != block.grid.shape:
        raise SceneError(
            scene.id,
            Rejection.ASSET_UNREADABLE,
            f"the source gave {raster.bands} {raster.mask.shape}, "
            f"asked for {scene.bands} {block.grid.shape}",
        )
    return raster, None


def _rejection(job: _Job, exc: SceneError) -> SceneEntry:
    return SceneEntry(
        item_id=job.scene.id,
        status=Status.REJECTED,
        scene=job.scene,
        change=change_of(job.scene),
        cube_key=job.scene.cube_key,
        footprint=job.footprint.digest,
        rejection=exc.reason,
        detail=exc.detail,
        recorded_at=dt.datetime.now(dt.UTC),
    )
