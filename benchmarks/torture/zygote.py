"""A process that has imported everything heavy and forks workers in milliseconds.

Killing a worker a thousand times must not cost a thousand starts of Python. Icechunk begins threads
when it is imported, so a stand-in takes its place until after the fork; everything else is imported
before. Workers walk a yard's
archive into a store, and can be told to die or to see an error at their k-th storage call (shim.c).
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import math
import mmap
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
import types
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from railwatch.decoder import Answer, Desk, Files, Job

HERE = Path(__file__).parent
HEAVY = (
    "dask.array",  # xarray asks for it at the first array it meets
    "numcodecs.blosc",
    "PIL.Image",
    "PIL.WebPImagePlugin",
    "pyarrow.parquet",
    "pystac",
    "scipy.optimize",
    "scipy.stats",
    "obstore",
    "railwatch.testing.radar_yard",
    "railwatch.detector.car_survey",
    "railwatch.publication.cube",
    "railwatch.sources.archive.reading",
    "railwatch.publication.report.payload",
)

WRITE, SYNC, OPEN, RENAME, UNLINK, ANY_OPEN = 1, 2, 4, 8, 16, 32
COUNT, KILL, FAIL = 0, 1, 2


@dataclass(frozen=True)
class Blow:
    """What happens to a worker at its storage calls."""

    kinds: int = WRITE | SYNC | OPEN | RENAME | UNLINK
    at: int = 0
    action: int = COUNT
    error: int = 0
    forever: bool = False


@dataclass(frozen=True)
class Errand:
    """What a worker does."""

    yard: str
    store: str
    note: str
    """File that the worker leaves its news in."""
    batch: int = 8
    blow: Blow | None = None
    most_file_bytes: int = 0
    """RLIMIT_FSIZE, as a full disk; 0: none."""
    most_files: int = 0
    """RLIMIT_NOFILE; 0: none."""
    patient: bool = False
    """Wait while another operator writes, and begin again."""


@dataclass
class Worker:
    """One forked worker."""

    pid: int
    note: Path

    def began(self, within_s: float = 60.0) -> None:
        """Return once the worker has imported everything and starts to work."""
        deadline = time.monotonic() + within_s
        while not self.note.exists() and time.monotonic() < deadline:
            time.sleep(0.002)

    def news(self) -> dict[str, Any]:
        """Return what the worker left: `state` is `began`, `done`, `error` or `bug`."""
        try:
            said: dict[str, Any] = json.loads(self.note.read_text().splitlines()[-1])
        except (OSError, ValueError, IndexError):
            return {"state": "nothing"}
        return said


class Zygote:
    """The process that forks; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._number = 0

    def __enter__(self) -> Self:
        shim = self.folder / "shim.so"
        build = ["cc", "-shared", "-fPIC", "-O1", "-o", str(shim), str(HERE / "shim.c"), "-ldl"]
        subprocess.run(build, check=True)
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "LD_PRELOAD": str(shim)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.torture.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def fork(self, yard: Path, store: str, **more: Any) -> Worker:
        """Start a worker."""
        self._number += 1
        note = self.folder / f"note{self._number}"
        errand = Errand(str(yard), store, str(note), **more)
        return Worker(int(self._ask("fork", asdict(errand))), note)

    def wait(self, worker: Worker) -> int:
        """Wait for a worker's end; its exit code, or minus the signal."""
        return int(self._ask("wait", worker.pid))

    def run(self, yard: Path, store: str, **more: Any) -> dict[str, Any]:
        """Run a worker to its end; its news."""
        worker = self.fork(yard, store, **more)
        code = self.wait(worker)
        return {**worker.news(), "code": code}

    def _ask(self, verb: str, argument: object) -> str:
        assert self._process.stdin is not None  # noqa: S101
        self._process.stdin.write(json.dumps([verb, argument, dict(_s3())]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None  # noqa: S101
        said = self._process.stdout.readline()
        if not said:
            raise RuntimeError("the zygote died")
        return said.strip()


def _s3() -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in os.environ.items() if name.startswith("AWS_"))


def _decoded_here(job: Job, _: str, *, files: Files | None = None, content: bytes = b"") -> Answer:
    """Decode in the worker itself: a decoder of its own would cost a thousand starts of Python.

    How decoders die, and their workers: tests/railwatch/decoder, benchmarks.torture.rasters.
    """
    if files is None:
        raise TypeError("in the worker itself a scene is decoded from files")
    memory = mmap.mmap(-1, job.room + 1)
    desk = Desk(files, memoryview(content), memory, 0)
    said = job.run(desk)
    found = [
        np.frombuffer(memory, np.dtype(kind), math.prod(shape), begin).reshape(shape)
        for kind, shape, begin in desk.laid
    ]
    return Answer(said, tuple(found))


def work(errand: Errand) -> None:
    """Walk a yard's archive into a store, in a forked worker."""
    from railwatch.errors import RailwatchError, StoreError
    from railwatch.sources.archive import source
    from railwatch.testing.radar_yard import RadarYard, walk_yard

    source.decoded = _decoded_here
    del sys.modules["icechunk"]
    STAND_IN.__dict__.update(vars(importlib.import_module("icechunk")))
    note = Path(errand.note)
    shim = ctypes.CDLL(None)
    if errand.most_file_bytes:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (errand.most_file_bytes, -1))
    if errand.most_files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (errand.most_files, errand.most_files))

    def leave(state: str, **said: object) -> None:
        shim.torture_disarm()
        said["cpu_s"] = round(time.process_time(), 2)
        with contextlib.suppress(OSError), note.open("a") as file:
            calls = {"calls": shim.torture_calls(), "happened": shim.torture_happened()}
            file.write(json.dumps({"state": state, **calls, **said}) + "\n")

    leave("began")
    blow = errand.blow
    if blow is not None:
        shim.torture_arm(
            blow.kinds, ctypes.c_long(blow.at), blow.action, blow.error, int(blow.forever)
        )
    while True:
        try:
            done = walk_yard(RadarYard(Path(errand.yard)), errand.store, batch=errand.batch)
            leave("done", publication=done.id, changed=done.changed)
        except StoreError as exc:
            if errand.patient and "is being written" in str(exc):
                time.sleep(0.05)
                continue
            leave("error", says=str(exc))
        except (RailwatchError, OSError) as exc:  # what the command line says in one line
            leave("error", says=str(exc))
        except BaseException:  # noqa: BLE001  a traceback is what no user may see
            leave("bug", says=traceback.format_exc()[-3000:])
        return


