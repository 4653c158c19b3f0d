"""`railwatch run`, killed with -9 at random moments, ends as if nothing had happened."""

import io
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads CPU times from /proc"),
]

KILLS = int(os.environ.get("RAILWATCH_KILLS", "3"))
"""A sample; `make kills` does ten."""
SCENES = 30
"""Two checkpoints: a burn-in and a few scenes after it."""
SEED = int(os.environ.get("RAILWATCH_KILL_SEED", "5"))
STAMP = "published_at"


class Run:
    """The command in a process of its own, watched by the CPU that it and its children spend.

    Moments are drawn in seconds of CPU, because those of the wall mean nothing on a busy machine.
    """

    def __init__(self, yard):
        self._said = yard.store.parent / "stderr"
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(yard.command(), stdout=subprocess.DEVNULL, stderr=said)
        self.cpu_s = 0.0

    def until(self, cpu_s):
        """Wait until so much was spent; say whether it still runs."""
        while self.process.poll() is None:
            self.cpu_s = max(self.cpu_s, _spent(self.process.pid))
            if self.cpu_s >= cpu_s:
                return True
            time.sleep(0.1)
        return False

    def kill(self):
        """Kill it; say what it was doing."""
        self.process.kill()
        self.process.wait()
        lines = self.said().splitlines()
        return next((line for line in reversed(lines) if ":" in line), "starting")

    def said(self):
        """What it wrote to stderr."""
        return self._said.read_text()


def _spent(pid):
    """Seconds of CPU of a process and all its descendants."""
    children, spent = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue  # it ended meanwhile
            children.setdefault(int(fields[1]), []).append(int(entry.name))
            spent[int(entry.name)] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    total, pending = 0.0, [pid]
    while pending:
        one = pending.pop()
        total += spent.get(one, 0.0)
        pending += children.get(one, [])
    return total


def published(store):
    """Every byte a reader of the store can reach, times of publication aside."""
    pointer = json.loads((store / "areas/yard/latest.json").read_text())
    stamp = pointer[STAMP]
    said = {}
    for path in sorted(store.rglob("*")):
        key = str(path.relative_to(store))
        part_of_record = key.startswith(("records/", ".railwatch-")) or "/.railwatch-" in key
        if path.is_dir() or part_of_record:
            continue
        data = path.read_bytes()
        if path.suffix == ".parquet":
            table = pd.read_parquet(io.BytesIO(data))
            said[key] = table.drop(columns=STAMP, errors="ignore").to_csv()
        elif "/history/" in key:
            # Digests of files that hold a time; the files themselves are compared here.
            manifest = json.loads(data)
            said[key] = manifest | {"objects": sorted(manifest["objects"]), STAMP: "T"}
        else:
            said[key] = data.replace(stamp.encode(), b"T")
    return said


def undisturbed(yard):
    """What a run that nobody kills publishes, and the CPU it takes."""
    run = Run(yard)
    assert not run.until(float("inf"))
    assert run.process.returncode == 0, run.said()
    return published(yard.store), run.cpu_s


def test_kill_9_at_random_moments_costs_nothing(yard, capsys):
    """Whenever a run comes through, and after the last kill, the published bytes are the same."""
    yard.add(0, SCENES)
    yard.add(SCENES, 1, href="gone.tif")
    truth, whole_s = undisturbed(yard)
    dice = random.Random(SEED)
    struck, home = [], yard.store.parent
    attempt = 0
    while len(struck) < KILLS:
        yard.store = home / f"killed-{attempt}"
        attempt += 1
        while len(struck) < KILLS:
            run = Run(yard)
            moment = dice.uniform(0.0, whole_s)
            if not run.until(moment):
                assert run.process.returncode == 0, run.said()
                assert published(yard.store) == truth
                break
            struck.append(f"{run.cpu_s:5.1f} s: {run.kill()}")
    done = yard.run()
    with capsys.disabled():
        sys.stdout.write(f"\nseed {SEED}, {attempt} stores, {whole_s:.1f} s of CPU undisturbed\n")
        sys.stdout.write("\n".join(struck) + "\n")

    assert done.returncode == 0, done.stderr
    assert published(yard.store) == truth
    assert sum("scenes" in one for one in struck) >= 3, "too few kills hit work under way"
