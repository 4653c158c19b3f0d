"""Dask workers that die every two seconds in the middle of a backfill."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.torture.figure import Figure, every, most, none
from railwatch.errors import TransientError
from railwatch.record import Record, Status
from railwatch.sources.archive import ArchiveSource
from railwatch.store import Store
from railwatch.testing.radar_yard import RadarYard, make_yard
from railwatch.work import query_for


def worker_kills(folder: Path, scenes: int, every_s: float) -> Iterator[Figure]:
    """Ingest and detect on a cluster undisturbed, then while its workers are killed."""
    from distributed import Client

    from tasks.cluster import workers_here

    yard = make_yard(folder / "dask", scenes)
    for name in ("distributed", "distributed.nanny", "distributed.scheduler"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with workers_here(2, processes=True) as cluster, Client(cluster) as client:
        _backfill(yard, str(folder / "dask-warm"), cluster.scheduler_address)
        calm = _backfill(yard, str(folder / "dask-calm"), cluster.scheduler_address)
        stop = threading.Event()
        killed: list[int] = []
        # A cluster that makes no progress between two kills would never end.
        enough = time.monotonic() + max(60.0, 4.0 * calm)
        killer = threading.Thread(target=_kill, args=(client, every_s, enough, stop, killed))
        killer.start()
        try:
            wild = _backfill(yard, str(folder / "dask-wild"), cluster.scheduler_address)
        finally:
            stop.set()
            killer.join()
    with Record.open(Store.open(str(folder / "dask-wild")), "yard") as record:
        entries = [e for e in record.entries() if e.status is Status.INGESTED]
        twice = sum(n - 1 for n in Counter(r.item_id for r in record._rows).values())  # noqa: SLF001
        for entry in entries:
            record.raster(entry.item_id)
        state = record.state_digest(yard.area.sidings.digest)
    with Record.open(Store.open(str(folder / "dask-calm")), "yard") as record:
        same = state == record.state_digest(yard.area.sidings.digest)
    said = f"{len(killed)} workers killed (SIGKILL) in {wild:.1f} s, undisturbed {calm:.1f} s"
    happened = len(killed) > 0
    yield every("Dask worker killed: scenes in the record", len(entries), scenes, said)
    yield none("Dask worker killed: scenes twice", twice, said, happened=happened)
    yield none("Dask worker killed: other state", int(not same), said)
    yield most("Dask worker killed: time over undisturbed", wild / calm, 1.3, said)


def _backfill(yard: RadarYard, url: str, address: str) -> float:
    """Ingest and detect as the tasks do, tried again as Prefect would; seconds it took."""
    from tasks.detect import detect
    from tasks.ingest import ingest
    from tasks.spread import Crew

    source, store, crew = ArchiveSource(str(yard.archive)), Store.open(url), Crew(address)
    found = tuple(source.search(query_for(yard.area, None, None)))
    started = time.monotonic()
    for step in (lambda: ingest.fn(yard.area, source, store, found, crew),
                 lambda: detect.fn(yard.area, store, crew)):  # fmt: skip
        for _ in range(20):
            try:
                step()
                break
            except TransientError as exc:
                logging.getLogger(__name__).info("again: %s", exc)
    return time.monotonic() - started


def _kill(
    client: Any, every_s: float, enough: float, stop: threading.Event, killed: list[int]
) -> None:
    """Kill one worker process after another, by the ids that Dask itself gives."""
    number = 0
    while not stop.wait(every_s) and time.monotonic() < enough:
        try:
            pids = sorted(client.run(os.getpid, on_error="ignore").values())
            if pids:
                os.kill(pids[number % len(pids)], signal.SIGKILL)
                killed.append(pids[number % len(pids)])
                number += 1
        except (OSError, ValueError, RuntimeError):
            continue
