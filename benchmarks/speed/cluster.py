"""From one process to a hundred workers: what is measured here, and what follows from it.

Measured: CPU and wall of the same units on one and on two worker processes, through the product's
own `tasks.spread`; what the scheduler takes for a unit that does nothing. Followed from that by
simulation: units of the measured lengths dealt to n workers by one scheduler that takes its time
for each, and results taken in by one coordinator.

    python -m benchmarks.speed.cluster UNITS
"""

from __future__ import annotations

import heapq
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

COUNTS = (1, 2, 5, 10, 20, 50, 100)
COORDINATOR_S = 2e-4
"""Seconds the driving task takes for a result: it notes and counts, arrays stay in the store."""


@dataclass(frozen=True)
class Step:
    """What so many workers give."""

    workers: int
    speedup: float
    scheduler_busy: float
    """Share of the time the scheduler is at work: 1 is the end of growing."""
    bottleneck: str


def simulate(
    unit_s: Sequence[float], dispatch_s: float, counts: Sequence[int] = COUNTS
) -> list[Step]:
    """Deal units to workers through one scheduler, in order."""
    alone = float(np.sum(unit_s)) + dispatch_s * len(unit_s)
    steps = []
    for workers in counts:
        free = [0.0] * workers
        clock = gathered = 0.0
        for length in unit_s:
            ready = heapq.heappop(free)
            clock = max(clock, ready) + dispatch_s
            heapq.heappush(free, clock + length)
            gathered = max(gathered, clock + length) + COORDINATOR_S
        makespan = max(gathered, *free)
        busy = dispatch_s * len(unit_s) / makespan
        longest = max(unit_s) / makespan
        cause = "workers" if busy < 0.8 else "scheduler: units a second"
        if longest > 0.5:
            cause = "the longest unit"
        steps.append(Step(workers, alone / makespan, busy, cause))
    return steps


def busy(seed: int) -> float:
    """A unit of the size of four scenes' ingest and counting: about 0.2 s of NumPy and Numba."""
    from railwatch.detector.order import median_and_miss

    began = time.process_time()
    values = np.random.default_rng(seed).random((200, 4000), dtype=np.float32)
    while time.process_time() - began < 0.2:
        median_and_miss(values)
    return time.process_time() - began


def nothing(seed: int) -> int:
    """A unit that costs the scheduler what any unit does."""
    return seed


def main() -> None:
    from tasks import spread as module
    from tasks.spread import Crew, spread

    units = int(sys.argv[1])
    module.PROCESSES_FROM_S = 0.0
    said: dict[str, object] = {}
    for workers in (1, 2):
        crew = Crew(cores=max(2, workers)) if workers == 2 else Crew(cores=1)
        with crew.hired(1e9) as client:
            list(spread(client, busy, range(4)))
            began, before = time.perf_counter(), _cpu(client)
            spent = [result for _, result in spread(client, busy, range(units))]
            said[f"wall_{workers}_s"] = time.perf_counter() - began
            said[f"cpu_{workers}_s"] = _cpu(client) - before
            said[f"work_{workers}_s"] = sum(spent)
            if workers == 2:
                began = time.perf_counter(), time.process_time()
                list(spread(client, nothing, range(1000)))
                said["dispatch_wall_s"] = (time.perf_counter() - began[0]) / 1000
                said["dispatch_cpu_s"] = (time.process_time() - began[1]) / 1000
    print(json.dumps(said))


def _cpu(client: Any) -> float:
    """CPU seconds of the driver, the scheduler in it, and the workers."""
    told = client.run(time.process_time)
    return time.process_time() + sum(told.values())


if __name__ == "__main__":
    main()
