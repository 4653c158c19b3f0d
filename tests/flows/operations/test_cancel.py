"""Cancelled at random moments: over within ten seconds, nothing half-written, resumable.

`make operations` cancels twice; `make cancels` at ten moments of a longer backfill, and prints how
long each took.
"""

import os
import random
import time
from pathlib import Path

import pytest
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import StateType
from prefect.states import State

from railwatch.integrity.scan import scan
from railwatch.store import Store

pytestmark = [
    pytest.mark.operations,
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(7200),
]

ROUNDS = int(os.environ.get("RAILWATCH_CANCELS", "2"))
SCENES = int(os.environ.get("RAILWATCH_CANCEL_SCENES", "60"))
SEED = int(os.environ.get("RAILWATCH_CANCEL_SEED", "7"))
WITHIN_S = 10.0

MOMENTS = ("ingest", "detect", "start", "publish", "ingest", "search", "detect")
"""Stages that are cancelled in turn, each at a random moment of the time it takes."""


@pytest.fixture(scope="module")
def working(operated, make_yard):
    """Server, worker, and an archive of so many scenes in a folder."""
    yard = make_yard(operated.folder, operated.areas)
    yard.add(0, SCENES)
    settings = operated.folder / "operations.yaml"
    settings.write_text("watch: {areas: {yard: never}}\n")
    operated.setup(settings)
    operated.start_worker()
    return operated, yard


def processes_of(session):
    """Processes of a session: a run, its Dask workers and its decoders."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, number = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(number) == session and state != "Z":
            found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def engines(operated):
    """Ids of the processes that run flows of this server."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            said = (entry / "cmdline").read_bytes()
            if b"-m\0flows.engine" in said:
                environment = (entry / "environ").read_bytes()
                if operated.url.encode() in environment:
                    found.add(int(entry.name))
        except OSError:
            continue
    return found


def stages(operated, run_id):
    """Begin and end of each stage of a run, seconds after it was taken, and its state."""
    with operated.client() as client:
        run = client.read_flow_run(run_id)
        tasks = client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
        )
    began = run.start_time
    found = {"start": (0.0, 1.0, "")}
    for task in sorted(tasks, key=lambda task: task.expected_start_time):
        if task.start_time is not None:
            begin = (task.start_time - began).total_seconds()
            end = begin if task.end_time is None else (task.end_time - began).total_seconds()
            name = task.name.partition("-")[0]
            found[name] = (found.get(name, (begin,))[0], end, task.state_name)
    return found


def test_whenever_a_run_is_cancelled_it_ends_in_seconds_and_loses_nothing(working, published_bytes):
    """Process, workers, decoders and slots are gone; started again, the same published bytes."""
    operated, yard = working
    depot = {"archive": str(yard.archive)}

    def started(store):
        return operated.start(
            "backfill/operator",
            depot={**depot, "store": str(store)},
            areas=["yard"],
            pace={"months_each": 3},
        )

    whole = started(operated.folder / "undisturbed")
    assert operated.ended(whole, 600).is_completed()
    time.sleep(3)  # states of tasks arrive as events
    times = stages(operated, whole)
    expected = published_bytes(operated.folder / "undisturbed")
    dice = random.Random(SEED)
    took = []

    for number in range(ROUNDS):
        stage = MOMENTS[number % len(MOMENTS)]
        begin, end, _ = times[stage]
        moment = begin + dice.uniform(0.0, max(end - begin, 0.3))
        store = operated.folder / f"cancelled-{number}"
        run = started(store)
        operated.until(lambda run=run: operated.state(run).is_running(), 120)
        time.sleep(moment)
        if operated.state(run).is_final():
            print(f"{number}: {stage} at {moment:.1f} s was too late")  # noqa: T201  # same
            continue
        measured = cancel(operated, run)
        broken = scan(Store.open(str(store)), "yard").problems if store.exists() else ()
        again = operated.ended(started(store), 600)
        time.sleep(1)
        states = stages(operated, run).items()
        cut = [name for name, (_, _, state) in states if state != "Completed"]
        line = f"{number}: {stage} at {moment:.1f} s, cut off {cut[-1]}: " + ", ".join(
            f"{what} {seconds:.1f} s" for what, seconds in measured.items()
        )
        print(line, flush=True)  # noqa: T201  # what `make cancels` is for
        took.append(max(measured.values()))

        assert not broken
        assert again.is_completed(), again.message
        assert published_bytes(store) == expected
        assert not list(Store.open(str(store)).list("claims"))
    assert len(took) > ROUNDS // 2
    took.sort()
    middle = took[len(took) // 2]
    print(f"over within {took[0]:.1f}-{took[-1]:.1f} s, median {middle:.1f} s")  # noqa: T201  # same
    assert took[-1] < WITHIN_S


def cancel(operated, run):
    """Cancel as the UI does; give seconds until each thing that should be gone is gone."""
    sessions = engines(operated)
    assert sessions
    measured = {}
    began = time.monotonic()
    with operated.client() as client:
        client.set_flow_run_state(run, State(type=StateType.CANCELLING))
    gone = {
        "process": lambda: not sessions & engines(operated),
        "workers and decoders": lambda: not any(map(processes_of, sessions)),
        "state": lambda: operated.state(run).is_final(),
        "slots": lambda: not operated.held_slots(),
    }
    while len(measured) < len(gone):
        assert time.monotonic() < began + 120, (measured, [processes_of(s) for s in sessions])
        for what, condition in gone.items():
            if what not in measured and condition():
                measured[what] = time.monotonic() - began
        time.sleep(0.1)
    assert operated.state(run).is_cancelled(), operated.state(run)
    return measured
