"""History: the publications an area has had, and removing those that nobody needs any more.

`areas/{area}/history/{id}.json` is a publication's manifest. It is written before the first object
of its folder, as incomplete, and again when the folder is whole; so whatever a killed publisher or
collector leaves behind is known by name, and a folder without a whole manifest is never read.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import logging
from dataclasses import dataclass, field

from railwatch.errors import IntegrityError
from railwatch.publication import stac
from railwatch.publication.content import utc
from railwatch.publication.pointer import (
    CATALOG,
    MISREAD,
    current_pointer,
    evidence_key,
    folder_key,
    manifest_key,
    moment,
    texts,
)
from railwatch.store import Store

log = logging.getLogger(__name__)

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one publication's folder holds."""

    publication: str
    area_id: str
    published_at: dt.datetime
    """When it was first published; of an incomplete one, when writing it began."""
    siding_set: str
    detector: str
    snapshot: str
    taken_up: dt.datetime | None = None
    """When a publisher last turned back to it; a collector leaves it alone for a while then."""
    complete: bool = False
    """False: being written, cut short, or being removed."""
    scenes: int = 0
    """Scenes the record listed."""
    objects: dict[str, tuple[int, str]] = field(default_factory=dict)
    """(bytes, sha256) by path below the folder."""
    evidence: tuple[str, ...] = ()
    """Names below `areas/{area}/evidence/` that the folder refers to, shared with others."""
    blocks: dict[str, str] = field(default_factory=dict)
    """What each block of the published Zarr and each item is made of, by its path below the
    folder."""

    @property
    def key(self) -> str:
        """Where the manifest is."""
        return manifest_key(self.area_id, self.publication)

    @property
    def size(self) -> int:
        """Bytes of the folder."""
        return sum(size for size, _ in self.objects.values())

    def to_json(self) -> bytes:
        """Spell the manifest."""
        said = dataclasses.asdict(self) | {"published_at": utc(self.published_at)}
        said["taken_up"] = None if self.taken_up is None else utc(self.taken_up)
        return json.dumps(said, indent=1).encode() + b"\n"

    @classmethod
    def from_json(cls, key: str, data: bytes) -> Manifest:
        """Read a manifest.

        Raises
        ------
        IntegrityError
            The object at `key` is not a manifest.
        """
        try:
            said = json.loads(data)
            texts(said, ("publication", "area_id", "siding_set", "detector", "snapshot"))
            said["published_at"] = moment(said["published_at"])
            if said.get("taken_up"):
                said["taken_up"] = moment(said["taken_up"])
            said["objects"] = {
                path: (int(size), str(sha256)) for path, (size, sha256) in said["objects"].items()
            }
            said["evidence"] = tuple(map(str, said["evidence"]))
            said["blocks"] = {path: str(block) for path, block in said.get("blocks", {}).items()}
            said["scenes"] = int(said.get("scenes", 0))
            return cls(**said)
        except MISREAD as exc:
            raise IntegrityError(
                f"{key}: not a publication's manifest ({exc}); delete it and publish again"
            ) from exc


@dataclass(frozen=True, slots=True)
class Retention:
    """Which publications are kept: the current one always."""

    keep: int = 10
    """So many of the newest."""
    grace: dt.timedelta = dt.timedelta(days=1)
    """All that are younger: somebody who followed the pointer may still be reading them."""

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise ValueError(f"keep must be at least 1, got {self.keep}")


@dataclass(frozen=True, slots=True)
class Collected:
    """What collecting removed."""

    publications: tuple[str, ...]
    objects: int


def history(store: Store, area_id: str) -> list[Manifest]:
    """List an area's publications that are kept, oldest first, incomplete ones included."""
    found = [
        Manifest.from_json(key, store.get(key)) for key in store.list(f"areas/{area_id}/history")
    ]
    return sorted(found, key=lambda made: (made.published_at, made.publication))


