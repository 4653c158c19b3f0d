"""Uploading: objects written by a few threads at once, because a store waits more than it works."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from railwatch.store import Store

THREADS = 8
PENDING = 64
"""Objects waiting to be written at most; building them waits for writing them beyond it."""


class Upload:
    """Writes objects in the background; a context manager that lets go of its threads."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.objects = 0
        """Objects handed over."""
        self.size = 0
        """Their bytes."""
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="upload")
        self._pending: deque[Future[None]] = deque()

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
        while len(self._pending) >= PENDING:
            self._pending.popleft().result()
        self._pending.append(
            self._pool.submit(self.store.put, key, data, content_type=content_type, lasting=lasting)
        )
        self.objects += 1
        self.size += len(data)

    def finish(self) -> None:
        """Wait until everything handed over is written.

        Raises
        ------
        StoreError
            Something could not be written.
        """
        while self._pending:
            self._pending.popleft().result()