def _fork(errand: dict[str, Any], environment: dict[str, str]) -> int:
    blow = errand.pop("blow")
    task = Errand(**errand, blow=None if blow is None else Blow(**blow))
    pid = os.fork()
    if pid:
        return pid
    try:
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(2, 1)
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(environment)
        work(task)
    finally:
        os._exit(0)


def _warm() -> None:
    """Load the detector's compiled kernels, which every worker would load anew."""
    warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
    import xarray

    from railwatch.detector.order import half_sample_mode
    from railwatch.detector.strip_sampling import sample
    from railwatch.grid import Grid

    xarray.Dataset({"a": ("x", np.zeros(1))})
    half_sample_mode(np.zeros((9, 4)))
    grid, place = Grid(32652, 10.0, 0.0, 640.0, (64, 64)), np.full((2, 2), 320.0)
    pixels = np.zeros((1, 64, 64), np.uint16)
    sample(pixels, np.ones((64, 64), np.bool_), grid, place, place)


STAND_IN = types.ModuleType("icechunk")
"""Is imported in Icechunk's place before the fork, and filled after it."""


def _serve() -> None:
    """Fork and wait as asked on stdin."""
    sys.modules["icechunk"] = STAND_IN
    for name in HEAVY:
        importlib.import_module(name)
    _warm()
    print("ready", flush=True)
    for line in sys.stdin:
        verb, argument, environment = json.loads(line)
        if verb == "fork":
            print(_fork(argument, environment), flush=True)
        else:
            _, status = os.waitpid(argument, 0)
            print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _serve()
