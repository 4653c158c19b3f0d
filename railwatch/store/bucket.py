"""A store in an S3-compatible bucket, through obstore.

Many writers may share it, because S3 lets a write carry a condition (If-None-Match, If-Match).
Some servers accept the condition and ignore it; `require_conditions` finds out before the first
write of a process. Endpoint, region and keys come from `AWS_*` and are kept in no attribute.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult, urlsplit

from railwatch.errors import StoreError, TransientError
from railwatch.store.client import OCTETS, Listed, Store, Stored

_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
RETRIES = 8
"""Tries after the first, each after up to twice the wait of the one before: about 15 s in all."""

LASTING = "public, max-age=31536000, immutable"
CHANGING = "no-cache"
"""What caches are told: keep for a year, or ask each time whether it is still the same."""

_BUSY = (
    *("timed out", "timeout", "connection", "sending request", "reset", "broken pipe"),
    *("status: 5", "status code: 5", "status: 429", "status: 409", "server error", "slowdown"),
)
"""Words of obstore's GenericError that mean: the same request may succeed later."""


class BucketStore(Store, scheme="s3"):
    """Objects of `s3://bucket/prefix`."""

    shared = True

    def __init__(self, bucket: str, prefix: str = "") -> None:
        super().__init__(f"s3://{bucket}/{prefix}".rstrip("/"))
        self.bucket = bucket
        self.prefix = f"{prefix}/" if prefix else ""
        self.endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        self.region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        self.allow_http = _plain_http_allowed(self.endpoint)
        self._client = self._connect()
        self._conditions_proven = False

    @classmethod
    def from_url(cls, url: SplitResult) -> BucketStore:
        """Open `s3://bucket/prefix`."""
        if not url.netloc:
            raise StoreError(f"{url.geturl()}: names no bucket: give s3://bucket/prefix")
        return cls(url.netloc, url.path.strip("/"))

    def __reduce__(self) -> tuple[type[BucketStore], tuple[str, str]]:
        return BucketStore, (self.bucket, self.prefix.rstrip("/"))

    def _connect(self, below: str | None = None) -> Any:
        from obstore.exceptions import BaseError
        from obstore.store import S3Store

        try:
            return S3Store(
                self.bucket,
                prefix=below,
                config={
                    "region": self.region or "us-east-1",
                    **({"endpoint": self.endpoint} if self.endpoint else {}),
                },
                client_options={
                    "allow_http": self.allow_http,
                    "timeout": timedelta(seconds=60),
                    "connect_timeout": timedelta(seconds=5),
                },
                retry_config={
                    "max_retries": RETRIES,
                    "retry_timeout": timedelta(seconds=45),
                    "backoff": {
                        "init_backoff": timedelta(milliseconds=100),
                        "max_backoff": timedelta(seconds=10),
                        "base": 2,
                    },
                },
            )
        except BaseError as exc:
            raise StoreError(f"{self.url}: cannot be opened: {_first_line(exc)}") from exc

    def below(self, prefix: str) -> Any:
        """Return an obstore client of what lies below `prefix`, for readers of whole trees."""
        return self._connect(self._path(prefix))

    def read(self, key: str) -> Stored:
        """Return an object's bytes and the server's ETag."""
        import obstore

        with self._translating(key, "read"):
            got = obstore.get(self._client, self._path(key))
            data = bytes(got.bytes())
            if len(data) != got.meta["size"]:
                raise TransientError(
                    f"{key}: {len(data)} of {got.meta['size']} bytes came from {self.url}"
                )
            return Stored(data, got.meta["e_tag"] or "")

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes from byte `start` by a range request."""
        import obstore

        with self._translating(key, "read"):
            return bytes(
                obstore.get_range(self._client, self._path(key), start=start, length=length)
            )

    def size(self, key: str) -> int:
        """Return an object's length by a HEAD request, bytes."""
        import obstore

        with self._translating(key, "read"):
            return int(obstore.head(self._client, self._path(key))["size"])

    def put(
        self, key: str, data: bytes, *, content_type: str = OCTETS, lasting: bool = False
    ) -> None:
        """Write an object with its content type and what caches may do with it."""
        self._put(key, data, content_type, "overwrite", LASTING if lasting else CHANGING)

    def copy(self, source: str, key: str) -> None:
        """Have the server copy it, with its content type and what caches may do with it."""
        import obstore

        with self._translating(source, "copied"):
            obstore.copy(self._client, self._path(source), self._path(key))

    def put_if_absent(self, key: str, data: bytes, *, content_type: str = OCTETS) -> bool:
        """Write with If-None-Match; a lost answer is found by reading back."""
        return self._put(key, data, content_type, "create") or self._holds(key, data)

    def put_if_match(self, key: str, data: bytes, etag: str, *, content_type: str = OCTETS) -> bool:
        """Write with If-Match; a lost answer is found by reading back."""
        return self._put(key, data, content_type, {"e_tag": etag}) or self._holds(key, data)

    def listed(self, prefix: str = "") -> Iterator[Listed]:
        """List page by page."""
        import obstore

        below = self.prefix + (f"{self.checked(prefix)}/" if prefix else "")
        found: list[Listed] = []
        with self._translating(prefix or "*", "listed"):
            for page in obstore.list(self._client, prefix=below.rstrip("/") or None):
                found.extend(
                    Listed(meta["path"].removeprefix(self.prefix), int(meta["size"]))
                    for meta in page
                )
        yield from sorted(found, key=lambda listed: listed.key)

    def delete(self, key: str) -> None:
        """Remove an object."""
        import obstore

        with self._translating(key, "deleted"), contextlib.suppress(FileNotFoundError):
            obstore.delete(self._client, self._path(key))

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Prove that the server keeps conditions; writers then need no lock, they are told."""
        self.checked(name)
        self.require_conditions()
        yield

    def require_conditions(self) -> None:
        """Refuse a server on which two writers could overwrite each other unnoticed.

        Raises
        ------
        StoreError
            The server ignores If-None-Match or If-Match, or refuses a matching ETag.
        """
        if self._conditions_proven:
            return
        key = f".railwatch-probe/{uuid.uuid4().hex}"
        try:
            first = self._put(key, b"first", OCTETS, "create")
            second = self._put(key, b"second", OCTETS, "create")
            stale = self._put(key, b"third", OCTETS, {"e_tag": f'"{"0" * 32}"'})
            fresh = self._put(key, b"fourth", OCTETS, {"e_tag": self.read(key).etag})
        finally:
            self.delete(key)
        broken = (
            "If-None-Match" if not first or second else "If-Match" if stale or not fresh else ""
        )
        if broken:
            raise StoreError(
                f"{self.url}: this server does not keep the {broken} condition of S3, so two "
                "writers could lose each other's work: use a server that does, or a local folder"
            )
        self._conditions_proven = True

    def _put(
        self, key: str, data: bytes, content_type: str, mode: Any, cache: str = CHANGING
    ) -> bool:
        """Write; False where the condition of `mode` did not hold."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        path = self._path(key)
        with self._translating(key, "written"):
            try:
                headers = {"Content-Type": content_type, "Cache-Control": cache}
                obstore.put(self._client, path, data, attributes=headers, mode=mode)
            except (AlreadyExistsError, PreconditionError):
                return False
            except FileNotFoundError:
                if mode in ("overwrite", "create"):
                    raise
                return False  # If-Match on an object that is gone
            return True

    def _holds(self, key: str, data: bytes) -> bool:
        try:
            return self.get(key) == data
        except KeyError:
            return False

    def _path(self, key: str) -> str:
        return self.prefix + self.checked(key)

    @contextlib.contextmanager
    def _translating(self, key: str, verb: str) -> Iterator[None]:
        from obstore.exceptions import BaseError, NotFoundError

        try:
            yield
        except (NotFoundError, FileNotFoundError) as exc:
            if verb in ("written", "listed") or "NoSuchBucket" in str(exc):
                raise StoreError(
                    f"{self.url}: there is no such bucket: make it, or mend --store"
                ) from exc
            raise KeyError(key) from None
        except (BaseError, OSError, ValueError) as exc:
            said = _first_line(exc)
            line = str(exc).split("\n", maxsplit=1)[0].lower()
            if any(word in line for word in _BUSY):
                raise TransientError(f"{key}: could not be {verb} at {self.url}: {said}") from exc
            raise StoreError(f"{key}: cannot be {verb} at {self.url}: {said}") from exc


