"""What orchestration adds to a backfill: the same work with a Prefect server and without.

    make orchestration    # python -m benchmarks.orchestration [--scenes 700] [--rounds 3]

Both variants are a process of their own on the same archive and an empty folder each time, with the
same threads. `with` runs the backfill flow against a real `prefect server start` (or the one that
PREFECT_API_URL names), with artifacts, events, limits and heartbeats. `without` calls the
functions inside the tasks. Each process does the work twice: `first` holds what a process pays
once, modules imported at their first use above all; `again` is what grows with the work.

Wall time tells on a quiet machine only. Processor time tells on any: `cpu` is the run's own, with
its children; `all` adds what the server took meanwhile beyond what it takes at rest. Where
cores are to spare, wall follows `cpu`; where all are busy, `all`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

KINDS = ("wall", "cpu", "all")
SETTLES_S = 20.0
"""Seconds a server takes to come to rest, and is then watched for what it takes by itself."""

SIDING = [[130.617, 42.4135], [130.629, 42.4155]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=700)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", choices=("with", "without"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        once = {
            f"{which}_{what}": value
            for which in ("first", "again")
            for what, value in measured(asked.one, asked.folder).items()
        }
        print(json.dumps(once))
        return
    with tempfile.TemporaryDirectory(prefix="railwatch-orchestration-") as name:
        folder = Path(name)
        prepare(folder, asked.scenes)
        with server(folder) as (url, pid):
            compare(folder, asked.rounds, asked.scenes, url, pid)


def prepare(folder: Path, scenes: int) -> None:
    from railwatch.testing.sentinel_hub.sample import write_sample

    write_sample(folder / "archive", optical=scenes)
    feature = {
        "type": "Feature",
        "properties": {"id": "s1", "kind": "siding"},
        "geometry": {"type": "LineString", "coordinates": SIDING},
    }
    said = {"type": "FeatureCollection", "features": [feature]}
    (folder / "areas").mkdir()
    (folder / "areas/yard.sidings.geojson").write_text(json.dumps(said))
    (folder / "areas/yard.yaml").write_text("id: yard\nsources:\n  - collection: sentinel-2-l2a\n")


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    shipped = Path("infra/server.env").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in shipped if line and line[0] != "#")
    running = subprocess.Popen(
        [Path(sys.executable).parent / "prefect", "server", "start", "--port", str(port)],
        env=os.environ | settings | {"PREFECT_HOME": str(folder / "prefect")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}/api"
        for _ in range(400):
            health = f"{url}/health"
            with contextlib.suppress(OSError), urllib.request.urlopen(health):  # noqa: S310  # loopback
                break
            time.sleep(0.5)
        yield url, running.pid
    finally:
        running.kill()
        running.wait()


def compare(folder: Path, rounds: int, scenes: int, url: str, server_pid: int) -> None:
    time.sleep(SETTLES_S)
    idle = cpu_of(server_pid)
    time.sleep(SETTLES_S)
    idle_share = (cpu_of(server_pid) - idle) / SETTLES_S
    print(f"the server alone takes {100 * idle_share:.1f} % of a core")
    found: dict[str, list[dict[str, float]]] = {"without": [], "with": []}
    for _ in range(rounds):
        for variant, rows in found.items():
            before, began = cpu_of(server_pid), time.monotonic()
            command = [sys.executable, "-m", "benchmarks.orchestration", "--one", variant]
            done = subprocess.run(
                [*command, "--folder", folder],
                env=os.environ
                | {"PREFECT_API_URL": url, "RAILWATCH_AREAS": str(folder / "areas")}
                | {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30", "DO_NOT_TRACK": "1"},
                capture_output=True,
                text=True,
                check=True,
            )
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            server_s = cpu_of(server_pid) - before - idle_share * (time.monotonic() - began)
            row = rows[-1]
            for which in ("first", "again"):  # halves of what is the same twice
                row[f"{which}_all_s"] = row[f"{which}_cpu_s"] + max(server_s, 0.0) / 2
            print(variant, {name: round(value, 2) for name, value in row.items()}, flush=True)
    for what in (f"{which}_{kind}_s" for which in ("first", "again") for kind in KINDS):
        plain, orchestrated = (
            statistics.median(row[what] for row in found[v]) for v in ("without", "with")
        )
        print(
            f"{scenes} scenes, {what}: {plain:.1f} without, {orchestrated:.1f} with a server: "
            f"{100 * (orchestrated / plain - 1):+.1f} %"
        )


def measured(variant: str, folder: Path) -> dict[str, float]:
    """Do the backfill once, into an empty store; seconds of wall and of this process's CPU."""
    from flows.backfill import backfill, windows
    from flows.job import Job
    from flows.parameters import EVERYTHING, STEADILY, Depot
    from railwatch.detector.fingerprint import detector_fingerprint
    from tasks.detect import detect
    from tasks.ingest import ingest
    from tasks.publish import publish
    from tasks.search import search
    from tasks.spread import Crew

    with tempfile.TemporaryDirectory(dir=folder) as store:
        depot = Depot(store=store, archive=str(folder / "archive"))
        began, cpu = time.perf_counter(), cpu_s()
        if variant == "with":
            backfill(depot, areas=["yard"])
        else:
            job = Job.open(depot.place(str(folder / "areas/yard.yaml")), EVERYTHING)
            found = search.fn(job.source, job.query)
            for window in windows(found, STEADILY.months_each, newest_first=True):
                ingest.fn(job.area, job.source, job.store, window, Crew.configured())
            detect.fn(job.area, job.store, Crew.configured())
            publish.fn(job.area, job.store, detector_fingerprint())
        return {"wall_s": time.perf_counter() - began, "cpu_s": cpu_s() - cpu}


def cpu_of(pid: int) -> float:
    """Processor seconds of a process so far."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
