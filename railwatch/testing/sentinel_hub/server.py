"""The emulator itself: an HTTP server on loopback that answers as Sentinel Hub does.

    with Emulator(archive=folder) as hub:
        client = ...(base_url=hub.url, token_url=hub.token_url)
        ...
        hub.ledger.spent_pu

It serves OAuth, Catalog and Process under both path families, refuses what the service is recorded
to refuse, charges processing units, keeps a ledger and goes wrong on demand. Pixels come from an
archive of GeoTIFF scenes. It is a double for tests and demos, not a product: it trusts its archive.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from railwatch.testing.sentinel_hub.answer import (
    Answer,
    Refusal,
    Request,
    too_many,
    unauthorised,
    wrapped,
    wrong_method,
)
from railwatch.testing.sentinel_hub.catalog import Catalog
from railwatch.testing.sentinel_hub.faults import ALTERATIONS, BEFORE_WORK, Fault, Faults
from railwatch.testing.sentinel_hub.holdings import Holding, read_archive, with_old_copies
from railwatch.testing.sentinel_hub.ledger import Ledger, Limits, Meter
from railwatch.testing.sentinel_hub.oauth import TOKEN_LIFE_S, TOKEN_PATHS, Door
from railwatch.testing.sentinel_hub.process import SPENT_HEADER, Process

log = logging.getLogger(__name__)

PROCESS_PATHS = ("/api/v1/process", "/process/v1")
CATALOG_ROOTS = ("/api/v1/catalog/1.0.0", "/catalog/v1")
LEDGER_PATH = "/emulator/ledger"
"""Not part of the service: where readers in other processes find the ledger as JSON."""
OPEN_CATALOG_PATHS = ("", "/", "/conformance")
CLIENT_ID = "emulator-client"
CLIENT_SECRET = "emulator-secret"  # noqa: S105  # opens nothing but an emulator on loopback


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer and what the ledger says of it."""

    service: str
    key: str
    answer: Answer
    fault: Fault | None


@dataclass
class Emulator:
    """A Sentinel Hub deployment on loopback, over an archive of scenes on disk."""

    archive: Path | str | None = None
    """Folder of STAC Items with GeoTIFF assets; None: only `holdings`."""
    holdings: Sequence[Holding] = ()
    """Scenes held besides the archive's."""
    clients: dict[str, str] = field(default_factory=lambda: {CLIENT_ID: CLIENT_SECRET})
    """Secret of each client id."""
    token_life_s: float = TOKEN_LIFE_S
    limits: Limits = field(default_factory=Limits.none)
    faults: Faults = field(default_factory=Faults)
    old_copies: bool = False
    """List each Sentinel-2 acquisition a second time in an older processing, as CDSE does."""
    milliseconds: bool = True
    """Times with milliseconds as on CDSE; False: whole seconds as on the main deployment."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """The service's collection id for collection ids of the archive, where they differ."""
    port: int = 0
    """0: any free port."""
    latency_s: float = 0.0
    """Waited before each answer."""
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        held = [*self.holdings]
        if self.archive is not None:
            held += read_archive(Path(self.archive), self.renamed)
        self.holdings = with_old_copies(held) if self.old_copies else tuple(held)
        self.ledger = Ledger()
        self.door = Door(self.clients, self.token_life_s, self.clock)
        self.meter = Meter(self.limits)
        self.catalog = Catalog(self._held, self.milliseconds)
        self.process = Process(self._held, self.meter)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", self.port), self)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="sentinel-hub-emulator"
        )
        self._thread.start()
        log.info("emulating Sentinel Hub at %s with %d scenes", self.url, len(self.holdings))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.close_connections()
            self._server.server_close()

    @property
    def url(self) -> str:
        """Base URL of the deployment."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token_url(self) -> str:
        """Where clients log in."""
        return f"{self.url}{TOKEN_PATHS[1]}"

    def new_month(self, limits: Limits | None = None) -> None:
        """Forget what was spent, as on the first of a month, and apply `limits` if given."""
        self.meter.top_up(limits or self.limits)

    def respond(self, request: Request) -> Outcome:
        """Answer one request, with a fault if it is this request's turn."""
        service = _service(request.path)
        key = hashlib.sha256(request.body).hexdigest()[:16]
        fault = self.faults.draw(service, key)
        try:
            if fault in BEFORE_WORK:
                raise _instead(fault, self.faults.retry_after_ms)
            answer = self._route(service, request, fault)
            if fault is Fault.PAGING_LOOP:
                answer = _looping(answer, request)
        except Refusal as refusal:
            answer = refusal.answer
        return Outcome(service, key, answer, fault)

    def _route(self, service: str, request: Request, fault: Fault | None) -> Answer:
        """Hand a request to the API it is for."""
        if service == "token":
            if request.method != "POST":
                raise wrong_method()
            return self.door.issue(request)
        if request.path == LEDGER_PATH:
            return Answer.of_json(self.ledger.document())
        path = _catalog_path(request.path)
        if path in OPEN_CATALOG_PATHS:
            return self.catalog.answer(request, path or "")
        self.door.check(request)
        if service == "process":
            return self.process.answer(request, ALTERATIONS.get(fault) if fault else None)
        if path is None:
            raise wrapped(404, "COMMON_NOT_FOUND", "Not Found")
        self.meter.admit(0.0)
        return self.catalog.answer(request, path)

    def _held(self) -> Sequence[Holding]:
        """Scenes held now; the archive may be given more while the emulator runs."""
        return self.holdings


