"""One bounded HTTP exchange: it ends by its deadline, whatever the other side does.

sentinelhub-py's own downloads have a time limit a read but none in all, so a body that drips never
ends; they decode what was cut short and follow redirects with the token. This transport bounds the
whole exchange (deadline, least rate, most bytes), follows nothing and unpacks nothing, and lets go
of a body only if it is complete.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
import urllib.request
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, urlsplit

from railwatch.errors import TransientError

_CHUNK = 1 << 16
_IDLE_S = 4.0
"""Seconds after which an idle connection is not trusted any more."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one exchange may take."""

    deadline_s: float = 120.0
    """From the first byte sent to the last received."""
    connect_s: float = 10.0
    grace_s: float = 15.0
    """How long a body may take whatever its rate; and how long one read may wait."""
    least_rate: float = 4096.0
    """Bytes a second a body must average after `grace_s`."""
    think_s: float = 60.0
    """How long the service may work before it answers."""


class BrokenAnswerError(TransientError):
    """An exchange ended before its answer was whole."""

    kind = "broken_answer"

    def __init__(self, message: str, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status if the answer got that far, else 0."""
        self.headers = headers
        """Names in lower case; a success may have been charged for although it got lost."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete HTTP answer."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


_Idle = tuple[str, float, http.client.HTTPConnection]
"""Where a connection leads, since when it is idle, and itself."""


@dataclass
class Transport:
    """Keeps connections open between exchanges; any thread may use it."""

    bounds: Bounds = field(default_factory=Bounds)
    _idle: list[_Idle] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        # Workers unpickle sources and drop them without a word.
        weakref.finalize(self, _close, self._idle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            _close(self._idle)

    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, most_bytes: int
    ) -> Reply:
        """Send one request and read its whole answer.

        Raises
        ------
        BrokenAnswerError
            The connection failed, the answer was cut short, too slow or too large.
        """
        where = urlsplit(url)
        started = time.monotonic()
        connection = self._connection(where)
        begun = _Begun()
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            _cut(connection)

        watch = threading.Timer(self.bounds.deadline_s, expire)
        watch.daemon = True
        watch.start()
        try:
            _send(connection, self.bounds, method, where, headers, body)
            content = b"".join(self._parts(begun.read(connection, self.bounds), most_bytes))
            _check_in_time(expired)
        except (OSError, http.client.HTTPException, ValueError) as exc:
            connection.close()
            spent = time.monotonic() - started
            why = "no complete answer" if expired.is_set() else f"{type(exc).__name__}: {exc}"
            message = f"{where.netloc}: {why} in {spent:.1f} s"
            raise BrokenAnswerError(message, begun.status, begun.headers) from exc
        except BaseException:
            connection.close()
            raise
        finally:
            watch.cancel()
        if begun.reusable:
            with self._lock:
                key = f"{where.scheme}://{where.netloc}"
                self._idle.append((key, time.monotonic(), connection))
        else:
            connection.close()
        return Reply(begun.status, begun.headers, content)

    def _parts(self, response: http.client.HTTPResponse, most_bytes: int) -> Iterator[bytes]:
        """Read a body piece by piece, watching its size and rate."""
        declared = response.getheader("Content-Length")
        if declared is not None and int(declared) > most_bytes:
            raise ValueError(f"answer of {declared} bytes where at most {most_bytes} fit")
        started, received = time.monotonic(), 0
        while part := response.read1(_CHUNK):
            received += len(part)
            elapsed = time.monotonic() - started
            if received > most_bytes:
                raise ValueError(f"answer of more than the {most_bytes} bytes that fit")
            if elapsed > self.bounds.grace_s and received < elapsed * self.bounds.least_rate:
                raise ValueError(f"answer drips at {received / elapsed:.0f} bytes/s")
            yield part
        if declared is not None and received != int(declared):
            raise ValueError(f"answer cut short: {received} of {declared} bytes")

    def _connection(self, where: SplitResult) -> http.client.HTTPConnection:
        """Take an idle connection or make one."""
        key, now = f"{where.scheme}://{where.netloc}", time.monotonic()
        stale = []
        fresh = None
        with self._lock:
            for entry in list(self._idle):
                if now - entry[1] > _IDLE_S:
                    self._idle.remove(entry)
                    stale.append(entry[2])
            for entry in reversed(self._idle):
                if entry[0] == key:
                    self._idle.remove(entry)
                    fresh = entry[2]
                    break
        for connection in stale:
            connection.close()
        return fresh or _open(where, self.bounds.connect_s)


@dataclass
class _Begun:
    """As much of an answer as there is so far."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    reusable: bool = False

    def read(
        self, connection: http.client.HTTPConnection, bounds: Bounds
    ) -> http.client.HTTPResponse:
        """Wait for the headers of the answer."""
        response = connection.getresponse()
        if connection.sock is not None:
            connection.sock.settimeout(bounds.grace_s)
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.reusable = not response.will_close
        packed = self.headers.get("content-encoding", "identity")
        if packed != "identity":
            raise ValueError(f"answer is packed with {packed!r}, unasked")
        return response


def _send(
    connection: http.client.HTTPConnection,
    bounds: Bounds,
    method: str,
    where: SplitResult,
    headers: Mapping[str, str],
    body: bytes | None,
) -> None:
    """Send a request, connecting first where that has not been done."""
    if connection.sock is None:
        connection.connect()
    connection.sock.settimeout(bounds.think_s)
    target = (where.path or "/") + (f"?{where.query}" if where.query else "")
    connection.request(method, target, body, {**headers, "Accept-Encoding": "identity"})


def _open(where: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    """Make a connection, through the environment's proxy where it names one for this host."""
    host, port = where.hostname or "", where.port
    if where.scheme == "http":  # loopback only: `Account` sees to it
        return http.client.HTTPConnection(host, port, timeout=timeout_s)
    context = ssl.create_default_context()
    proxy = urllib.request.getproxies().get("https")
    if proxy is None or urllib.request.proxy_bypass(host):
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
    through = urlsplit(proxy)
    connection = http.client.HTTPSConnection(
        through.hostname or "", through.port, timeout=timeout_s, context=context
    )
    connection.set_tunnel(host, port or 443)
    return connection


def _close(idle: list[_Idle]) -> None:
    """Close connections and forget them."""
    while idle:
        idle.pop()[2].close()


def _check_in_time(expired: threading.Event) -> None:
    """Refuse what came of a connection that was cut: headers cut off read as headers that ended."""
    if expired.is_set():
        raise TimeoutError


def _cut(connection: http.client.HTTPConnection) -> None:
    """Wake whoever waits on a connection by shutting it down."""
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
