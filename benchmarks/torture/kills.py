"""kill -9: at random moments of a backfill, at each storage call, and errors in the place of both.

After every blow the store is opened as a reader would; after every finished backfill it is compared
with one that nobody disturbed: each scene once, every checksum right, published bytes identical.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.torture.figure import Figure, every, none
from benchmarks.torture.zygote import (
    ANY_OPEN,
    FAIL,
    KILL,
    RENAME,
    SYNC,
    WRITE,
    Blow,
    Zygote,
)
from railwatch.errors import RailwatchError
from railwatch.integrity.problem import Verdict
from railwatch.integrity.scan import scan
from railwatch.publication.parquet import read_rows
from railwatch.record import Record, Status
from railwatch.store import Store
from railwatch.testing.radar_yard import RadarYard, make_yard


@dataclass
class Toll:
    """What came of it all."""

    lost: int = 0
    doubled: int = 0
    other_bytes: int = 0
    torn: int = 0
    """Times a reader met something half-written."""
    bugs: list[str] = field(default_factory=list)
    """Tracebacks, or stores that no run could finish."""


@dataclass
class Arena:
    """A yard, workers, and what an undisturbed backfill of it gives."""

    folder: Path
    zygote: Zygote
    yard: RadarYard
    scenes: int
    truth: dict[str, bytes] = field(default_factory=dict)
    took_s: float = 1.0
    calls: int = 0
    toll: Toll = field(default_factory=Toll)

    @classmethod
    def open(cls, folder: Path, zygote: Zygote, scenes: int) -> Arena:
        """Make the yard and run it once undisturbed."""
        yard = make_yard(folder / f"yard{scenes}", scenes)
        arena = cls(folder, zygote, yard, scenes)
        store = arena.store("truth")
        worker = zygote.fork(yard.folder, store, blow=Blow())
        worker.began()
        started = time.monotonic()
        zygote.wait(worker)
        arena.took_s = time.monotonic() - started
        arena.calls = worker.news()["calls"]
        arena.truth = published(Store.open(store))
        return arena

    def store(self, name: str) -> str:
        """Path of a store that does not exist yet."""
        path = self.folder / f"store-{self.scenes}-{name}"
        shutil.rmtree(path, ignore_errors=True)
        return str(path)

    def look(self, url: str) -> None:
        """Open a store as its readers do, in the middle of it all."""
        store = Store.open(url)
        try:
            pointer = "areas/yard/latest.json"
            if pointer in set(store.list("areas")):
                read_rows(store.get("areas/yard/counts.parquet"))
            with Record.open(store, "yard") as record:
                record.entries()
        except (RailwatchError, KeyError, ValueError) as exc:
            self.toll.torn += 1
            self.toll.bugs.append(f"reader: {exc}")

    def finish(self, url: str) -> None:
        """Let an undisturbed run do the rest, and compare."""
        last = self.zygote.run(self.yard.folder, url)
        if last["state"] != "done":
            self.toll.bugs.append(f"last run: {last}")
            self.toll.lost += self.scenes
            return
        self.judge(url)

    def judge(self, url: str) -> None:
        """Compare a finished store with the undisturbed one."""
        store = Store.open(url)
        with Record.open(store, "yard") as record:
            entries = record.entries()
            rows = Counter(row.item_id for row in record._rows)  # noqa: SLF001
        there = {e.item_id for e in entries if e.status is Status.INGESTED}
        self.toll.lost += self.scenes - len(there)
        self.toll.doubled += sum(n - 1 for n in rows.values())
        self.toll.other_bytes += published(store) != self.truth
        problems = [p for p in scan(store, "yard").problems if p.verdict is not Verdict.FOREIGN]
        self.toll.torn += len(problems)
        self.toll.bugs += [one.sentence for one in problems[:3]]

    def figures(self, name: str, injected: str, *, happened: bool) -> Iterator[Figure]:
        """Say what the toll was."""
        toll, self.toll = self.toll, Toll()
        for bug in toll.bugs[:5]:
            print(f"         {bug[:1500]}")
        yield none(f"{name}: scenes lost", toll.lost, injected, happened=happened)
        yield none(f"{name}: scenes doubled", toll.doubled, injected, happened=happened)
        yield none(f"{name}: backfills with other bytes", toll.other_bytes, injected)
        yield none(f"{name}: torn reads, damage, tracebacks", toll.torn + len(toll.bugs), injected)


def published(store: Store) -> dict[str, bytes]:
    """Everything that readers see of the yard; manifests hold the time they were begun."""
    roots = {"catalog.json", "index.html"} & set(store.list())
    return {key: store.get(key) for key in [*store.list("areas"), *sorted(roots)]}


def random_kills(arena: Arena, kills: int, seed: int) -> Iterator[Figure]:
    """Kill workers at random moments until so many have died before they were done."""
    dice = random.Random(seed)
    died = backfills = 0
    while died < kills:
        url = arena.store("kill")
        while died < kills:
            worker = arena.zygote.fork(arena.yard.folder, url)
            worker.began()
            time.sleep(dice.uniform(0.0, 1.1 * arena.took_s))
            os.kill(worker.pid, signal.SIGKILL)
            code = arena.zygote.wait(worker)
            if code == 0 or worker.news()["state"] == "done":
                break
            died += code == -signal.SIGKILL
            arena.look(url)
        backfills += 1
        arena.finish(url)
    said = f"{died} workers killed (SIGKILL seen), {backfills} backfills of {arena.scenes} scenes"
    yield from arena.figures("kill -9 at random", said, happened=died >= kills)


def call_kills(arena: Arena, points: int) -> Iterator[Figure]:
    """Kill a worker at its k-th storage call, for k all over a backfill."""
    died = 0
    step = max(1, arena.calls // points)
    for k in range(1, arena.calls + 1, step):
        url = arena.store("call")
        news = arena.zygote.run(arena.yard.folder, url, blow=Blow(at=k, action=KILL))
        died += news["code"] == -signal.SIGKILL
        arena.look(url)
        arena.finish(url)
    said = f"{died} killed at write, sync, open, rename or unlink, each {step}th of {arena.calls}"
    yield from arena.figures("kill -9 at storage calls", said, happened=died > 0)


def disk_errors(arena: Arena, each: int, seed: int) -> Iterator[Figure]:
    """Errors of the disk: no space, input/output error, no more files."""
    dice = random.Random(seed)
    kinds = (
        ("no space left", WRITE, errno.ENOSPC, True),
        ("input/output error at fsync", SYNC, errno.EIO, False),
        ("input/output error at rename", RENAME, errno.EIO, False),
        ("too many open files", ANY_OPEN, errno.EMFILE, True),
    )
    for name, calls, error, forever in kinds:
        happened = sentences = 0
        count = arena.zygote.run(arena.yard.folder, arena.store("count"), blow=Blow(calls))["calls"]
        for _ in range(each):
            url = arena.store("disk")
            blow = Blow(calls, dice.randint(1, count), FAIL, error, forever)
            news = arena.zygote.run(arena.yard.folder, url, blow=blow)
            happened += news.get("happened", 0) > 0
            sentences += news["state"] in ("error", "done")
            if news["state"] not in ("error", "done"):
                arena.toll.bugs.append(f"{name} at {blow.at}: {news}")
            arena.look(url)
            arena.finish(url)
        said = f"{happened} of {each} runs met it, {sentences} ended in a sentence"
        yield from arena.figures(f"disk, {name}", said, happened=happened > 0)


def operators(arena: Arena, runs: int, url_of: Iterator[str], where: str) -> Iterator[Figure]:
    """Three operators on one window at once; on a folder they wait for each other."""
    once = 0
    waited = 0
    for _ in range(runs):
        url = next(url_of)
        three = [
            arena.zygote.fork(arena.yard.folder, url, batch=batch, patient=True)
            for batch in (3, 4, 7)
        ]
        for one in three:
            arena.zygote.wait(one)
        news = [one.news() for one in three]
        before = len(arena.toll.bugs) + arena.toll.lost + arena.toll.doubled
        bad = [n for n in news if n["state"] != "done" and "publish again" not in str(n)]
        arena.toll.bugs += [str(n) for n in bad]
        arena.judge(url)
        after = len(arena.toll.bugs) + arena.toll.lost + arena.toll.doubled
        once += after == before and arena.toll.other_bytes == 0
        waited += sum(bool(n.get("changed")) for n in news)
    for bug in arena.toll.bugs[:3]:
        print(f"         {bug[:1500]}")
    arena.toll = Toll()
    said = f"3 processes started together, {waited} of {3 * runs} had something to publish"
    yield every(f"3 operators on one window, {where}: exactly once", once, runs, said)


def stale_writer(arena: Arena, runs: int, url_of: Iterator[str], seed: int) -> Iterator[Figure]:
    """A writer is stopped, another finishes the window, the first wakes up."""
    dice = random.Random(seed)
    stopped = 0
    for _ in range(runs):
        url = next(url_of)
        sleeper = arena.zygote.fork(arena.yard.folder, url, batch=4)
        sleeper.began()
        time.sleep(dice.uniform(0.0, arena.took_s))
        os.kill(sleeper.pid, signal.SIGSTOP)
        stopped += _is_stopped(sleeper.pid)
        arena.zygote.run(arena.yard.folder, url)
        os.kill(sleeper.pid, signal.SIGCONT)
        arena.zygote.wait(sleeper)
        arena.finish(url)
    said = f"{stopped} writers stopped (SIGSTOP seen) while another finished on S3"
    yield from arena.figures("stale writer wakes", said, happened=stopped > 0)


def _is_stopped(pid: int) -> bool:
    """Whether a process is stopped, by what Linux says of it."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T":
                return True
        except OSError:
            return False
        time.sleep(0.005)
    return False
