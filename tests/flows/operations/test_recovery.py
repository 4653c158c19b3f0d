"""kill -9 of whatever is running: the next run finishes the work, nothing stays held.

`make operations` does one round with few scenes; `make recovery` does ten of 200 scenes, at random
moments.
"""

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from railwatch.store import Store

pytestmark = [
    pytest.mark.operations,
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(7200),
]

ROUNDS = int(os.environ.get("RAILWATCH_RECOVERY_ROUNDS", "1"))
SCENES = int(os.environ.get("RAILWATCH_RECOVERY_SCENES", "60"))
SEED = int(os.environ.get("RAILWATCH_RECOVERY_SEED", "5"))

RELEASED_WITHIN_S = 120.0
VICTIMS = ("worker and run", "server", "dask scheduler", "run", "server and run")


class Cluster:
    """A Dask scheduler and a worker, as an operator's supervisor keeps them."""

    def __init__(self, operated, port):
        self.address = f"tcp://127.0.0.1:{port}"
        self._operated = operated
        self._port = str(port)
        self.scheduler = self.worker = None

    def start(self):
        quiet = ("--no-dashboard", "--host", "127.0.0.1")
        self.scheduler = self._operated._start(
            "dask-scheduler", "dask", "scheduler", "--port", self._port, *quiet
        )
        self.worker = self._operated._start(
            "dask-worker",
            *("dask", "worker", self.address, "--nworkers", "1", "--nthreads", "2", *quiet),
            *("--local-directory", str(self._operated.folder / "dask")),
        )

    def stop(self):
        for process in (self.scheduler, self.worker):
            killed(process)


def killed(process):
    """Send SIGKILL to a process and all of its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def working(operated, make_yard):
    """Server, worker, Dask, and an archive of so many scenes."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    yard = make_yard(operated.folder, operated.areas)
    yard.add(0, SCENES)
    cluster = Cluster(operated, port)
    operated.more = {"RAILWATCH_DASK_ADDRESS": cluster.address}
    settings = operated.folder / "operations.yaml"
    settings.write_text("watch: {areas: {yard: never}}\n")
    operated.setup(settings)
    try:
        cluster.start()
        operated.start_worker()
        yield operated, yard, cluster
    finally:
        cluster.stop()


def flow_processes(operated):
    """Ids of the processes that run flows of this server."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            said = (entry / "cmdline").read_bytes()
            if (
                b"flows.engine" in said
                and operated.url.encode() in (entry / "environ").read_bytes()
            ):
                found.append(int(entry.name))
    return found


def strike(victim, operated, cluster):
    """Kill -9, and start again what a supervisor would start again."""
    if "server" in victim:
        killed(operated.server)
    if victim == "dask scheduler":
        cluster.stop()
    if "worker" in victim:
        killed(operated.worker)
    if "run" in victim:
        for pid in flow_processes(operated):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    struck = time.monotonic()
    if "server" in victim:
        operated.start_server()
    if victim == "dask scheduler":
        cluster.start()
    if "worker" in victim:
        operated.start_worker()
    return struck


def test_whatever_is_killed_the_next_run_finishes_and_no_slot_stays_held(working, published_bytes):
    """The same published bytes as undisturbed; slots of the dead are back within two minutes."""
    operated, yard, cluster = working
    undisturbed = operated.folder / "undisturbed"
    done = subprocess.run(
        [*yard.command()[:-1], str(undisturbed)],
        env={k: v for k, v in operated.environment.items() if not k.startswith("PREFECT_")},
        capture_output=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    expected = published_bytes(undisturbed)
    dice = random.Random(SEED)

    for number in range(ROUNDS):
        victim = VICTIMS[number % len(VICTIMS)]
        store = operated.folder / f"round-{number}"
        depot = {"store": str(store), "archive": str(yard.archive)}
        run = operated.start("backfill/operator", depot=depot, areas=["yard"])
        operated.until(lambda run=run: operated.state(run).is_running(), 120)
        time.sleep(dice.uniform(0.5, 20.0 if ROUNDS > 1 else 4.0))
        went_on = not operated.state(run).is_final()

        struck = strike(victim, operated, cluster)
        state = operated.ended(run, 600)
        operated.until(lambda: not operated.held_slots(), RELEASED_WITHIN_S)
        took_s = time.monotonic() - struck

        again = operated.ended(
            operated.start("backfill/operator", depot=depot, areas=["yard"]), 600
        )
        _note(operated, number, victim, went_on, state.name, took_s)
        if "run" in victim:
            assert took_s <= RELEASED_WITHIN_S
        assert again.is_completed(), again.message
        assert published_bytes(store) == expected
        assert not list(Store.open(str(store)).list("claims"))


def _note(operated, number, victim, went_on, state, took_s):
    """Keep a line a round for who runs `make recovery`."""
    with (operated.folder / "rounds.txt").open("a") as file:
        file.write(f"{number}: {victim}, running {went_on}: {state}, free after {took_s:.0f} s\n")
    if os.environ.get("RAILWATCH_RECOVERY_LOG"):
        with Path(os.environ["RAILWATCH_RECOVERY_LOG"]).open("a") as file:
            file.write(f"{number}: {victim}, running {went_on}: {state}, free in {took_s:.0f} s\n")
