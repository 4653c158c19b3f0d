"""The record of truth of one area: what was listed, the pixels, and what was made of them.

One Icechunk repository an area at `{store}/records/{area}`, which only this package knows the
layout of. Every change is one transaction. Readers see the snapshot of the moment they opened or
refreshed; they take no lock.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from railwatch.count import Car, Count
from railwatch.detection import Detection, Occupancy, Registration, Sighting, Strip
from railwatch.errors import IntegrityError, StoreError
from railwatch.grid import Grid
from railwatch.record import evidence, findings, imagery, layout, ledger, wording
from railwatch.record.entry import SceneEntry, Status, change_of, key_of, resolve, standing
from railwatch.record.footprint import Footprint
from railwatch.record.ingest import Base, Batch
from railwatch.record.repository import BRANCH, open_repository, tag, transact, translating
from railwatch.record.state import States
from railwatch.record.upkeep import Upkeep
from railwatch.scene import Scene, SceneRaster
from railwatch.sources import Found
from railwatch.store import Store

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, slots=True)
class Plan:
    """What an archive's answer adds to the record."""

    scenes: tuple[Scene, ...]
    """To be fetched, in the order found."""
    rejections: tuple[Found, ...]
    """Items that cannot become scenes and are not known yet."""
    switched: tuple[str, ...]
    """Cube keys whose footprint in use is another one."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.scenes or self.rejections or self.switched)


REOPEN_EVERY = 256
"""Looks at the newest snapshot after which the repository is opened anew. It keeps every snapshot
it met, up to half a million nodes (13 MB a thousand commits), none of which is read again."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """A scene with its pixels, fetched already."""

    scene: Scene
    footprint: Footprint
    raster: SceneRaster


class Record:
    """The record of one area, opened for reading or as a writer; a context manager."""

    def __init__(self, store: Store, area_id: str, *, write: bool) -> None:
        self.area_id = area_id
        self.writable = write
        self._store = store
        self._prefix = f"records/{store.checked(area_id)}"
        self._held = contextlib.ExitStack()
        self._repository: Any = None
        self._session: Any = None
        self._laid_out = False
        self._looks = 0
        self._seen: tuple[SceneEntry, ...] = ()
        self._footprints: dict[tuple[str, str], Footprint] = {}
        """By cube key and digest; a footprint never changes."""
        self._indices: dict[str, dict[str, findings.Finding]] = {}
        """Findings of the snapshot that is read, by path."""
        self._batch: Batch | None = None

    @classmethod
    def open(cls, store: Store, area_id: str, *, write: bool = False) -> Record:
        """Open an area's record; for writing, as the folder's only writer.

        A record that does not exist is created by a writer and empty to a reader.

        Raises
        ------
        StoreError
            The store cannot be read or written, keeps no conditions, or another writer holds it.
        """
        record = cls(store, area_id, write=write)
        try:
            if write:
                record._held.enter_context(store.lock(record._prefix))
            record._repository = open_repository(store, record._prefix, create=write)
            if write:
                transact(record._repository, "make the ledger", layout.make)
            record.refresh()
        except BaseException:
            record.close()
            raise
        return record

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Record({self._store.url!r}, {self.area_id!r})"

    @property
    def states(self) -> States:
        """What saves work and can be made again."""
        return States(self._store, self.area_id)

    @property
    def store(self) -> Store:
        """The store it lies in."""
        return self._store

    def close(self) -> None:
        """Let go of the writer's lock."""
        self._held.close()

    def refresh(self) -> None:
        """See what was committed since."""
        self._session = None
        for name in ("_rows", "_entries", "_footprints_in_use"):
            self.__dict__.pop(name, None)
        self._indices.clear()
        self._looks += 1
        if self._repository is not None and self._looks % REOPEN_EVERY == 0:
            self._repository = open_repository(self._store, self._prefix, create=False)
        if self._repository is not None:
            with translating(self._prefix):
                session = self._repository.readonly_session(BRANCH)
                if self._laid_out or layout.check(
                    session.store, f"{self._store.url}/{self._prefix}"
                ):
                    self._laid_out, self._session = True, session

    # What was listed

    def entries(self) -> tuple[SceneEntry, ...]:
        """All items ever listed, one entry each, ordered by (acquired, id)."""
        return self._entries

    def plan(self, found: Iterable[Found], footprints: Mapping[str, Footprint]) -> Plan:
        """Say what of an archive's answer is not in the record yet; changes nothing.

        Parameters
        ----------
        found
            What a search gave.
        footprints
            Footprint wanted, by `Scene.cube_key`; every key found must be there.
        """
        known = {key_of(row) for row in standing(self._rows)}
        scenes: list[Scene] = []
        rejections: list[Found] = []
        for item in found:
            if item.scene is None:
                if (item.item_id, change_of(item)) not in known:
                    rejections.append(item)
                continue
            scene, digest = item.scene, footprints[item.scene.cube_key].digest
            tried = {(scene.id, scene.digest, digest), (scene.id, change_of(scene), digest)}
            if not tried & known:
                scenes.append(scene)
        filled = {(row.cube_key, row.footprint) for row in self._rows if row.slot >= 0}
        switched = tuple(
            key
            for key, footprint in footprints.items()
            if (key, footprint.digest) in filled
            and self._footprints_in_use.get(key) != footprint.digest
        )
        return Plan(tuple(scenes), tuple(rejections), switched)

    # Ingest

    def begin(self, footprints: Mapping[str, Footprint]) -> Batch:
        """Begin a transaction of the ingest; `footprints` by cube key become the ones in use."""
        repository = self._writer()
        session = repository.writable_session(BRANCH)
        before = self._batch.base if self._batch is not None else None
        self._batch = Batch(repository, footprints, session, Base.of(session, before))
        self._seen = self._batch.base.rows
        return self._batch

    def add(self, batch: Sequence[Ingested | Found]) -> str:
        """Put fetched scenes and rejections into the record in one transaction.

        Adding the same scene again (id and digest) changes nothing. Returns the snapshot's id.
        """
        held = {item.scene.id: item for item in batch if isinstance(item, Ingested)}
        footprints = {item.scene.cube_key: item.footprint for item in held.values()}
        opened = self.begin(footprints)
        plan = self.plan((Found(i, item.scene) for i, item in held.items()), footprints)
        tickets = opened.tickets(plan.scenes, scenes_each=max(1, len(plan.scenes)))
        written = [ticket.write(_Held(held)) for ticket in tickets]
        snapshot = opened.commit(written, [item for item in batch if isinstance(item, Found)])
        self.refresh()
        return snapshot

    # Pixels

    def footprint(self, cube_key: str) -> Footprint:
        """Return the footprint in use of a cube.

        Raises
        ------
        KeyError
            There is no such cube.
        """
        return imagery.footprint(self._reader(), cube_key, self._footprints_in_use[cube_key])

    def raster(self, scene: str | SceneEntry) -> tuple[Grid, SceneRaster]:
        """Return a scene's pixels and the grid they lie on.

        Parameters
        ----------
        scene
            Its id, or its entry: then the ledger of all scenes need not be read.

        Raises
        ------
        KeyError
            No such scene was ingested.
        IntegrityError
            The stored pixels are not what was written.
        """
        entry = scene if isinstance(scene, SceneEntry) else self._entry(scene)
        place = (entry.cube_key, entry.footprint)
        with translating(entry.item_id):
            if place not in self._footprints:
                self._footprints[place] = imagery.footprint(self._reader(), *place)
            footprint = self._footprints[place]
            return footprint.grid, imagery.read(self._reader(), entry, footprint)

    def _entry(self, scene_id: str) -> SceneEntry:
        """Find the entry of a scene with pixels; `KeyError` if there is none."""
        for entry in self.entries():
            if entry.item_id == scene_id and entry.status is not Status.REJECTED:
                return entry
        raise KeyError(scene_id)

    def cube(self, cube_key: str) -> xr.Dataset:
        """Return the scenes of a cube that count, ordered by time; pixels are read when needed.

        Returns
        -------
        xarray.Dataset
            `values` (time, band, y, x) uint16, reflectance x 10000, 65535 no data; `mask`
            (time, y, x) uint8, a `MaskClass` each; coordinates `scene`, metres `x` and `y`.

        Raises
        ------
        KeyError
            There is no such cube.
        """
        from railwatch.record.cube import dataset

        entries = [
            entry
            for entry in self.entries()
            if entry.status is Status.INGESTED and entry.cube_key == cube_key
        ]
        return dataset(self._reader(), entries, self.footprint(cube_key))

    def state_digest(self, siding_set: str) -> str:
        """Digest of all that counts rest on: the scenes that count, in order, and the siding set.

        A function of the set of scenes in the record, never of batches or the order of arrival.
        """
        said = [
            [entry.item_id, entry.scene.digest, entry.footprint, entry.checksum]
            for entry in self.entries()
            if entry.status is Status.INGESTED and entry.scene is not None
        ]
        return hashlib.sha256(json.dumps([siding_set, said]).encode()).hexdigest()[:16]

    def tag_state(self, siding_set: str) -> str:
        """Tag the newest snapshot with the state digest it holds; return the digest.

        Publications cite the digest, and `at` finds the snapshot by it. A digest is tagged once.
        """
        self.refresh()
        return self._tag(siding_set)

    def _tag(self, siding_set: str) -> str:
        """Tag the snapshot that is read."""
        digest = self.state_digest(siding_set)
        repository = self._writer()
        with translating(f"tag {digest}"):
            if digest not in repository.list_tags():
                tag(repository, digest, self._session.snapshot_id)
        return digest

    def at(self, state_digest: str) -> Record:
        """Return the record as it was at a tagged state, for reading.

        Raises
        ------
        KeyError
            No snapshot has that tag.
        """
        past = Record(self._store, self.area_id, write=False)
        past._repository = self._repository
        if self._repository is None or state_digest not in self._repository.list_tags():
            raise KeyError(state_digest)
        past._session = self._repository.readonly_session(tag=state_digest)
        return past

    # What was made of the scenes

    def put_detections(
        self,
        siding_set: str,
        detector: str,
        detections: Sequence[Detection],
    ) -> str:
        """Write what a detector found in one transaction.

        Scenes that were counted before are written over. When every scene that counts has its
        findings, the snapshot is tagged with the state digest. Returns the snapshot's id.
        """
        path = findings.path_of(siding_set, detector)

        def change(session: Any) -> bool:
            if detections:
                findings.write(session.store, path, detections)
            return bool(detections)

        snapshot = transact(self._writer(), f"detect {len(detections)} scenes", change)
        self.refresh()
        counted = self._findings(siding_set, detector)
        if all(e.item_id in counted for e in self.entries() if e.status is Status.INGESTED):
            self._tag(siding_set)
        return snapshot

    def counts(self, siding_set: str, detector: str) -> list[Count]:
        """Return the counts of all scenes that count, ordered by (acquired, scene id)."""
        rows = self._column(siding_set, detector, "counts")
        return [count for row in rows.values() for count in wording.counts_from_json(row)]

    def cars(self, siding_set: str, detector: str) -> dict[str, tuple[Car, ...]]:
        """Return single cars by scene id, ordered as `counts`."""
        rows = self._column(siding_set, detector, "cars")
        return {scene_id: wording.cars_from_json(row) for scene_id, row in rows.items()}

    def registrations(self, siding_set: str, detector: str) -> dict[str, Registration | None]:
        """Return the shift of each scene by scene id, ordered as `counts`."""
        return {
            scene_id: None if found.registration is None else Registration(**found.registration)
            for scene_id, found in self._findings(siding_set, detector).items()
        }

    def inputs(self, siding_set: str, detector: str) -> dict[str, str]:
        """Return the digest of what each scene's findings rest on, by scene id."""
        return {i: f.inputs for i, f in self._findings(siding_set, detector).items()}

    def sightings(self, siding_set: str, detector: str) -> dict[str, Sighting]:
        """Return how scenes looked on their own, by scene id, of those it was kept of."""
        found = self._findings(siding_set, detector)
        return {i: f.sighting for i, f in found.items() if f.sighting is not None}

    def occupancy(
        self, siding_set: str, detector: str, scene_ids: Sequence[str] | None = None
    ) -> dict[str, tuple[Occupancy, ...]]:
        """Return occupancies by scene id, of the scenes given or all that have any."""
        found = self._findings(siding_set, detector)
        return {
            scene_id: evidence.unpacked_occupancy(packed)
            for scene_id, packed in self._evidence(
                {i: (f.occupancy, f.slot) for i, f in found.items() if f.occupancy}, scene_ids
            )
        }

    def strips(
        self, siding_set: str, detector: str, scene_ids: Sequence[str] | None = None
    ) -> dict[str, tuple[Strip, ...]]:
        """Return strips by scene id, of the scenes given or all that have any."""
        found = self._findings(siding_set, detector)
        return {
            scene_id: evidence.unpacked_strips(packed)
            for scene_id, packed in self._evidence(
                {i: (f.strips, f.slot) for i, f in found.items() if f.strips}, scene_ids
            )
        }

    def upkeep(self) -> Upkeep:
        """Look after what is stored: find what is damaged, put it aside, remove leftovers."""
        return Upkeep(
            self._repository, self._reader(), lambda: self._rows, self._writer, self.states
        )

    # Inside

    @cached_property
    def _rows(self) -> tuple[SceneEntry, ...]:
        if self._session is None:
            return ()
        with translating(self._prefix):
            self._seen = ledger.read(self._session.store, self._seen)
        return self._seen

    @cached_property
    def _entries(self) -> tuple[SceneEntry, ...]:
        return resolve(self._rows, self._footprints_in_use)

    @cached_property
    def _footprints_in_use(self) -> dict[str, str]:
        if self._session is None:
            return {}
        with translating(self._prefix):
            return imagery.footprints_in_use(self._session.store)

    def _findings(self, siding_set: str, detector: str) -> dict[str, findings.Finding]:
        """Find where the findings of the scenes that count are, in their order."""
        if self._session is None:
            return {}
        path = findings.path_of(siding_set, detector)
        if path not in self._indices:
            with translating(path):
                self._indices[path] = findings.index(self._session.store, path)
        found = self._indices[path]
        counting = (e.item_id for e in self.entries() if e.status is Status.INGESTED)
        return {scene_id: found[scene_id] for scene_id in counting if scene_id in found}

    def _column(self, siding_set: str, detector: str, name: str) -> dict[str, str]:
        found = self._findings(siding_set, detector)
        if not found:
            return {}
        path = findings.path_of(siding_set, detector)
        with translating(path):
            rows = findings.column(self._reader(), path, name)
        return {scene_id: str(rows[finding.slot]) for scene_id, finding in found.items()}

    def _evidence(
        self, places: Mapping[str, tuple[str, int]], scene_ids: Sequence[str] | None
    ) -> Iterator[tuple[str, evidence.Packed]]:
        asked = places.keys() if scene_ids is None else set(scene_ids)
        wanted = [i for i in places if i in asked]
        by_path: dict[str, list[int]] = {}
        for scene_id in wanted:
            path, slot = places[scene_id]
            by_path.setdefault(path, []).append(slot)
        with translating(self._prefix):
            rows = {
                path: evidence.read(self._reader(), path, slots) for path, slots in by_path.items()
            }
        for scene_id in wanted:
            path, slot = places[scene_id]
            if slot not in rows[path]:
                raise IntegrityError(f"{path}: the evidence of {scene_id} is missing")
            yield scene_id, rows[path][slot]

    def _reader(self) -> Any:
        if self._session is None:
            raise StoreError(f"{self._store.url}: there is no record of {self.area_id} yet")
        return self._session.store

    def _writer(self) -> Any:
        if not self.writable:
            raise StoreError(f"{self!r} was opened for reading")
        return self._repository


class _Held:
    """A source of scenes that are in memory already."""

    def __init__(self, held: Mapping[str, Ingested]) -> None:
        self._held = held

    def fetch(self, scene: Scene, grid: Grid, pieces: npt.NDArray[np.bool_]) -> SceneRaster:
        """Hand over what was given for the scene."""
        del grid, pieces
        return self._held[scene.id].raster
