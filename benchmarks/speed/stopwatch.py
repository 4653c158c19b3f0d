"""What a contender's process measures of itself; standard library only, for peers' environments.

Processor time is user and system of the process and of its children, ended or not. The greatest
resident set is the kernel's own high-water mark since the program was loaded. Imports and the
loading of compiled kernels come before the watch is started, for ours and for peers alike.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self


def cpu_s() -> float:
    """User and system seconds of this process and its children, ended or not."""
    return time.process_time() + sum(os.times()[2:4]) + sum(map(_alive_s, _children()))


def _children() -> list[int]:
    """Ids of the processes that any thread of this one started and did not wait for."""
    told = Path("/proc/self/task").glob("*/children")
    return [int(pid) for one in told for pid in one.read_text(encoding="ascii").split()]


def _alive_s(pid: int) -> float:
    """User and system seconds of a child and of those it waited for."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    ticks = told.rsplit(")", 1)[1].split()[11:15]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def peak_mb() -> float:
    """High-water mark of the resident set, MB."""
    return _status("VmHWM")


def resident_mb() -> float:
    """Resident set now, MB."""
    return _status("VmRSS")


class Stopwatch:
    """Measures the body of a `with` and holds what else is to be said of the run."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.said["start_mb"] = resident_mb()
        self._wall, self._cpu = time.perf_counter(), cpu_s()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.said["cpu_s"] = cpu_s() - self._cpu
        self.said["wall_s"] = time.perf_counter() - self._wall
        self.said["rss_mb"] = peak_mb()

    def weigh(self, folder: str | Path) -> None:
        """Count the objects below a folder and their bytes."""
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        self.said["objects"] = len(files)
        self.said["bytes"] = sum(path.stat().st_size for path in files)

    def tell(self, **more: Any) -> None:
        """Print what was measured as the run's one line of JSON."""
        print(json.dumps(self.said | more))


def _status(field: str) -> float:
    with Path("/proc/self/status").open(encoding="ascii") as status:
        for line in status:
            if line.startswith(field):
                return int(line.split()[1]) / 1024.0
    raise RuntimeError(f"the kernel states no {field}")
