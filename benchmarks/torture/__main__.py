"""Every fault this machine can inject, and what came of it.

    make torture                                 # hours; each suite says how long it took
    make torture QUICK=1                         # a sample of five minutes
    python -m benchmarks.torture --only bits     # one suite

Each figure says what was injected and how often that was seen to have happened. All figures go to
`build/torture.json`; the exit code is 1 while one is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.torture import bucket, dask, data, fuzz, kills, rasters
from benchmarks.torture.figure import Figure, write
from benchmarks.torture.kills import Arena
from benchmarks.torture.zygote import Zygote
from railwatch.testing.object_storage import object_storage

OUT = Path("build/torture.json")


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    kills: int
    points: int
    disk: int
    operators: int
    operators_s3: int
    stale: int
    proxied: int
    flips: int
    publications: int
    api: int
    dask: int
    commits: int
    rasters: int
    fuzz: int


FULL = Size(1000, 4000, 25, 100, 100, 10, 10, 1000, 100, 700, 700, 10_000, 10, 10_000)
QUICK = Size(25, 20, 2, 4, 2, 1, 1, 1000, 8, 150, 200, 800, 1, 200)


@contextlib.contextmanager
def _arena(folder: Path, scenes: int) -> Iterator[Arena]:
    with Zygote(folder / "zygote") as zygote:
        yield Arena.open(folder, zygote, scenes)


def _folders(arena: Arena) -> Iterator[str]:
    while True:
        yield arena.store("operators")


def _kills(folder: Path, size: Size, seed: int) -> Iterator[Figure]:
    with _arena(folder, 24) as arena:
        yield from kills.random_kills(arena, size.kills, seed)


def _calls(folder: Path, size: Size, seed: int) -> Iterator[Figure]:
    del seed
    with _arena(folder, 6) as arena:
        yield from kills.call_kills(arena, size.points)


def _disk(folder: Path, size: Size, seed: int) -> Iterator[Figure]:
    with _arena(folder, 6) as arena:
        yield from kills.disk_errors(arena, size.disk, seed)


def _operators(folder: Path, size: Size, seed: int) -> Iterator[Figure]:
    del seed
    with _arena(folder, 12) as arena:
        yield from kills.operators(arena, size.operators, _folders(arena), "a folder")


def _bucket(folder: Path, size: Size, seed: int) -> Iterator[Figure]:
    (folder / "s3").mkdir()
    with object_storage(folder / "s3") as storage, _arena(folder, 12) as arena:
        urls = bucket.buckets(storage)
        yield from kills.operators(arena, size.operators_s3, urls, "S3")
        yield from kills.stale_writer(arena, size.stale, urls, seed)
        yield from bucket.behind_proxy(arena, storage, urls, size.proxied, seed)


SUITES: dict[str, Callable[[Path, Size, int], Iterator[Figure]]] = {
    "input": lambda folder, _, __: data.bad_inputs(folder),
    "fuzz": lambda folder, size, _: fuzz.fuzz(folder, size.fuzz),
    "rasters": lambda folder, size, _: rasters.poisoned(folder, size.rasters),
    "bits": lambda folder, size, seed: data.bit_flips(folder, size.flips, size.publications, seed),
    "api": lambda folder, size, seed: data.api_faults(folder, size.api, seed),
    "kills": _kills,
    "calls": _calls,
    "disk": _disk,
    "operators": _operators,
    "bucket": _bucket,
    "dask": lambda folder, size, _: dask.worker_kills(folder, size.dask, 2.0),
    "soak": lambda folder, size, _: data.soak(folder, size.commits),
}


def main() -> int:
    """Run the suites, print and write their figures."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--quick", action="store_true", help="a sample of five minutes")
    asked.add_argument("--only", action="append", choices=sorted(SUITES), help="suites to run")
    asked.add_argument("--seed", type=int, default=int(time.time()))
    wanted = asked.parse_args()
    size = QUICK if wanted.quick else FULL
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    print(f"torture: seed {wanted.seed}, {'a sample' if wanted.quick else 'in full'}", flush=True)
    figures: list[Figure] = []
    for name in wanted.only or SUITES:
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"railwatch-torture-{name}-") as folder:
            try:
                for figure in SUITES[name](Path(folder), size, wanted.seed):
                    figures.append(figure)
                    print(figure.line, flush=True)
            except Exception:  # noqa: BLE001  one suite that breaks is a figure missed
                traceback.print_exc()
                figures.append(Figure(f"{name}: suite ran to its end", "1", 0, False))
        print(f"         {name}: {time.monotonic() - started:.0f} s", flush=True)
        write(OUT, figures)
    missed = [one.name for one in figures if not one.reached]
    print(f"{len(figures) - len(missed)} of {len(figures)} figures reached; {OUT}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
