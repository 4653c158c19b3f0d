"""Who asked for what, what it cost, and what was left: ledger, price, buckets.

The price is the service's published formula, written here a second time on purpose: the client's
price before sending and the emulator's charge after answering must agree without sharing code.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

from railwatch.testing.sentinel_hub.answer import out_of_quota, too_many, wrapped


@dataclass(frozen=True, slots=True)
class Entry:
    """One request as the emulator answered it."""

    number: int
    """Order of arrival, from 1."""
    method: str
    service: str
    """`token`, `catalog`, `process` or `other`."""
    key: str
    """Digest of the body: equal for equal requests."""
    status: int
    """HTTP status; 0 where the connection was cut before one was sent."""
    pu: float
    """Processing units charged."""
    fault: str
    """Which fault was put in; empty: none."""


@dataclass
class Ledger:
    """Every request in order of arrival; safe to read while the server works."""

    _entries: list[Entry] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(
        self, *, method: str, service: str, key: str, status: int, pu: float, fault: str
    ) -> None:
        """Add one line."""
        with self._lock:
            number = len(self._entries) + 1
            self._entries.append(Entry(number, method, service, key, status, pu, fault))

    def entries(self, service: str | None = None) -> tuple[Entry, ...]:
        """Lines so far, of one service if named."""
        with self._lock:
            every = tuple(self._entries)
        return tuple(e for e in every if service in (None, e.service))

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries())

    def __len__(self) -> int:
        return len(self.entries())

    @property
    def spent_pu(self) -> float:
        """Processing units charged so far."""
        return math.fsum(e.pu for e in self.entries())

    def paid(self) -> Counter[str]:
        """How often each distinct request was paid for and delivered whole."""
        return Counter(e.key for e in self.entries() if e.pu > 0 and not e.fault)

    def document(self) -> dict[str, object]:
        """Say everything as JSON-serialisable values, for readers in other processes."""
        return {"spent_pu": self.spent_pu, "entries": [asdict(e) for e in self.entries()]}


@dataclass(frozen=True, slots=True)
class Work:
    """What of a Process request its price depends on."""

    width: int
    height: int
    bands: int
    """Input bands, `dataMask` counted only if it stands alone."""
    samples: int = 1
    """Data samples a pixel; 1 for SIMPLE mosaicking."""
    float32: bool = False
    octet_stream: bool = False
    datasets: int = 1
    """Input collections; more than one is data fusion."""
    orthorectify: bool = False
    terrain: bool = False
    """Radiometric terrain correction; contains orthorectification."""
    speckle: bool = False


def price(work: Work) -> float:
    """Price one Process request in processing units.

    References
    ----------
    Sentinel Hub documentation, "Processing units": 512 x 512 px, 3 bands, 16 bit is one unit.
    """
    area = max(work.width * work.height / (512 * 512), 0.01)
    depth = 1.4 if work.octet_stream else 2.0 if work.float32 else 1.0
    radar = 2.5 if work.terrain else 2.0 if work.orthorectify else 1.0
    if work.speckle:
        radar *= 2.0
    fusion = max(1, work.datasets)
    return max(0.005, area * work.bands / 3 * depth * max(work.samples, 1) * fusion * radar)


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account may use. Defaults are those of a CDSE general user."""

    pu_per_month: float = 10_000.0
    requests_per_month: float = 10_000.0
    pu_per_minute: float = 300.0
    requests_per_minute: float = 300.0

    @classmethod
    def none(cls) -> Limits:
        """No limit at all."""
        return cls(math.inf, math.inf, math.inf, math.inf)


@dataclass
class _Bucket:
    """A token bucket that starts full and refills evenly, never above its capacity."""

    capacity: float
    filled_at: float
    level: float = field(init=False)

    def __post_init__(self) -> None:
        self.level = self.capacity

    def refill(self, now: float) -> None:
        if math.isinf(self.capacity):
            return
        rate = self.capacity / 60.0
        self.level = min(self.capacity, self.level + (now - self.filled_at) * rate)
        self.filled_at = now

    def wait_s(self, amount: float) -> float:
        """Seconds until `amount` is there; 0 if it is."""
        return max(0.0, amount - self.level) / (self.capacity / 60.0)


@dataclass
class Meter:
    """Lets a request through or says why not, and charges what succeeded.

    Every policy has a bucket and every bucket must have enough. Requests count when let through;
    units only when the answer is a success.
    """

    limits: Limits
    clock: Callable[[], float] = time.monotonic
    spent_pu: float = 0.0
    requests: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        now = self.clock()
        self._requests_minute = _Bucket(self.limits.requests_per_minute, now)
        self._pu_minute = _Bucket(self.limits.pu_per_minute, now)

    def admit(self, pu: float) -> None:
        """Take a request worth `pu` out of the buckets or refuse it."""
        with self._lock:
            now = self.clock()
            self._requests_minute.refill(now)
            self._pu_minute.refill(now)
            if (
                self.requests + 1 > self.limits.requests_per_month
                or self.spent_pu + pu > self.limits.pu_per_month
            ):
                raise out_of_quota()
            if pu > self._pu_minute.capacity:
                raise wrapped(
                    403,
                    "RATE_LIMIT_TOKEN_COUNT_EXCEEDS_CAPACITY",
                    "The request needs more processing units than the policy ever holds.",
                )
            wait_s = max(self._requests_minute.wait_s(1), self._pu_minute.wait_s(pu))
            if wait_s > 0:
                raise too_many(str(math.ceil(wait_s * 1000)))
            self._requests_minute.level -= 1
            self._pu_minute.level -= pu
            self.requests += 1
            self.spent_pu += pu

    def give_back(self, pu: float) -> None:
        """Undo the charge of a request that failed: only successes cost units."""
        with self._lock:
            self.spent_pu -= pu
            self._pu_minute.level = min(self._pu_minute.capacity, self._pu_minute.level + pu)

    def top_up(self, limits: Limits) -> None:
        """Start a new month under `limits`, as on the first of the month or after an upgrade."""
        with self._lock:
            self.limits = limits
            self.spent_pu = 0.0
            self.requests = 0
            now = self.clock()
            self._requests_minute = _Bucket(limits.requests_per_minute, now)
            self._pu_minute = _Bucket(limits.pu_per_minute, now)
