"""Spreading units over Dask workers from inside one task, through a plain `distributed.Client`.

One Prefect task a unit gave 6 units/s and a server busy for minutes; one task with a client gives
300-420 (docs/decisions/0022). Only a few units a worker are in flight, so a thousand areas of work
never stand in memory as futures. Dask may run a unit twice; units must not mind.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from railwatch.errors import OperatorError, TransientError
from tasks import leaving
from tasks.cluster import end_workers, workers_here

T = TypeVar("T")
R = TypeVar("R")

logger = logging.getLogger(__name__)

PROCESSES_FROM_S = 40.0
"""Estimated seconds of work from which worker processes pay: starting two costs about 8 s of CPU,
and they gain less than half on work that holds the interpreter lock little."""

IN_FLIGHT = 3
"""Units submitted a worker thread: one running, two waiting so that it never idles."""

NOBODY_S = 600.0
"""How long a cluster may have no worker at all: one that grows when needed takes minutes."""

LIVES = 3
"""Times a unit is handed out whose workers died: Dask gives one up after the fourth of them."""

UNIT_ENDS_WITHIN_S = 1.0
"""Seconds that units in threads may take to end once they are told: a request that was paid for."""


@dataclass(frozen=True, slots=True)
class Crew:
    """Who does the work: a Dask scheduler somewhere, or workers of our own."""

    address: str | None = None
    """Scheduler, e.g. `tcp://dask:8786`; None: workers on this machine for the task's length."""
    cores: int = 0
    """Worker threads or processes of our own; 0: one a core this process may use."""
    together: bool = False
    """Stay in this process whatever the work, because the units share something: a budget."""
    patience_s: float = 10.0
    """Seconds a scheduler at `address` may take to answer."""

    @classmethod
    def configured(cls, address: str | None = None) -> Crew:
        """Take the address given, else `RAILWATCH_DASK_ADDRESS`, else work on this machine."""
        return cls(address or os.environ.get("RAILWATCH_DASK_ADDRESS") or None)

    @contextmanager
    def hired(self, work_s: float) -> Iterator[Any]:
        """Give a `distributed.Client`; workers of our own are gone when the body ends.

        Parameters
        ----------
        work_s
            Estimated seconds of work on one core; decides between threads and processes.

        Raises
        ------
        OperatorError
            There is no scheduler at the address.
        """
        with ExitStack() as hired:
            client = self._client(work_s, hired)
            with leaving.told():
                try:
                    yield client
                except BaseException:
                    if leaving.for_good():
                        hired.pop_all()  # nothing is taken apart that ends with this process
                        end_workers()
                        leaving.wait_for_units(UNIT_ENDS_WITHIN_S)
                    raise

    def _client(self, work_s: float, hired: ExitStack) -> Any:
        """Connect to the workers, or make some; the stack takes them apart again."""
        import dask
        from distributed import Client

        if self.address is not None:
            try:
                client = Client(self.address, timeout=self.patience_s, set_as_default=False)
            except (OSError, TimeoutError) as exc:
                raise OperatorError(
                    f"no Dask scheduler answers at {self.address}: start it, or leave --dask and "
                    "RAILWATCH_DASK_ADDRESS out to work on this machine"
                ) from exc
            return hired.enter_context(client)
        cores = self.cores or len(os.sched_getaffinity(0))
        processes = work_s >= PROCESSES_FROM_S and cores > 1 and not self.together
        hired.enter_context(_hushed())
        scratch = hired.enter_context(
            tempfile.TemporaryDirectory(
                prefix="railwatch-dask-", dir=dask.config.get("temporary-directory", None)
            )
        )
        # The scheduler and the client take scratch space, too, and leave it behind.
        hired.enter_context(dask.config.set({"temporary-directory": scratch}))
        cluster = hired.enter_context(workers_here(cores, processes=processes))
        # Results come straight from workers, which are on this machine.
        return hired.enter_context(Client(cluster, set_as_default=False, direct_to_workers=True))


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep Dask from telling how its parts start, stop and miss each other when stopped."""
    chatty = [logging.getLogger(name) for name in ("asyncio", "distributed")]
    before = [logger.level for logger in chatty]
    for logger in chatty:
        logger.setLevel(logging.CRITICAL)
    yield
    # Not after an error or Ctrl-C: parts of the cluster go on complaining until the process ends.
    for logger, level in zip(chatty, before, strict=True):
        logger.setLevel(level)


def spread(client: Any, function: Callable[[T], R], units: Iterable[T]) -> Iterator[tuple[T, R]]:
    """Run `function` on every unit and give (unit, result) as they complete.

    Units are taken from the iterable as workers become free. What a unit raises is raised here;
    units that did not start by then are dropped.

    Raises
    ------
    TransientError
        The scheduler or too many workers died; the same call may succeed.
    """
    from distributed import KilledWorker, as_completed

    waiting = iter(units)
    threads = sum(client.nthreads().values()) or 1
    submitted: dict[str, tuple[T, int]] = {}
    held: Any = None

    def submit(unit: T, lives: int = LIVES) -> Any:
        nonlocal held
        if held is None or held.status in _GONE:
            held = _handed(client, function)
        future = client.submit(_called, held, unit, pure=False)
        submitted[future.key] = unit, lives
        return future

    with ExitStack() as stack, _losses_told():
        first = [submit(unit) for unit in islice(waiting, threads * IN_FLIGHT)]
        running = as_completed(first, loop=client.loop)
        stack.enter_context(_watched(client, running))
        for future in running:
            unit, lives = submitted.pop(future.key)
            try:
                result = future.result()
            except KilledWorker:
                # Dask blames every unit that a dead worker had, also those that only waited there.
                if lives == 1:
                    raise
                running.add(submit(unit, lives - 1))
                continue
            future.release()
            for following in islice(waiting, 1):
                running.add(submit(following))
            yield unit, result


def _handed(client: Any, function: Callable[[T], R]) -> Any:
    """Bring the function, and what it holds (strips of years), to each worker once.

    Threads of this process get the function itself: what one puts on a shelf the next one finds.
    Processes get it as the result of a task, which is made again when all that have it are dead.
    """
    if client.scheduler.address.startswith("inproc://"):
        return client.scatter(function, hash=False)
    return client.submit(_itself, function, pure=False)


@contextmanager
def _losses_told() -> Iterator[None]:
    """Say that Dask lost the work, whatever it calls that."""
    from distributed import CancelledError, KilledWorker
    from distributed.comm.core import CommClosedError

    try:
        yield
    except (KilledWorker, CancelledError, CommClosedError) as exc:
        raise TransientError(f"Dask lost the work: {exc}") from exc


@contextmanager
def _watched(client: Any, running: Any) -> Iterator[None]:
    """Cancel units that nobody is there to run any more; they would wait for ever."""
    done = threading.Event()

    def watch() -> None:
        seen = time.monotonic()
        while not done.wait(NOBODY_S / 20):
            with suppress(OSError, RuntimeError):  # that the scheduler is gone, others notice
                if client.nthreads():
                    seen = time.monotonic()
            if time.monotonic() - seen > NOBODY_S:
                logger.error("no Dask worker for %g s: the work is given up", NOBODY_S)
                client.cancel(list(running.futures), reason="no worker", msg="there was no worker")
                return

    watcher = threading.Thread(target=watch, name="railwatch-workers", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join(5.0)


_GONE = {"error", "cancelled", "lost"}
"""What a future can be that gives nothing any more."""


def _itself(function: Callable[[T], R]) -> Callable[[T], R]:
    """Give the function, on a worker, where the units that need it find it."""
    return function


def _called(function: Callable[[T], R], unit: T) -> R:
    """Run the function on a unit, on a worker."""
    return leaving.unit(function, unit)
