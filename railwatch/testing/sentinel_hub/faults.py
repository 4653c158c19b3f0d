"""Faults on demand: what networks, gateways and the service itself do wrong, put in on purpose.

Which request gets which fault is decided by a schedule (request number of a service) or by chance.
Chance is drawn from the seed, the request's own digest and how often that request has come, so it
does not depend on the order in which threads happen to arrive.
"""

from __future__ import annotations

import enum
import hashlib
import random
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from railwatch.testing.sentinel_hub.process import Alteration


class Fault(enum.StrEnum):
    """One way an exchange goes wrong."""

    TOO_MANY = "too_many"
    """429 with a wait in milliseconds."""
    TOO_MANY_DATE = "too_many_date"
    """429 whose wait is an HTTP date in the past."""
    TOO_MANY_GARBAGE = "too_many_garbage"
    """429 whose wait is no number at all."""
    SERVER_ERROR = "server_error"
    """500: index service failure, goes away."""
    BAD_SOURCE = "bad_source"
    """500 that never goes away: the service's own file is corrupt."""
    UNAVAILABLE = "unavailable"
    """503 from a gateway, in HTML."""
    RESET = "reset"
    """The connection is cut instead of an answer."""
    TRUNCATED = "truncated"
    """Half the body of an answer that announced its length."""
    TRUNCATED_UNDECLARED = "truncated_undeclared"
    """Half the body of an answer that did not: looks complete."""
    DRIP = "drip"
    """The body comes a byte at a time."""
    EMPTY = "empty"
    """200 with no body."""
    HTML = "html"
    """200 with a page of HTML that claims to be what was asked for."""
    WRONG_SIZE = "wrong_size"
    WRONG_CRS = "wrong_crs"
    WRONG_SCENE = "wrong_scene"
    """Pixels of another acquisition than the asked one."""
    REDIRECT = "redirect"
    """302 to somewhere the client must not go."""
    UNAUTHORISED = "unauthorised"
    """401 although the token is good."""
    PAGING_LOOP = "paging_loop"
    """A catalog page whose `next` points at itself."""


BEFORE_WORK = frozenset(
    {
        Fault.TOO_MANY,
        Fault.TOO_MANY_DATE,
        Fault.TOO_MANY_GARBAGE,
        Fault.SERVER_ERROR,
        Fault.BAD_SOURCE,
        Fault.UNAVAILABLE,
        Fault.RESET,
        Fault.REDIRECT,
        Fault.UNAUTHORISED,
    }
)
"""Faults that stand instead of an answer; the others spoil one, which has been charged for."""

ALTERATIONS = {
    Fault.WRONG_SIZE: Alteration(shrink_px=1),
    Fault.WRONG_CRS: Alteration(epsg_shift=1),
    Fault.WRONG_SCENE: Alteration(other_scene=True),
}


@dataclass
class Faults:
    """Decides which fault each request gets."""

    schedule: Mapping[tuple[str, int], Fault] = field(default_factory=dict)
    """By service and number of the request to it, from 1: `{("process", 3): Fault.RESET}`."""
    probability: Mapping[Fault, float] = field(default_factory=dict)
    """Chance of each fault; their sum is the chance of any."""
    services: frozenset[str] = frozenset({"process"})
    """Services chance applies to."""
    seed: int = 0
    drip_s: float = 0.2
    """Seconds between the bytes of a dripping body."""
    retry_after_ms: int = 50
    """What a 429 asks for."""
    _seen: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def draw(self, service: str, key: str) -> Fault | None:
        """Decide about one request."""
        with self._lock:
            self._seen[service] += 1
            self._seen[f"{service}:{key}"] += 1
            number, again = self._seen[service], self._seen[f"{service}:{key}"]
        scheduled = self.schedule.get((service, number))
        if scheduled is not None or service not in self.services:
            return scheduled
        digest = hashlib.sha256(f"{self.seed}:{service}:{key}:{again}".encode()).digest()
        chance = random.Random(digest).random()
        for fault, probability in self.probability.items():
            chance -= probability
            if chance < 0:
                return fault
        return None