def collect(store: Store, area_id: str, retention: Retention, now: dt.datetime) -> Collected:
    """Remove publications beyond `retention`, and evidence that none refers to any more.

    Killed at any moment it leaves what the next call finds and removes. It never touches what the
    pointer names, nor anything younger than the grace period.

    Raises
    ------
    StoreError
        The store cannot be written, or another process publishes this area.
    """
    with store.lock(publishing(area_id)):
        return collect_locked(store, area_id, retention, now)


def collect_locked(store: Store, area_id: str, retention: Retention, now: dt.datetime) -> Collected:
    """Do what `collect` does, for a caller that holds the lock."""
    pointer = current_pointer(store, area_id)
    made = history(store, area_id)
    whole = [manifest for manifest in made if manifest.complete]
    newest = {manifest.publication for manifest in whole[-retention.keep :]}
    stays = {pointer.publication if pointer else "", *newest} | {
        manifest.publication
        for manifest in made
        if now - (manifest.taken_up or manifest.published_at) < retention.grace
    }
    if any(manifest.publication not in stays for manifest in made):
        stays |= _shown(store, area_id)
    kept = [manifest for manifest in made if manifest.publication in stays]
    dropped = [manifest for manifest in made if manifest.publication not in stays]
    objects = sum(_remove(store, manifest) for manifest in dropped)
    if dropped and all(manifest.complete for manifest in kept):
        objects += _remove_evidence(store, area_id, kept)
    if dropped:
        log.info("%s: removed %s publications, %s objects", area_id, len(dropped), objects)
    return Collected(tuple(manifest.publication for manifest in dropped), objects)


def _shown(store: Store, area_id: str) -> set[str]:
    """Publication that the catalog leads to, which a round brings up to date at its end."""
    try:
        return {stac.children(store.get(CATALOG))[area_id]}
    except (KeyError, IntegrityError):
        return set()


def still_there(store: Store, manifest: Manifest) -> Manifest:
    """Leave out what a folder no longer holds whole, and blocks that miss any of their objects.

    The next publication takes over what is left and makes the rest anew.
    """
    folder = folder_key(manifest.area_id, manifest.publication)
    found = {listed.key: listed.size for listed in store.listed(folder.rstrip("/"))}
    lost = [
        path for path, (size, _) in manifest.objects.items() if found.get(folder + path) != size
    ]
    if not lost:
        return manifest
    log.warning("%s%s and %s more are gone or cut short; made anew", folder, lost[0], len(lost) - 1)
    return dataclasses.replace(
        manifest,
        objects={path: held for path, held in manifest.objects.items() if path not in lost},
        blocks={
            prefix: digest
            for prefix, digest in manifest.blocks.items()
            if not any(path.startswith(f"{prefix}/") or path == prefix for path in lost)
        },
    )


def publishing(area_id: str) -> str:
    """Name of the lock under which an area is published and collected."""
    return f"areas/{area_id}/publications"


def _remove(store: Store, manifest: Manifest) -> int:
    """Remove one folder; its manifest is incomplete while that lasts, and goes last.

    A publisher that turned back to it meanwhile has written its manifest anew: then it stays.
    """
    if manifest.complete:
        try:
            seen = store.read(manifest.key)
        except KeyError:
            return 0
        removing = dataclasses.replace(manifest, complete=False).to_json()
        same = seen.data == manifest.to_json()
        if not same or not store.put_if_match(manifest.key, removing, seen.etag, content_type=JSON):
            return 0
    folder = folder_key(manifest.area_id, manifest.publication).rstrip("/")
    removed = 0
    for key in list(store.list(folder)):
        store.delete(key)
        removed += 1
    store.delete(manifest.key)
    return removed


def _remove_evidence(store: Store, area_id: str, kept: list[Manifest]) -> int:
    """Remove pictures that no kept publication refers to."""
    wanted = {evidence_key(area_id, name) for manifest in kept for name in manifest.evidence}
    removed = 0
    for key in list(store.list(f"areas/{area_id}/evidence")):
        if key not in wanted:
            store.delete(key)
            removed += 1
    return removed
