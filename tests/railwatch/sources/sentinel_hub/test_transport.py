"""An exchange ends in time with a whole answer or a reason to try again."""

import socket
import threading
import time
from contextlib import contextmanager

import pytest

from railwatch.errors import TransientError
from railwatch.sources.sentinel_hub.transport import Bounds, Transport
from railwatch.testing.sentinel_hub import Emulator, Fault, Faults

QUICK = Bounds(deadline_s=1.5, connect_s=1.0, grace_s=0.3, least_rate=10_000, think_s=1.0)


def get(hub, bounds=QUICK, most_bytes=1 << 20, path="/catalog/v1/conformance"):
    with Transport(bounds) as transport:
        return transport.exchange("GET", f"{hub.url}{path}", {}, None, most_bytes)


@pytest.mark.parametrize(
    "fault", [Fault.RESET, Fault.TRUNCATED, Fault.DRIP], ids=lambda fault: fault.value
)
def test_broken_answers_are_reasons_to_try_again(fault):
    """Cut connections, bodies cut short and bodies that drip."""
    started = time.monotonic()
    with Emulator(faults=Faults({("catalog", 1): fault})) as hub, pytest.raises(TransientError):
        get(hub)

    assert time.monotonic() - started < 3


def test_redirects_are_answers_not_orders():
    """The client stays where it was sent, so a token never goes anywhere else."""
    with Emulator(faults=Faults({("catalog", 1): Fault.REDIRECT})) as hub:
        reply = get(hub)

    assert reply.status == 302
    assert len(hub.ledger) == 1


def test_large_answers_are_cut_off():
    """More than can be right is not read to its end."""
    with Emulator() as hub, pytest.raises(TransientError, match="where at most 100 fit"):
        get(hub, most_bytes=100)


def test_connections_are_used_again():
    """Ten exchanges go over one connection."""
    with Emulator() as hub, Transport(QUICK) as transport:
        for _ in range(10):
            transport.exchange("GET", f"{hub.url}/catalog/v1", {}, None, 1 << 20)
        with transport._lock:
            assert len(transport._idle) == 1


@contextmanager
def raw_server(speak):
    """A server that does `speak(connection)` with whoever comes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            speak(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        thread.join(10)
        listener.close()


def test_headers_that_drip_end_at_the_deadline():
    """Not only the body: a server that sends its headers a byte at a time is left, too."""

    def speak(connection):
        try:
            for byte in b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 400:
                connection.sendall(bytes([byte]))
                time.sleep(0.05)
        except OSError:
            return

    started = time.monotonic()
    with (
        raw_server(speak) as url,
        Transport(QUICK) as transport,
        pytest.raises(TransientError, match="no complete answer"),
    ):
        transport.exchange("GET", url, {}, None, 1000)

    assert 1.0 < time.monotonic() - started < 4.0


def test_packed_bodies_are_not_unpacked():
    """A gzip bomb is refused by its label; nobody asked for gzip."""

    def speak(connection):
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbomb"
        )

    with (
        raw_server(speak) as url,
        Transport(QUICK) as transport,
        pytest.raises(TransientError, match="packed with 'gzip'"),
    ):
        transport.exchange("GET", url, {}, None, 1000)
