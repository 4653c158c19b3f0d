"""Stopping: what a flow run's process does between SIGTERM and its end, a few seconds at most.

    SIGTERM ──> main thread: Prefect raises TerminationSignal; claims and slots are given up
            ──> this module's thread, whatever the main thread is at:
                  at once            units are told, Dask is not taken apart
                  LEAVE_WITHIN_S     SIGKILL to the process and its workers

Python runs a signal's handler between two steps of the main thread, which may be inside a commit, a
request, or a destructor that swallows the exception. The byte that the interpreter's C handler
writes to the wake-up descriptor comes at once, and the thread that reads it needs nobody. SIGKILL
loses nothing: the record takes it at any moment (docs/reliability.md), and what it leaves, leases
and claims, ends by itself.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress

from tasks import leaving

LEAVE_WITHIN_S = 4.5
"""Seconds from SIGTERM to SIGKILL. Prefect's runner looks every 3 s whether a process is gone, so
this is before its second look."""

_watched = threading.Event()


def watch_for_stop() -> None:
    """Have SIGTERM end this process in time; nothing a second time, or outside the main thread."""
    if _watched.is_set() or threading.current_thread() is not threading.main_thread():
        return
    _watched.set()
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    threading.Thread(target=_wait, args=(told,), name="stopping", daemon=True).start()


def lead_a_group() -> None:
    """Make this process the leader of a group, so that all its workers can be ended with it."""
    with suppress(PermissionError):  # it leads one
        os.setsid()


def _wait(told: int) -> None:
    while signal.SIGTERM not in os.read(told, 64):
        pass
    leaving.tell_for_good()
    time.sleep(LEAVE_WITHIN_S)
    end_now()


def end_now() -> None:
    """End this process and, where it leads a group, its workers: the kernel does it."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
