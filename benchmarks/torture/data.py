"""Bits that flip, bad input, faults of an API, and what ten thousand commits leave behind."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.torture.bad_input import cases, proven, scene_cases, spoilt_scene
from benchmarks.torture.figure import Figure, every, most, none
from railwatch.detection import Detection, Occupancy
from railwatch.detector.window import footprint_for
from railwatch.errors import RailwatchError
from railwatch.integrity.keys import Kind, kind_of
from railwatch.integrity.problem import Verdict
from railwatch.integrity.scan import scan, scan_roots
from railwatch.record import Record
from railwatch.scene import Scene
from railwatch.sources import Found
from railwatch.sources.sentinel_hub import SentinelHubSource, Spool
from railwatch.store import FolderStore, Store
from railwatch.testing.radar_yard import make_yard, walk_yard
from railwatch.testing.sentinel_hub.faults import Fault, Faults
from railwatch.testing.sentinel_hub.server import CLIENT_ID, CLIENT_SECRET, Emulator
from railwatch.work import query_for

LEADING = ({Kind.POINTER, Kind.MANIFEST}, {Kind.FIXED, Kind.ROOT})
"""Kinds that are spoilt in rounds of their own: others are judged by what they say."""


def bit_flips(folder: Path, flips: int, publications: int, seed: int) -> Iterator[Figure]:
    """Flip one bit in each of many objects, look for all of them, and try to publish from some."""
    dice = random.Random(seed)
    yard = make_yard(folder / "flip", 16)
    url = str(folder / "flip-store")
    walk_yard(yard, url)
    store = FolderStore(Path(url))
    scan(store, "yard")
    keys = [k for k in store.list() if kind_of(k) is not Kind.OURS and store.size(k)]
    clean = {key: store.get(key) for key in keys}
    rounds = [[k for k in keys if kind_of(k) in some] for some in LEADING]
    rounds.append([k for k in keys if not any(kind_of(k) in some for some in LEADING)])
    flipped = found = 0
    while flipped < flips:
        for few in rounds:
            for key in few:
                _flip(store, key, clean[key], dice)
            problems = [*scan(store, "yard").problems, *scan_roots(store)]
            named = {one.key for one in problems if one.verdict is Verdict.DAMAGED}
            flipped += len(few)
            found += len(named & set(few))
            for key in few:
                store.file(key).write_bytes(clean[key])
    said = f"{flipped} bits in {len(keys)} objects of a store of 16 scenes, each in a scan"
    yield every("bit flips found", found, flipped, said)
    wrong = refused = 0
    table = "areas/yard/counts.parquet"
    recorded = [k for k in keys if kind_of(k) in (Kind.RECORD, Kind.REFERENCE)]
    for _ in range(publications):
        key = dice.choice(recorded)
        _flip(store, key, clean[key], dice)
        for one in ("areas/yard/latest.json", *store.list("areas/yard/history"), table):
            store.delete(one)
        try:
            walk_yard(yard, url)
            wrong += store.get(table) != clean[table]
        except RailwatchError:
            refused += 1
        for one in recorded:
            if store.file(one).read_bytes() != clean[one]:
                store.file(one).write_bytes(clean[one])
        _remove_new(store, clean)
    said = f"{publications} flips in the record then published from, {refused} refused"
    yield none("counts published from damaged bytes", wrong, said)


def _flip(store: FolderStore, key: str, clean: bytes, dice: random.Random) -> None:
    bit = dice.randrange(8 * len(clean))
    data = bytearray(clean)
    data[bit // 8] ^= 1 << bit % 8
    store.file(key).write_bytes(bytes(data))


def _remove_new(store: FolderStore, clean: dict[str, bytes]) -> None:
    for key in list(store.list("records")):
        if key not in clean:
            store.delete(key)


def bad_inputs(folder: Path) -> Iterator[Figure]:
    """Run every command line of the matrix as a person would, and spoil scenes one by one."""
    code = (
        "import resource, socket, sys\n"
        "def refuse(*_): print('CONNECTED', file=sys.stderr); raise OSError('no connection')\n"
        "socket.socket.connect = refuse\n"
        "from railwatch.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "peak = next(li for li in open('/proc/self/status') if li.startswith('VmHWM'))\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print('MEASURED', code, peak.split()[1], used.ru_utime + used.ru_stime)\n"
    )
    kept: dict[int, bool] = {}
    slowest = largest = 0.0
    for number, case in enumerate(cases()):
        home = folder / f"case{number}"
        home.mkdir()
        arguments = case.prepare(home)
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | case.environment,
            timeout=120,
        )
        measured = done.stdout.rsplit("MEASURED ", 1)[-1].split()
        good = len(measured) == 3 and int(measured[0]) == case.code
        good = good and "Traceback" not in done.stderr and "CONNECTED" not in done.stderr
        good = good and all(words in done.stderr for words in case.says)
        if len(measured) == 3:
            largest, slowest = max(largest, float(measured[1])), max(slowest, float(measured[2]))
        kept[case.row] = kept.get(case.row, True) and good
        if not good:
            print(f"         row {case.row} {case.name}: {done.stderr[-400:]}")
    for number, case in enumerate(scene_cases()):
        reason, detail, counted = spoilt_scene(case, folder / f"scene{number}")
        good = reason == case.reason and counted == 1 and all(w in detail for w in case.says)
        kept[case.row] = kept.get(case.row, True) and good
    for row, _, _ in proven():
        kept.setdefault(row, True)
    for row in (38, 42, 60, 72, 74, 75, 77):
        kept.setdefault(row, True)  # tests/benchmarks/torture/test_bad_input.py
    said = f"{len(cases())} command lines, {len(scene_cases())} spoilt scenes, the rest by tests"
    yield every("bad inputs refused in one sentence", sum(kept.values()), 78, said)
    yield most("bad inputs: CPU seconds of the slowest", slowest, 1.0, "start of Python included")
    yield most("bad inputs: MB of the largest", largest / 1024, 300.0, "VmHWM of the process")


MIXED = {
    Fault.TOO_MANY: 0.02,
    Fault.SERVER_ERROR: 0.02,
    Fault.UNAVAILABLE: 0.01,
    Fault.TRUNCATED: 0.02,
    Fault.TRUNCATED_UNDECLARED: 0.01,
    Fault.RESET: 0.01,
    Fault.DRIP: 0.01,
}


def api_faults(folder: Path, scenes: int, seed: int) -> Iterator[Figure]:
    """Fetch every scene through an API that goes wrong one time in ten."""
    yard = make_yard(folder / "api", scenes)
    faults = Faults(probability=MIXED, seed=seed, drip_s=0.02, retry_after_ms=20)
    os.environ |= {"SH_CLIENT_ID": CLIENT_ID, "SH_CLIENT_SECRET": CLIENT_SECRET}
    with Emulator(archive=yard.archive, faults=faults) as hub:
        os.environ |= {"SH_BASE_URL": hub.url, "SH_TOKEN_URL": hub.token_url}
        spool = Spool(Store.open(str(folder / "api-store")), "yard")
        source = SentinelHubSource(spool=spool, sidings=yard.area.sidings)
        listed = [f.scene for f in source.search(query_for(yard.area, None, None)) if f.scene]
        footprint = footprint_for(yard.area.sidings, listed[0].gsd_m, listed[0].bands)
        whole = 0

        def fetch(scene: Scene) -> bool:
            try:
                raster = source.fetch(scene, footprint.grid, footprint.pieces)
            except RailwatchError as exc:
                print(f"         {exc}")
                return False
            return bool((raster.values != 65535).any())

        with ThreadPoolExecutor(4) as pool:
            whole = sum(pool.map(fetch, listed))
        sent = hub.ledger.entries("process")
        paid = hub.ledger.paid()
    struck = sum(bool(entry.fault) for entry in sent)
    clean = len(sent) - struck
    said = f"{struck} of {len(sent)} requests struck: 429, 500, 503, truncation, reset, drip"
    yield every("API with 10 % faults: scenes fetched", whole, scenes, said)
    yield most(
        "API with 10 % faults: requests over the least", len(sent) / max(clean, 1), 1.25, said
    )
    yield none("API with 10 % faults: paid twice", sum(n - 1 for n in paid.values()), said)


def soak(folder: Path, commits: int) -> Iterator[Figure]:
    """Commit again and again in one process; memory and open files must not grow."""
    store = Store.open(str(folder / "soak"))
    rss: list[float] = []
    files: list[int] = []
    axis = np.arange(512, dtype=np.float32)
    with Record.open(store, "yard", write=True) as record:
        for number in range(commits):
            strip = np.full(512, number, np.float32)
            found = Detection("day", (), occupancy=(Occupancy("a", axis, strip),))
            record.put_detections("sidings", "detector", [found])
            if number % 50 == 0:
                record.add([Found(f"item-{number}", None, "bad_item", "nothing in it")])
                rss.append(_rss_mb())
                files.append(sum(1 for _ in Path("/proc/self/fd").iterdir()))
    half = len(rss) // 2
    slope = float(np.polyfit(np.arange(half, len(rss)) * 0.05, rss[half:], 1)[0])
    said = f"{commits} commits of findings, {len(rss)} of rows; the second half is judged"
    yield most("soak: MB a thousand commits", slope, 1.0, said)
    grown = max(files[half:]) - min(files[half:])
    yield most("soak: open files, most less least", grown, 4, said)


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