def _service(path: str) -> str:
    """Name the API a path belongs to."""
    if path in TOKEN_PATHS:
        return "token"
    if path in PROCESS_PATHS:
        return "process"
    return "other" if _catalog_path(path) is None else "catalog"


def _catalog_path(path: str) -> str | None:
    """Path below the catalog's root; None: not a catalog path."""
    for root in CATALOG_ROOTS:
        if path == root or path.startswith(f"{root}/"):
            return path.removeprefix(root)
    return None


def _instead(fault: Fault, retry_after_ms: int) -> Refusal:
    """Say what a fault answers instead of working."""
    past = formatdate(0, usegmt=True)
    elsewhere = {"Location": "http://169.254.169.254/latest/meta-data/"}
    page = b"<html><body><h1>503 Service Unavailable</h1></body></html>"
    refusals = {
        Fault.TOO_MANY: too_many(str(retry_after_ms)),
        Fault.TOO_MANY_DATE: too_many(past),
        Fault.TOO_MANY_GARBAGE: too_many("soon"),
        Fault.SERVER_ERROR: wrapped(500, "RENDERER_EXCEPTION", "Index service failure: 500"),
        Fault.BAD_SOURCE: wrapped(500, "RENDERER_EXCEPTION", "newLimit > capacity: (2808 > 2804)"),
        Fault.REDIRECT: Refusal(Answer(302, b"", headers=elsewhere)),
        Fault.UNAUTHORISED: unauthorised(),
        Fault.UNAVAILABLE: Refusal(Answer(503, page, "text/html")),
        Fault.RESET: Refusal(Answer(503, b"")),  # never written: the connection is cut
    }
    return refusals[fault]


def _looping(answer: Answer, request: Request) -> Answer:
    """Make a catalog page point at itself as the next one."""
    page = json.loads(answer.body)
    page["context"]["next"] = json.loads(request.body or b"{}").get("next") or 0
    return Answer.of_json(page, content_type=answer.content_type)


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that closing does not wait for idle clients."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], hub: Emulator) -> None:
        self.hub = hub
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  # as in the base class
        """Log instead of printing: clients may hang up whenever they like."""
        log.debug("connection from %s failed: %s", client_address, sys.exc_info()[1])

    def close_connections(self) -> None:
        """Cut every connection that is still open."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """Reads a request, lets the hub answer, and writes the answer well or badly."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._exchange()

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815  # names the base class looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as in the base class
        log.debug(format, *args)

    def _exchange(self) -> None:
        """Answer one request and enter it in the ledger."""
        hub = self.server.hub
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(url.query))
        request = Request(self.command, url.path, query, headers, body)
        if hub.latency_s:
            time.sleep(hub.latency_s)
        outcome = hub.respond(request)
        cut = outcome.fault is Fault.RESET
        hub.ledger.write(
            method=self.command,
            service=outcome.service,
            key=outcome.key,
            status=0 if cut else outcome.answer.status,
            pu=float(outcome.answer.headers.get(SPENT_HEADER, 0.0)),
            fault=outcome.fault.value if outcome.fault else "",
        )
        if cut:
            self._reset()
        else:
            self._write(outcome.answer, outcome.fault, hub.faults.drip_s)

    def _write(self, answer: Answer, fault: Fault | None, drip_s: float) -> None:
        """Write an answer the way its fault says."""
        body = answer.body
        if fault is Fault.EMPTY:
            body = b""
        elif fault is Fault.HTML:
            body = b"<!DOCTYPE html><html><body>Please sign in to the network.</body></html>"
        declared = len(body)
        if fault in (Fault.TRUNCATED, Fault.TRUNCATED_UNDECLARED):
            body = body[: declared // 2]
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if fault is Fault.TRUNCATED_UNDECLARED:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(declared))
        self.end_headers()
        if fault is Fault.DRIP:
            self._drip(body, drip_s)
        else:
            self.wfile.write(body)
        if len(body) < declared:
            self.close_connection = True

    def _drip(self, body: bytes, drip_s: float) -> None:
        """Write a byte at a time until the client gives up."""
        for at in range(len(body)):
            self.wfile.write(body[at : at + 1])
            self.wfile.flush()
            time.sleep(drip_s)

    def _reset(self) -> None:
        """Cut the connection so that the client sees a reset, not an end."""
        linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True
