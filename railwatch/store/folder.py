"""A store in a folder of this machine.

An object is a file. It is written beside its place, flushed to the disk and renamed, so no reader
and no crash ever meets half of it. One machine, one writer: `lock` is an advisory lock of the
operating system, which dies with its process.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import fcntl
import hashlib
import os
import re
import socket
import stat
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import SplitResult, unquote

from railwatch.errors import HeldError, StoreError
from railwatch.store.client import OCTETS, Listed, Store, Stored

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.]+:")
"""Begins names that some library or other takes for another place: `MEM:::`, `https:`."""

NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)
"""What a file system answers that gives a file no second name."""

HIDDEN = ".railwatch-"
"""Names that are ours, not objects: half-written files and locks."""


class FolderStore(Store, scheme="file"):
    """Objects are files below `path`; the folder is made by the first write."""

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100  symlinks to the root stay as typed
        super().__init__(str(self.path))

    @classmethod
    def from_url(cls, url: SplitResult) -> FolderStore:
        """Open a plain path or `file:///path`."""
        path = unquote(url.path) if url.scheme else url.path
        elsewhere = path.startswith("/vsi") or _SCHEME.match(path)
        if not path or url.netloc not in {"", "localhost"} or elsewhere:
            raise StoreError(f"{url.geturl()!r}: give a folder path or s3://bucket/prefix")
        folder = Path(path).expanduser()
        if folder.exists() and not folder.is_dir():
            raise StoreError(f"{folder}: is a file, not a folder: mend --store or --archive")
        return cls(folder)

    def __reduce__(self) -> tuple[type[FolderStore], tuple[Path]]:
        return FolderStore, (self.path,)

    def read(self, key: str) -> Stored:
        """Return a file's bytes; its tag is their SHA-256."""
        with self._reading(key) as path:
            data = path.read_bytes()
        return Stored(data, hashlib.sha256(data).hexdigest())

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return up to `length` bytes from byte `start`."""
        with self._reading(key) as path, path.open("rb") as file:
            file.seek(start)
            return file.read(length)

    def size(self, key: str) -> int:
        """Return the file's length, bytes."""
        with self._reading(key) as path:
            return path.stat().st_size

    def put(
        self, key: str, data: bytes, *, content_type: str = OCTETS, lasting: bool = False
    ) -> None:
        """Write beside, flush, rename; a file keeps no content type and nothing for caches."""
        del content_type, lasting
        path = self.file(key)
        with self._writing(key), self._beside(path, data) as ready:
            ready.replace(path)
            _flush_folder(path.parent)

    def copy(self, source: str, key: str) -> None:
        """Link the file a second time; where the file system has no links, write it again."""
        self.copy_all([(source, key)])

    def copy_all(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Link files, then flush each folder once: a flush a file is what linking them costs."""
        folders = {}
        for source, key in pairs:
            path = self.file(key)
            with self._reading(source) as there, self._writing(key):
                if path.parent not in folders:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    folders[path.parent] = key
                try:
                    path.hardlink_to(there)
                except FileExistsError:
                    self._replace_by_link(there, path)
                except FileNotFoundError:
                    raise KeyError(source) from None
                except OSError as exc:
                    if exc.errno not in NO_LINKS:
                        raise
                    self.put(key, there.read_bytes())
        for folder, key in folders.items():
            with self._writing(key):
                _flush_folder(folder)

    def _replace_by_link(self, there: Path, path: Path) -> None:
        """Put a second name of `there` in the place of what is at `path`, at no time nothing."""
        ready = path.parent / f"{HIDDEN}{uuid.uuid4().hex}"
        ready.hardlink_to(there)
        try:
            ready.replace(path)
        finally:
            ready.unlink(missing_ok=True)  # two names of one file are not renamed but kept

    def put_if_absent(self, key: str, data: bytes, *, content_type: str = OCTETS) -> bool:
        """Write beside, flush, link; the file system lets one writer win."""
        del content_type
        path = self.file(key)
        with self._writing(key), self._beside(path, data) as ready:
            try:
                path.hardlink_to(ready)
            except FileExistsError:
                return path.read_bytes() == data
            _flush_folder(path.parent)
            return True

    def put_if_match(self, key: str, data: bytes, etag: str, *, content_type: str = OCTETS) -> bool:
        """Compare and overwrite under a lock of the store."""
        with self._locked("put_if_match", wait=True):
            try:
                now = self.read(key)
            except KeyError:
                return False
            if now.etag != etag:
                return now.data == data
            self.put(key, data, content_type=content_type)
            return True

    def listed(self, prefix: str = "") -> Iterator[Listed]:
        """Walk the folder; links to folders are not followed, nor links to files outside."""
        top = self.file(prefix) if prefix else self.path
        if not top.is_dir():
            return
        yield from self._walk(top, f"{prefix}/" if prefix else "")

    def _walk(self, folder: Path, prefix: str) -> Iterator[Listed]:
        try:
            with os.scandir(folder) as found:
                # A folder sorts as `name/` so that keys come out ordered as strings.
                entries = sorted(
                    (
                        (e.name + "/" if e.is_dir(follow_symlinks=False) else e.name, e)
                        for e in found
                    ),
                    key=lambda named: named[0],
                )
            for name, entry in entries:
                if entry.name.startswith(HIDDEN):
                    continue
                if name.endswith("/"):
                    yield from self._walk(folder / entry.name, prefix + name)
                elif entry.is_file() and not (entry.is_symlink() and self._outside(entry.path)):
                    yield Listed(prefix + name, entry.stat().st_size)
        except OSError as exc:
            raise StoreError(f"{folder}: cannot be listed: {exc.strerror}") from exc

    def delete(self, key: str) -> None:
        """Remove the file; empty folders stay."""
        with self._writing(key):
            self.file(key).unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold an OS lock on the store's `name`; a second holder is told who has it."""
        with self._locked(name, wait=False):
            yield

    def file(self, key: str) -> Path:
        """Where an object's file is; `StoreError` where a symbolic link leads out of the store."""
        path = self.path / self.checked(key)
        if self._outside(path):
            raise StoreError(f"{key}: a symbolic link leads out of the store {self.url}")
        return path

    def _outside(self, path: Path | str) -> bool:
        """Whether a link below the root leads out; where there is none nothing is resolved."""
        if not self._has_link(path):
            return False
        root = os.path.realpath(self.path)
        return os.path.commonpath([root, os.path.realpath(path)]) != root

    def _has_link(self, path: Path | str) -> bool:
        """Whether a symbolic link stands anywhere between the root and what is at `path`."""
        here = str(self.path)
        for part in os.fspath(path).removeprefix(here).split("/"):
            here = f"{here}/{part}" if part else here
            try:
                mode = os.lstat(here).st_mode
            except (FileNotFoundError, NotADirectoryError):
                return False  # nor is there anything below it
            if part and stat.S_ISLNK(mode):
                return True
        return False

    @contextlib.contextmanager
    def _locked(self, name: str, *, wait: bool) -> Iterator[None]:
        path = self.path / f"{HIDDEN}locks" / f"{self.checked(name).replace('/', '+')}.lock"
        with self._writing(name):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except OSError as exc:
                holder = os.pread(descriptor, 500, 0).decode(errors="replace") or "another process"
                raise HeldError(
                    f"{self.url}: {name} is being written by {holder}: wait until it ends"
                ) from exc
            since = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            os.ftruncate(descriptor, 0)
            os.pwrite(
                descriptor,
                f"process {os.getpid()} on {socket.gethostname()} since {since}".encode(),
                0,
            )
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _reading(self, key: str) -> Iterator[Path]:
        try:
            yield self.file(key)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise KeyError(key) from None
        except OSError as exc:
            raise StoreError(f"{key}: cannot be read from {self.url}: {exc.strerror}") from exc

    @contextlib.contextmanager
    def _writing(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise StoreError(f"{key}: cannot be written to {self.url}: {exc.strerror}") from exc

    @contextlib.contextmanager
    def _beside(self, path: Path, data: bytes) -> Iterator[Path]:
        """Give a flushed file in the same folder that holds `data`; it is gone afterwards."""
        ready = path.parent / f"{HIDDEN}{uuid.uuid4().hex}"
        try:
            file = _made(ready)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = _made(ready)
        try:
            with file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield ready
        finally:
            ready.unlink(missing_ok=True)


def _made(path: Path) -> BinaryIO:
    """Open a file that must not be there yet."""
    return open(path, "xb")  # noqa: PTH123  pathlib takes ten times as long


def _flush_folder(folder: Path) -> None:
    """Make a rename durable: the folder's own entry is flushed as well."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
