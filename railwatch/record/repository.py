"""The Icechunk repository below one area's key: opening, creating and committing.

Icechunk ends at this seam: its errors leave as `StoreError` or `TransientError`. Repositories are
written in format 1, which Icechunk 1 (Python 3.11) and 2 (3.12 and later) both read.

Icechunk starts threads when it is imported, so a process that has imported it must not `os.fork`
and go on in the child: use spawn.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import logging
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import icechunk

import railwatch
from railwatch.errors import IntegrityError, RailwatchError, StoreError, TransientError
from railwatch.store import BucketStore, FolderStore, Store

log = logging.getLogger(__name__)

BRANCH = "main"
FORMAT = 1
SLOTS = 1 << 20
"""Length of every array's first axis. Chunks nobody wrote cost nothing, so arrays are made long
once and never resized: a resize is a metadata change, and two operators' would conflict."""
MANIFEST_SLOTS = 256
"""Slots a manifest file covers: a commit rewrites the manifests it touches, not all history."""
CREATION_TRIES = 12
"""Looks for a repository that another operator has begun to make: about seven seconds."""
TRIES = 30
"""Attempts against other writers before giving up; each waits up to a second, at random."""


def storage_of(store: Store, prefix: str) -> Any:
    """Where Icechunk keeps the repository `prefix` of a store."""
    if isinstance(store, FolderStore):
        return icechunk.local_filesystem_storage(str(store.file(prefix)))
    if isinstance(store, BucketStore):
        return icechunk.s3_storage(
            bucket=store.bucket,
            prefix=store.prefix + prefix,
            endpoint_url=store.endpoint,
            region=store.region or "us-east-1",
            allow_http=store.allow_http,
            force_path_style=store.endpoint is not None,
            from_env=True,
        )
    raise StoreError(f"{store.url}: a record is kept in a folder or a bucket")


def open_repository(store: Store, prefix: str, *, create: bool) -> Any:
    """Open the repository `prefix`, or create it; None where there is none to read."""
    if "ICECHUNK_LOG" not in os.environ:
        icechunk.set_logs_filter("error")  # it warns of local folders, which `Store.lock` guards
    if isinstance(store, FolderStore) and not create and not store.file(prefix).is_dir():
        return None
    with translating(f"{store.url}/{prefix}"):
        storage = storage_of(store, prefix)
        if not create:
            return icechunk.Repository.open(storage) if _is_there(storage) else None
        if _is_there(storage):
            # Whoever made it may have been killed before it kept its configuration.
            return icechunk.Repository.open(storage, config=_configuration())
        try:
            return _created(storage)
        except icechunk.IcechunkError:
            # Another operator may be creating it in this very moment; then it opens soon.
            for attempt in range(CREATION_TRIES):
                if _is_there(storage):
                    return icechunk.Repository.open(storage, config=_configuration())
                pause(attempt)
            return _created_over_remains(storage, f"{store.url}/{prefix}")


def _is_there(storage: Any) -> bool:
    return bool(icechunk.Repository.exists(storage))


def _configuration() -> Any:
    config = icechunk.RepositoryConfig.default()
    config.manifest = icechunk.ManifestConfig(
        splitting=icechunk.ManifestSplittingConfig.from_dict(
            {
                icechunk.ManifestSplitCondition.AnyArray(): {
                    icechunk.ManifestSplitDimCondition.DimensionName("slot"): MANIFEST_SLOTS
                }
            }
        )
    )
    return config


def _created(storage: Any) -> Any:
    repository = icechunk.Repository.create(storage, config=_configuration(), **_format())
    repository.save_config()
    return repository


def _format() -> dict[str, Any]:
    """Say which format; Icechunk 1 knows no other and has no argument for it."""
    return {"spec_version": FORMAT} if hasattr(icechunk, "SpecVersion") else {}


