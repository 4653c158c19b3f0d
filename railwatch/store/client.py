"""What every store can do, whatever it is made of.

    Store
    ├── FolderStore     a folder of this machine; one writer, guarded by an OS lock
    └── BucketStore     s3://bucket/prefix; many writers, guarded by conditional writes

Foreign exceptions end here: what leaves a store is `KeyError` for an absent object,
`StoreError` for what an operator must mend and `TransientError` for what may pass by itself.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import SplitResult, urlsplit

from railwatch.errors import StoreError

_UNCLEAN = re.compile(r"[\x00-\x1f\\]|(?:^|/)\.{0,2}(?:/|\Z)")
"""Control characters, backslashes, and segments that are empty or dots."""

OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Stored:
    """An object with the tag that a conditional overwrite names."""

    data: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing names it."""

    key: str
    size: int
    """Bytes."""


class Store(abc.ABC):
    """One configured client of a folder or a bucket; can be pickled to a worker."""

    _kinds: ClassVar[dict[str, type[Store]]] = {}
    """The kind of store that each URL scheme means."""

    shared: ClassVar[bool] = False
    """Whether several may write one record at once, instead of one after another."""

    def __init_subclass__(cls, *, scheme: str) -> None:
        Store._kinds[scheme] = cls

    def __init__(self, url: str) -> None:
        self._url = url

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._url!r})"

    @staticmethod
    def open(url: str) -> Store:
        """Open a folder path, `file:///path` or `s3://bucket/prefix`; touches nothing yet.

        A bucket's endpoint, region and keys come from the usual `AWS_*` environment variables.

        Raises
        ------
        StoreError
            The URL is of another kind, holds credentials, or names no bucket.
        """
        parts = urlsplit(url) if "://" in url else SplitResult("", "", url, "", "")
        # A secret may hold a slash, which puts what follows it into the path.
        secret = "@" in url or (parts.scheme != "file" and ":" in parts.netloc)
        if parts.scheme and (secret or parts.query or parts.fragment):
            raise StoreError(
                f"{parts.scheme}://...: credentials and options do not belong in a store's URL: "
                "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL and AWS_REGION"
            )
        if "${" in url:
            raise StoreError(f"{url}: the variable was not expanded: set it, or write the name out")
        kind = Store._kinds.get(parts.scheme or "file")
        if kind is None:
            raise StoreError(f"{url}: give a folder path or s3://bucket/prefix")
        return kind.from_url(parts)

    @classmethod
    @abc.abstractmethod
    def from_url(cls, url: SplitResult) -> Store:
        """Open a URL of this kind's scheme."""

    @property
    def url(self) -> str:
        """Where the store is, without credentials."""
        return self._url

    def get(self, key: str) -> bytes:
        """Return an object's bytes; `KeyError` if there is none."""
        return self.read(key).data

    @abc.abstractmethod
    def read(self, key: str) -> Stored:
        """Return an object's bytes and tag; `KeyError` if there is none."""

    @abc.abstractmethod
    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return up to `length` bytes from byte `start`; `KeyError` if there is no object."""

    @abc.abstractmethod
    def size(self, key: str) -> int:
        """Return an object's length, bytes; `KeyError` if there is none."""

    @abc.abstractmethod
    def put(
        self, key: str, data: bytes, *, content_type: str = OCTETS, lasting: bool = False
    ) -> None:
        """Write an object whole, durably and atomically, over whatever was there.

        A `lasting` one never changes under its name, so whoever reads it may keep it; all others
        are to be asked for again each time.
        """

    @abc.abstractmethod
    def copy(self, source: str, key: str) -> None:
        """Put what is at `source`, which never changes, at `key` as well, without moving its bytes.

        Raises
        ------
        KeyError
            There is nothing at `source`.
        """

    def copy_all(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Copy several, each (source, key) as `copy` does; some may be done when one fails.

        Raises
        ------
        KeyError
            There is nothing at one of the sources.
        """
        for source, key in pairs:
            self.copy(source, key)

    @abc.abstractmethod
    def put_if_absent(self, key: str, data: bytes, *, content_type: str = OCTETS) -> bool:
        """Write an object unless there is one; say whether the object now holds `data`.

        An answer lost on the way is found by reading back, so `data` that must tell its writer
        from others carries a stamp.
        """

    @abc.abstractmethod
    def put_if_match(self, key: str, data: bytes, etag: str, *, content_type: str = OCTETS) -> bool:
        """Overwrite the object `read` gave with `etag`; say whether it now holds `data`."""

    @abc.abstractmethod
    def listed(self, prefix: str = "") -> Iterator[Listed]:
        """Name all objects below `prefix` (whole path segments), ordered by key."""

    def list(self, prefix: str = "") -> Iterator[str]:
        """Name the keys of all objects below `prefix` (whole path segments), ordered."""
        return (listed.key for listed in self.listed(prefix))

    @abc.abstractmethod
    def delete(self, key: str) -> None:
        """Remove an object; nothing happens if there is none."""

    @abc.abstractmethod
    def lock(self, name: str) -> AbstractContextManager[None]:
        """Be the one writer of `name` while the context lasts; ends with the process, too.

        Raises
        ------
        StoreError
            Another process holds it (the message says which), or the store cannot be written.
        """

    def checked(self, key: str) -> str:
        """Return `key` if it is a clean relative name, else raise `StoreError`."""
        if _UNCLEAN.search(key):
            raise StoreError(f"{self._url}: {key!r} is not a key: use names joined by '/'")
        return key
