"""The decoder's own side: takes a job, does it, answers, until nobody asks any more.

python -m railwatch.decoder CONNECTION MEMORY LIMIT SECONDS    # started by railwatch.decoder
"""

from __future__ import annotations

import contextlib
import importlib
import json
import mmap
import os
import pickle
import resource
import select
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from railwatch.decoder.desk import Desk, Files
from railwatch.decoder.process import ABSENT, FOUND
from railwatch.errors import SceneError, TransientError
from railwatch.scene import Rejection

_GRACE_S = 30.0
"""By how much a decoder outlives its deadline if the worker that should end it is gone."""


class AskedFiles:
    """Files of a store that only the worker can reach."""

    def __init__(self, worker: Connection) -> None:
        self._worker = worker

    def size(self, key: str) -> int:
        """Ask the worker for a file's length, bytes."""
        return int.from_bytes(self._asked([key]), "little")

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Ask the worker for a piece of a file."""
        return self._asked([key, start, length])

    def _asked(self, wanted: list[Any]) -> bytes:
        left_s, _ = signal.setitimer(signal.ITIMER_REAL, 0.0)  # a slow network is no hang
        self._worker.send_bytes(json.dumps({"wants": wanted}).encode())
        reply = self._worker.recv_bytes()
        signal.setitimer(signal.ITIMER_REAL, left_s)
        if reply[:1] == FOUND:
            return reply[1:]
        if reply[:1] == ABSENT:
            raise KeyError(wanted[0])
        raise OSError(f"{wanted[0]}: could not be fetched")


def serve(worker: Connection, memory_fd: int, deadline_s: float) -> None:
    """Do what the worker asks until it is gone."""
    memory: mmap.mmap | None = None
    while True:
        try:
            request = worker.recv_bytes()
        except (EOFError, ConnectionError):
            return
        signal.setitimer(signal.ITIMER_REAL, deadline_s + _GRACE_S)
        job, own, length, begin, size = pickle.loads(request)  # noqa: S301  # of the worker
        if memory is None or len(memory) != size:
            memory = mmap.mmap(memory_fd, size)
        files: Files = own or AskedFiles(worker)
        with memoryview(memory) as whole, whole[:length] as content:
            answer = _done(job, Desk(files, content, memory, begin))
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        with contextlib.suppress(ConnectionError):
            worker.send_bytes(json.dumps(answer).encode())


def _done(job: Any, desk: Desk) -> dict[str, Any]:
    """Do a job; every way it can end as JSON."""
    try:
        said = job.run(desk)
    except SceneError as exc:
        return {"scene": [exc.scene_id, exc.reason, exc.detail]}
    except TransientError as exc:
        return {"transient": str(exc)}
    except MemoryError:
        reason = "decoding it wants more memory than a scene may take"
        return {"scene": [job.scene_id, Rejection.ASSET_UNREADABLE, reason]}
    except Exception:  # noqa: BLE001  # raised again by the worker
        return {"bug": traceback.format_exc()[-4000:]}
    return {"said": said, "arrays": desk.laid}


def confine(memory: int) -> None:
    """Give up what decoding does not need: signals that end it, memory, files to write."""
    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with contextlib.suppress(OSError, ValueError):  # where the system does not tell or limit
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def end_with(worker: Connection) -> None:
    """End this process when the worker is gone, also in the middle of a job."""
    gone = select.poll()
    gone.register(worker.fileno(), 0)  # told of its end, never of what it says
    while not gone.poll():
        pass
    os._exit(0)


def main() -> None:
    """Serve the worker that started this process."""
    connection, memory_fd, memory = map(int, sys.argv[1:4])
    importlib.import_module("rasterio")  # and its numpy, before memory is limited
    worker = Connection(connection)
    threading.Thread(target=end_with, args=(worker,), name="end", daemon=True).start()
    confine(memory)
    serve(worker, memory_fd, float(sys.argv[4]))


if __name__ == "__main__":
    main()
