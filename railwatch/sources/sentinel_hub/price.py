"""What a request costs before it is sent, and the budget that may refuse it.

    PU = max(width x height / 512^2, 0.01) x bands / 3 x processing,  at least 0.005

References
----------
Sentinel Hub documentation, "Processing units" (2026): 16-bit output, one sample a pixel and
`dataMask` not counted; orthorectified radar doubles the price.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from railwatch.errors import QuotaError
from railwatch.sources.sentinel_hub.collection import Collection

_UNIT_PX = 512 * 512
_LEAST_AREA = 0.01
_LEAST_PU = 0.005
_ORTHORECTIFIED = 2.0


def processing_units(collection: Collection, width: int, height: int) -> float:
    """Price one Process request of `width` x `height` pixels."""
    area = max(width * height / _UNIT_PX, _LEAST_AREA)
    radar = _ORTHORECTIFIED if collection.radar else 1.0
    return max(_LEAST_PU, area * collection.paid_bands / 3 * radar)


def response_bytes(collection: Collection, width: int, height: int) -> int:
    """Bound the bytes of one response: its pixels uncompressed, uint16 each."""
    return width * height * 2 * (collection.paid_bands + 1)


@dataclass
class Budget:
    """Processing units a run may spend; shared by its threads.

    A request takes its price out before it is sent and gives back what the service did not charge,
    so the limit holds at every moment and however many threads pay.
    """

    max_pu: float = math.inf
    spent_pu: float = 0.0
    """Charged so far, as the service's answers said."""
    _held_pu: float = 0.0
    _closed: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __getstate__(self) -> dict[str, object]:
        return {"max_pu": self.max_pu, "spent_pu": self.spent_pu, "_closed": self._closed}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state, _held_pu=0.0, _lock=threading.Lock())

    def check(self) -> None:
        """Refuse if the account said that nothing is left."""
        if self._closed:
            raise QuotaError(self._closed)

    def close(self, reason: str) -> None:
        """Stop every later request of this run: the account said that nothing is left."""
        self._closed = reason

    @contextmanager
    def paying(self, price_pu: float) -> Iterator[list[float]]:
        """Hold `price_pu` while a request is under way; the caller appends what was charged.

        Raises
        ------
        QuotaError
            The price would exceed what is left, or the account is empty.
        """
        with self._lock:
            self.check()
            if self.spent_pu + self._held_pu + price_pu > self.max_pu * (1 + 1e-12):
                raise QuotaError(
                    f"max_pu: {price_pu:.3f} PU more would exceed {self.max_pu:g} "
                    f"(spent {self.spent_pu:.3f}); raise max_pu and run again to go on from here"
                )
            self._held_pu += price_pu
        charged: list[float] = []
        try:
            yield charged
        finally:
            with self._lock:
                self._held_pu -= price_pu
                self.spent_pu += math.fsum(charged)