def _created_over_remains(storage: Any, where: str) -> Any:
    """Create a repository where somebody was killed while creating one.

    The first snapshot is the same for all and the branch is put only where there is none, so of two
    who do this at once one opens what the other made. A configuration may lie there already, and is
    not put again: whoever writes brings it along.
    """
    if "check_clean_root" not in inspect.signature(icechunk.Repository.create).parameters:
        raise StoreError(
            f"{where}: somebody was killed while creating it; delete what lies there, no scene is "
            "in it yet, and run the same command again"
        )
    try:
        icechunk.Repository.create(storage, check_clean_root=False, **_format())
    except icechunk.IcechunkError:
        if not _is_there(storage):
            raise
    return icechunk.Repository.open(storage, config=_configuration())


def stamp() -> dict[str, str]:
    """Say which code commits: RAILWATCH_REVISION, which deployments and the image set."""
    return {"revision": os.environ.get("RAILWATCH_REVISION") or railwatch.__version__}


def transact(repository: Any, message: str, change: Callable[[Any], bool]) -> str:
    """Commit `change` on top of whatever others committed meanwhile.

    `change` gets a session on the newest snapshot, writes into it, and says whether it changed
    anything; on a conflict it is called again on the new one. Returns the snapshot id.
    """
    for attempt in range(TRIES):
        with translating(message):
            session = repository.writable_session(BRANCH)
            if not change(session):
                return str(session.snapshot_id)
            try:
                return str(session.commit(message, stamp()))
            except icechunk.ConflictError:
                log.info("%s: another writer was first, try %s", message, attempt + 2)
        pause(attempt)
    raise TransientError(f"{message}: other writers were first {TRIES} times")


def tag(repository: Any, name: str, snapshot: str) -> None:
    """Name a snapshot; another writer who does the same at once is no error."""
    try:
        repository.create_tag(name, snapshot)
    except icechunk.IcechunkError:
        if name not in repository.list_tags():
            raise


def pause(attempt: int) -> None:
    """Wait a random time that grows with the attempt, at most a second."""
    time.sleep(random.uniform(0.0, min(1.0, 0.02 * 2**attempt)))


@contextlib.contextmanager
def translating(what: str) -> Iterator[None]:
    """Raise our errors for Icechunk's."""
    try:
        yield
    except icechunk.ConflictError:
        raise
    except icechunk.IcechunkError as exc:
        said = " ".join(str(exc).split())[:300]
        if _DAMAGE.search(said):
            raise IntegrityError(f"{what}: stored bytes are not what was written: {said}") from exc
        if _BUSY.search(said):
            raise TransientError(f"{what}: {said}") from exc
        raise StoreError(f"{what}: {said}") from exc
    except OSError as exc:
        raise StoreError(f"{what}: {exc.strerror or exc}") from exc
    except (ValueError, RuntimeError, KeyError) as exc:
        if isinstance(exc, RailwatchError) or not _means_damage(exc):
            raise
        said = " ".join(str(exc).split())[:200]
        raise IntegrityError(f"{what}: stored bytes are not what was written: {said}") from exc
    except BaseException as exc:
        if type(exc).__name__ != "PanicException":  # Rust's, which no class of ours stands above
            raise
        raise IntegrityError(f"{what}: stored bytes are not what was written: {exc}") from exc


_DAMAGE = re.compile(
    r"data corruption|invalid icechunk metadata|src size is incorrect|buffer is too small"
    r"|unknown file type|invalid magic|object not found|requested range|deserialization"
    r"|cannot serialize ref|codec-pipeline|decompress",
    re.IGNORECASE,
)
"""Words of Icechunk's errors that mean: what is stored is not what was written."""
_BUSY = re.compile(
    r"timeout|timed out|dispatch failure|connect|reset|\b50[0-4]\b|slow ?down", re.IGNORECASE
)
"""Words that mean: the same request may succeed later."""


def _means_damage(exc: Exception) -> bool:
    """Whether zarr or JSON stumbled over stored bytes."""
    if isinstance(exc, json.JSONDecodeError | UnicodeDecodeError):
        return True
    words = str(exc).lower()
    return "checksum" in words or "decompress" in words or isinstance(exc, KeyError)
