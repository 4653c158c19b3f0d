"""Uploading: objects written by a few threads at once, because a store waits more than it works."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from railwatch.store import Store

THREADS = 8
PENDING = 64
"""Objects waiting to be written at most; building them waits for writing them beyond it."""

TOGETHER = 64
"""Copies handed over at a time in a folder, which makes one durable write of them; a bucket's are
requests, and go one by one over all threads."""


class Upload:
    """Writes objects in the background; a context manager that lets go of its threads."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.objects = 0
        """Objects handed over."""
        self.size = 0
        """Bytes of those that were not copied where they are going."""
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="upload")
        self._pending: deque[Future[None]] = deque()
        self._copies: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def put(self, key: str, data: bytes, content_type: str, *, lasting: bool = False) -> None:
        """Write an object some time before `finish` returns; a `lasting` one never changes.

        Raises
        ------
        StoreError
            An object handed over earlier could not be written.
        """
        self._hand_over(self.store.put, key, data, content_type=content_type, lasting=lasting)
        self.size += len(data)

    def copy(self, source: str, key: str) -> None:
        """Put what is at `source` at `key` as well, some time before `finish` returns.

        Raises
        ------
        StoreError
            An object handed over earlier could not be written.
        """
        self._copies.append((source, key))
        if len(self._copies) >= (1 if self.store.shared else TOGETHER):
            self._copy_now()

    def _copy_now(self) -> None:
        """Hand over the copies that were asked for."""
        if self._copies:
            self._hand_over(self.store.copy_all, self._copies)
            self.objects += len(self._copies) - 1
            self._copies = []

    def _hand_over(self, do: Callable[..., None], *args: Any, **named: Any) -> None:
        """Wait for a free place, then have it done."""
        while len(self._pending) >= PENDING:
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(do, *args, **named))
        self.objects += 1

    def finish(self) -> None:
        """Wait until everything handed over is written.

        Raises
        ------
        StoreError
            Something could not be written.
        """
        self._copy_now()
        while self._pending:
            self._pending.popleft().result()
