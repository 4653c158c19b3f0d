"""How long to keep trying, and how to wait when the service says to.

A 429 holds back every thread of the process, and with a shared file every process of the machine:
otherwise each would find out for itself, at the price of one more refused request.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import logging
import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar

from railwatch.errors import TransientError

log = logging.getLogger(__name__)

T = TypeVar("T")


class GaveUpError(TransientError):
    """Patience has ended; whoever asks on behalf of another does not begin anew.

    A login happens inside the request that needs it: six tries of each would be thirty-six.
    """

    kind = "gave_up"


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long one request is tried."""

    attempts: int = 6
    """Failed attempts, other than 429, before a request is given up."""
    total_s: float = 900.0
    """All attempts and waits together."""
    backoff_s: float = 1.0
    """First wait after a failure; doubles, with jitter."""
    backoff_cap_s: float = 60.0
    wait_floor_s: float = 1.0
    """Least wait after a 429, whatever the service said."""
    wait_cap_s: float = 300.0
    """Longest wait after a 429, whatever the service said."""

    def backoff(self, failures: int) -> float:
        """Seconds to wait after the n-th failure in a row: doubling, half of it by chance."""
        longest = min(self.backoff_cap_s, self.backoff_s * 2.0 ** (failures - 1))
        return longest * random.uniform(0.5, 1.0)


def asked_wait_s(header: str | None, now: dt.datetime) -> float | None:
    """Read `Retry-After`: milliseconds, as this service documents it, or an HTTP date.

    None where it says nothing usable (absent, negative, no number): the caller backs off. Some
    clients read the number as seconds; a service that meant seconds answers 429 again, and then the
    wait doubles.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:12]) / 1000.0, 1e6)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    left = (moment - now).total_seconds()
    return left if left > 0 else None


@dataclass
class Pace:
    """The moment before which nobody may ask, shared by threads and, with a file, by processes."""

    file: Path | None = None
    """Shared by processes that use one account; None: this process only."""
    _not_before: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __getstate__(self) -> dict[str, object]:
        return {"file": self.file}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state, _not_before=0.0, _lock=threading.Lock())

    def hold(self, seconds: float) -> None:
        """Let nobody ask for `seconds`."""
        until = time.time() + seconds
        with self._lock:
            self._not_before = max(self._not_before, until)
        if self.file is not None:
            _raise_in_file(self.file, until)

    def wait(self) -> float:
        """Seconds from now until anybody may ask; 0 if now."""
        with self._lock:
            until = self._not_before
        if self.file is not None:
            until = max(until, _read_file(self.file))
        return max(0.0, until - time.time())


def persist(
    patience: Patience,
    pace: Pace,
    subject: str,
    attempt: Callable[[], T],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Call `attempt` until it succeeds, fails for good, or patience ends.

    `subject`, a scene id or what else is asked for, starts every message.

    A `TransientError` with `retry_after_s` is a 429: it holds everybody back and is no failure of
    the request. Any other `TransientError` counts against `attempts`.

    Raises
    ------
    TransientError
        Patience ended; the last cause is attached.
    """
    ends = time.monotonic() + patience.total_s
    failures = refusals = 0
    while True:
        wait = pace.wait()
        if time.monotonic() + wait > ends:
            raise GaveUpError(
                f"{subject}: gave up after {patience.total_s:g} s", retry_after_s=wait
            )
        if wait:
            # Jitter, or all threads would ask again at the same moment.
            sleep(wait + random.uniform(0.0, 0.1 * min(wait, 10.0)))
        try:
            return attempt()
        except GaveUpError:
            raise
        except TransientError as exc:
            if exc.retry_after_s is not None:
                refusals += 1
                asked = max(exc.retry_after_s, patience.wait_floor_s)
                again = patience.backoff(refusals) if refusals > 1 else 0.0
                pace.hold(min(max(asked, again), patience.wait_cap_s))
                log.info("%s: asked to wait %.1f s (%d in a row)", subject, pace.wait(), refusals)
                continue
            failures, refusals = failures + 1, 0
            pause = patience.backoff(failures)
            if failures >= patience.attempts or time.monotonic() + pause > ends:
                raise GaveUpError(f"{subject}: gave up after {failures} tries: {exc}") from exc
            log.info("%s: try %d failed, again in %.1f s: %s", subject, failures, pause, exc)
            sleep(pause)


def _raise_in_file(path: Path, until: float) -> None:
    """Put a later moment into a shared file; an earlier one changes nothing."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if until > _moment(os.pread(handle, 64, 0)):
            os.pwrite(handle, f"{until:<63.3f}\n".encode(), 0)
    finally:
        os.close(handle)


def _read_file(path: Path) -> float:
    """Read the moment a shared file holds; 0 where there is none."""
    try:
        return _moment(path.read_bytes())
    except FileNotFoundError:
        return 0.0


def _moment(text: bytes) -> float:
    """Read a moment in seconds of the epoch; what is none reads as long ago."""
    try:
        return float(text)
    except ValueError:
        return 0.0
