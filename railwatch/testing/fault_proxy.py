"""A proxy in front of an object store that does what networks and gateways do, on purpose.

    with FaultProxy(endpoint, Mix({Ill.LOST: 0.05, Ill.BUSY: 0.05})) as proxy:
        os.environ["AWS_ENDPOINT_URL"] = proxy.url

Requests pass as they are, `Host` header included, so signatures stay right. What it did and how
often is in `proxy.done`.
"""

from __future__ import annotations

import contextlib
import enum
import http.client
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_BUSY = (
    b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.'
    b"</Message></Error>"
)
_EXPIRED = (
    b'<?xml version="1.0"?><Error><Code>ExpiredToken</Code><Message>The provided token has expired.'
    b"</Message></Error>"
)


class Ill(enum.StrEnum):
    """One way an exchange goes wrong."""

    LOST = "answer lost"
    """The store does what it was asked; its answer never arrives."""
    BUSY = "503"
    RESET = "reset"
    """The connection is cut before the store hears of it."""
    TRUNCATED = "truncated"
    """Half the body of an answer that announced its length."""
    DOWN = "down"
    """Nobody answers: the connection is cut for as long as the store is down."""
    EXPIRED = "keys expired"
    """403 to everything from some request on."""


@dataclass(frozen=True)
class Mix:
    """What goes wrong, how often and when."""

    probability: Mapping[Ill, float] = field(default_factory=dict)
    up_s: float = 0.0
    """Flapping: answers so long ..."""
    down_s: float = 0.0
    """... and then not for so long; 0: always up."""
    expires_after: int = 0
    """Requests after which keys are refused; 0: never."""
    seed: int = 0


@dataclass
class FaultProxy:
    """An HTTP server on loopback that hands requests on, or does not."""

    upstream: str
    mix: Mix = field(default_factory=Mix)

    def __post_init__(self) -> None:
        self.done: Counter[str] = Counter()
        """Requests by what was done to them; `whole` where nothing was."""
        self._dice = random.Random(self.mix.seed)
        self._lock = threading.Lock()
        self._since = time.monotonic()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    @property
    def url(self) -> str:
        """Endpoint to use in the place of the store's."""
        if self._server is None:
            raise RuntimeError("the proxy is not running")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def requests(self) -> int:
        """Requests that arrived."""
        return sum(self.done.values())

    def draw(self) -> Ill | None:
        """Decide about one request."""
        with self._lock:
            ill = self._drawn()
            self.done[ill.value if ill else "whole"] += 1
            return ill

    def _drawn(self) -> Ill | None:
        mix = self.mix
        if mix.expires_after and self.requests >= mix.expires_after:
            return Ill.EXPIRED
        period = mix.up_s + mix.down_s
        if mix.down_s and (time.monotonic() - self._since) % period >= mix.up_s:
            return Ill.DOWN
        chance = self._dice.random()
        for ill, probability in mix.probability.items():
            chance -= probability
            if chance < 0:
                return ill
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients hang up when they have waited long enough."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        ill = self.server.proxy.draw()
        if ill in (Ill.RESET, Ill.DOWN):
            self._cut()
        elif ill is Ill.BUSY:
            self._say(503, {"Content-Type": "application/xml"}, _BUSY)
        elif ill is Ill.EXPIRED:
            self._say(403, {"Content-Type": "application/xml"}, _EXPIRED)
        else:
            status, headers, answer = self._ask(body)
            if ill is Ill.LOST:
                self._cut()
            elif ill is Ill.TRUNCATED and len(answer) > 1 and self.command != "HEAD":
                self._say(status, headers, answer, cut=len(answer) // 2)
            else:
                self._say(status, headers, answer)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  # names the base class looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as in the base class
        """Log nothing."""

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Hand the request on, headers as they came."""
        upstream = urlsplit(self.server.proxy.upstream)
        connection = http.client.HTTPConnection(upstream.hostname or "", upstream.port, timeout=60)
        try:
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            response = connection.getresponse()
            answer = response.read()
            headers = {n: v for n, v in response.getheaders() if n.lower() not in _HOP_BY_HOP}
            if self.command == "HEAD":
                headers["Content-Length"] = response.getheader("Content-Length") or "0"
            return response.status, headers, answer
        finally:
            connection.close()

    def _say(self, status: int, headers: Mapping[str, str], body: bytes, *, cut: int = 0) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut] if cut else body)
        if cut:
            self._cut()

    def _cut(self) -> None:
        """Cut the connection."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
