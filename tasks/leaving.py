"""Leaving: whether the run that asked for a unit is still there, and what ends with it.

A run that was stopped (cancelled, suspended, failed) tells its units, so that threads end before
their next scene. A run whose *process* is about to end takes nothing apart: nothing outside it can
see its Dask cluster, and closing one takes seconds that an operator waits for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_left = threading.Event()
_for_good = threading.Event()
_units = threading.Condition()
_running = 0


def tell_for_good() -> None:
    """Say that this process is about to end, whatever it does."""
    _for_good.set()


def for_good() -> bool:
    """Whether this process is about to end, so that taking things apart is of no use."""
    return _for_good.is_set()


def is_left() -> bool:
    """Whether a unit was given up: by its run, or by its run's end as a Dask worker learns it."""
    return _left.is_set() or _for_good.is_set() or _dropped()


@contextmanager
def told() -> Iterator[None]:
    """Tell units in threads of this process when the body fails; Dask would wait for them."""
    _left.clear()
    try:
        yield
    except BaseException:
        _left.set()
        raise


def unit(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function as a unit that `wait_for_units` waits for."""
    global _running  # noqa: PLW0603  # of the process, as its threads are
    with _units:
        _running += 1
    try:
        return function(*args, **kwargs)
    finally:
        with _units:
            _running -= 1
            _units.notify_all()


def wait_for_units(most_s: float) -> None:
    """Wait until no unit runs in a thread of this process, but not for long."""
    deadline = time.monotonic() + most_s
    with _units:
        _units.wait_for(lambda: not _running, max(0.0, deadline - time.monotonic()))


def _dropped() -> bool:
    """Whether the scheduler dropped the unit this thread of a Dask worker is at.

    It does so when the client that wanted the unit closes, is killed or loses its machine.
    """
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:  # in no worker
        return False
    task = worker.state.tasks.get(worker.get_current_task())
    return task is not None and task.state == "cancelled"