def _first_line(exc: Exception) -> str:
    """Return what the server said, else the first line, short and without any secret in it."""
    text = str(exc).strip()
    said = " ".join(re.findall(r"<(?:Code|Message)>([^<]*)<", text)[:2])
    said = said or text.split("\n", maxsplit=1)[0].rsplit(" - ", maxsplit=1)[-1]
    for name in _SECRETS:
        if len(secret := os.environ.get(name, "")) >= 8:  # shorter ones are words of the message
            said = said.replace(secret, "***")
    return said[:300]


def _plain_http_allowed(endpoint: str | None) -> bool:
    """Whether the endpoint may be plain http: on loopback, or where AWS_ALLOW_HTTP says so."""
    if endpoint is None:
        return False
    parts = urlsplit(endpoint)
    if parts.username or parts.password:
        raise StoreError("AWS_ENDPOINT_URL holds credentials: set AWS_ACCESS_KEY_ID and its secret")
    if parts.scheme != "http":
        return False
    host = parts.hostname or ""
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return True
    if host == "localhost" or os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true"):
        return True
    raise StoreError(
        f"AWS_ENDPOINT_URL: {parts.scheme}://{host} would send data in the clear: use https, "
        "or set AWS_ALLOW_HTTP=true where the network is trusted"
    )
