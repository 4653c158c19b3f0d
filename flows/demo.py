"""`make demo`: Tumangang over five rendered years, counted by the command its users run.

The scenes are rendered once and kept under `build/demo`; they are rendered again only when what
renders them has changed. `railwatch run` then does what it would do for any archive.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

import railwatch
from railwatch.area import load_area
from railwatch.testing.evaluation.site import write_rendered_area
from railwatch.testing.scenery import Conditions, Outputs, Sensor, render
from railwatch.testing.scenery.truth import Truth, read_truth, write_truth
from railwatch.testing.scenery.tumangang import published_story, story_scenes, tumangang

AREA_FILE = Path("infra/areas/tumangang.yaml")
AREA_ID = "tumangang-rendered"
HOME = Path("build/demo")
RING_M = 320.0
"""Half of what a search would show: five years of it render in a minute."""
SHARP_RING_M = 60.0
WORKERS = 2

RENDERERS = ("coverage.py", "injection.py", "rolling_stock.py", "track.py", "testing/scenery")
"""What a rendering depends on, beside the sidings."""

_done: Any = None
"""In a worker: the count of scenes it shares with its parent."""


def main() -> int:
    """Render what is not rendered yet, run railwatch on it, and name the report."""
    console = Console(stderr=True)
    sidings = load_area(AREA_FILE).sidings
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for the processes that render
    try:
        truth = _rendered(console, _fingerprint(sidings.digest))
    except KeyboardInterrupt:
        console.print("stopped; the same command starts over")
        return 130
    collections = tuple(sorted({scene.collection for scene in truth.scenes}))
    name = "Tumangang Rail Facility, rendered scenes"
    area = write_rendered_area(HOME, AREA_ID, name, sidings, collections)
    store = HOME / "store"
    command = [sys.executable, "-m", "railwatch", "run", str(area)]
    command += ["--archive", str(HOME / "archive"), "--store", str(store)]
    console.print(f"$ railwatch {' '.join(command[3:])}")
    status = subprocess.run(command, check=False).returncode  # noqa: S603 - our own command line
    if status == 0:
        report = (store / "areas" / AREA_ID / "report" / "index.html").resolve()
        click.echo(f"Every scene was rendered; nothing here is an observation. {_told(truth)}")
        click.echo(f"Report: {report}")
    return status


def _told(truth: Truth) -> str:
    """Say what was rendered, so that the report can be held against it."""
    cars = [(scene.acquired.date(), len(scene.on("*"))) for scene in truth.scenes]
    before = max(n for day, n in cars if day < dt.date(2023, 9, 14))
    day, now = cars[-1]
    return f"Rendered were at most {before} cars until September 2023 and {now} on {day}."


def _fingerprint(siding_digest: str) -> str:
    """Digest of the sidings and of the code that renders."""
    home = Path(railwatch.__file__).parent
    digest = hashlib.sha256(siding_digest.encode())
    for name in RENDERERS:
        path = home / name
        for file in sorted(path.glob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _rendered(console: Console, fingerprint: str) -> Truth:
    """Return the truth of the scenes under `HOME`, after rendering them if they are not there."""
    stamp = HOME / "rendered"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == fingerprint:
        return read_truth(HOME / "truth.json")
    for stale in ("archive", "store"):
        shutil.rmtree(HOME / stale, ignore_errors=True)
    HOME.mkdir(parents=True, exist_ok=True)
    # One job a sharp scene and one a worker for the others, which share their ground.
    jobs: list[tuple[Sensor, tuple[Conditions, ...]]] = []
    for sensor, scenes in story_scenes().items():
        share = len(scenes) if sensor.gsd_m < 1.0 else WORKERS
        jobs += [(sensor, scenes[k::share]) for k in range(share)]
    context = multiprocessing.get_context("spawn")
    done = context.Value("i", 0)
    total = sum(len(scenes) for _, scenes in jobs)
    with (
        Progress(console=console) as progress,
        ProcessPoolExecutor(WORKERS, context, _share, (done,)) as pool,
    ):
        bar = progress.add_task("rendering Tumangang", total=total)
        waiting = [pool.submit(_render, n, *job) for n, job in enumerate(jobs)]
        try:
            while not all(job.done() for job in waiting):
                progress.update(bar, completed=done.value)
                time.sleep(0.2)
        except KeyboardInterrupt:
            for worker in multiprocessing.active_children():
                worker.kill()  # else the pool waits until all is rendered
            raise
        truth = _joined(waiting)
        progress.update(bar, completed=total)
    stamp.write_text(fingerprint, encoding="utf-8")
    return truth


def _share(done: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent ends its workers
    global _done  # noqa: PLW0603 - a pool's initializer can hand a shared counter over no other way
    _done = done


def _render(number: int, sensor: Sensor, scenes: Sequence[Conditions]) -> Path:
    """Render a share of the scenes in a worker; its truth goes into a file of its own."""
    place = tumangang(load_area(AREA_FILE).sidings, RING_M)
    truth = HOME / f"truth-{number}.json"
    truth.unlink(missing_ok=True)

    def count(_: int, __: int) -> None:
        with _done.get_lock():
            _done.value += 1

    ring_m = SHARP_RING_M if sensor.gsd_m < 1.0 else RING_M
    outputs = Outputs(HOME / "archive", truth)
    render(place, sensor, scenes, published_story(place), outputs, ring_m=ring_m, progress=count)
    return truth


def _joined(waiting: Sequence[Future[Path]]) -> Truth:
    path = HOME / "truth.json"
    path.unlink(missing_ok=True)
    for job in waiting:
        part = job.result()
        truth = write_truth(path, read_truth(part).scenes)
        part.unlink()
    return truth


if __name__ == "__main__":
    sys.exit(main())
