"""Spreading units over Dask workers."""

import os
import threading
import time
from pathlib import Path

import pytest

from railwatch.errors import OperatorError, SceneError, TransientError
from tasks.spread import IN_FLIGHT, LIVES, PROCESSES_FROM_S, Crew, spread


@pytest.fixture(scope="module")
def crew():
    """Two worker threads of our own."""
    with Crew(cores=2).hired(work_s=1.0) as client:
        yield client


def _square(number: int) -> int:
    return number * number


def test_every_unit_comes_back_once(crew):
    """Units and results come in pairs, in any order."""
    assert sorted(spread(crew, _square, range(40))) == [(n, n * n) for n in range(40)]


def test_units_are_taken_as_workers_become_free(crew):
    """A long list of work never stands in memory: only a few units are in flight."""
    taken = []

    def units():
        for number in range(1000):
            taken.append(number)
            yield number

    results = spread(crew, _square, units())
    next(results)

    assert len(taken) <= 2 * IN_FLIGHT + 1
    results.close()


class _Keeping:
    """A function that keeps what it saw, as a shelf does; a copy of it would keep it elsewhere."""

    def __init__(self) -> None:
        self.kept: list[int] = []

    def __call__(self, number: int) -> int:
        self.kept.append(number)
        return number


def test_threads_share_what_the_function_holds(crew):
    """What a unit keeps is there for the next call, which may run in this thread."""
    keeping = _Keeping()

    list(spread(crew, keeping, [1, 2, 3]))

    assert sorted(keeping.kept) == [1, 2, 3]


def test_what_a_unit_raises_is_raised(crew):
    """An error of ours arrives as it was raised on the worker."""

    def fail(number: int) -> int:
        raise SceneError(f"s{number}", "asset_missing", "B04.tif")

    with pytest.raises(SceneError, match="asset_missing"):
        list(spread(crew, fail, [3]))


def test_little_work_stays_in_this_process_and_leaves_nothing(tmp_path, monkeypatch):
    """Threads of this process do it; scratch and threads are gone afterwards."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    before = threading.active_count()

    with Crew(cores=2).hired(work_s=1.0) as client:
        pids = {pid for _, pid in spread(client, lambda _: os.getpid(), range(8))}

    deadline = time.monotonic() + 5
    while threading.active_count() > before + 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert pids == {os.getpid()}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.server
def test_much_work_goes_to_processes_and_a_killed_worker_loses_nothing():
    """A worker process that dies is replaced and its units run again."""

    def work(number: int) -> int:
        time.sleep(0.05)
        return number

    with Crew(cores=2).hired(work_s=PROCESSES_FROM_S) as client:
        killed = False
        done = set()
        for number, _ in spread(client, work, range(60)):
            done.add(number)
            if not killed:
                killed = True
                workers = client.run(os.getpid)
                os.kill(next(iter(workers.values())), 9)
        assert os.getpid() not in workers.values()

    assert done == set(range(60))


@pytest.mark.server
def test_units_go_on_when_all_workers_died_at_once():
    """Nothing that they need lay on workers alone."""

    def work(number: int) -> int:
        time.sleep(0.02)
        return number

    with Crew(cores=2).hired(work_s=PROCESSES_FROM_S) as client:
        done = []
        for number, _ in spread(client, work, range(40)):
            done.append(number)
            if len(done) == 5:
                dead = client.run(os.getpid).values()
                for pid in dead:
                    os.kill(pid, 9)
        assert len(dead) == 2
        assert not set(dead) & set(client.run(os.getpid).values())

    assert sorted(done) == list(range(40))


@pytest.mark.server
def test_a_unit_whose_workers_die_is_handed_out_again_but_not_for_ever(tmp_path):
    """Dask gives it up after four deaths, which may all be another's fault; after twelve, we do."""

    def deadly(unit: tuple[str, int]) -> int:
        with Path(unit[0]).open("a") as file:
            file.write("x")
        if Path(unit[0]).stat().st_size <= unit[1]:
            os.kill(os.getpid(), 9)
        return Path(unit[0]).stat().st_size

    with Crew(cores=2).hired(work_s=PROCESSES_FROM_S) as client:
        survivor = (str(tmp_path / "six"), 6)
        assert list(spread(client, deadly, [survivor])) == [(survivor, 7)]
        with pytest.raises(TransientError, match="Dask lost"):
            list(spread(client, deadly, [(str(tmp_path / "always"), 10_000)]))

    assert (tmp_path / "always").stat().st_size == 4 * LIVES


def test_a_scheduler_that_is_not_there_is_named(unused_port):
    """The message names the address and the remedy."""
    address = f"tcp://127.0.0.1:{unused_port}"

    with (
        pytest.raises(OperatorError, match=rf"{address}.*RAILWATCH_DASK_ADDRESS"),
        Crew(address, patience_s=0.3).hired(1.0),
    ):
        pass


@pytest.mark.server
def test_a_scheduler_that_dies_is_transient():
    """Losing the cluster in mid-work can be tried again."""
    from distributed import LocalCluster

    def lose_the_cluster() -> None:
        with Crew(cluster.scheduler_address).hired(1.0) as client:
            for _ in spread(client, time.sleep, [0.05] * 50):
                cluster.close()

    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        pytest.raises(TransientError, match="Dask lost"),
    ):
        lose_the_cluster()


@pytest.mark.server
def test_a_cluster_without_workers_is_not_waited_for_for_ever(monkeypatch):
    """All that it had died, say, and nobody starts others."""
    from distributed import LocalCluster

    monkeypatch.setattr("tasks.spread.NOBODY_S", 1.0)
    with (
        LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as cluster,
        Crew(cluster.scheduler_address).hired(1.0) as client,
        pytest.raises(TransientError, match="no worker"),
    ):
        list(spread(client, _square, range(3)))


def test_nothing_listens_beyond_this_machine(crew):
    """Every listening socket of this process is on loopback."""
    del crew
    links = Path("/proc/self/fd").iterdir()
    inodes = {str(link.readlink()) for link in links if link.is_symlink()}
    listening = [
        fields[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if (fields := line.split())[3] == "0A" and f"socket:[{fields[9]}]" in inodes
    ]

    assert listening
    assert {address.split(":")[0] for address in listening} == {"0100007F"}


def test_the_address_comes_from_the_option_before_the_environment(monkeypatch):
    """`--dask` wins over RAILWATCH_DASK_ADDRESS; without both, workers are our own."""
    monkeypatch.setenv("RAILWATCH_DASK_ADDRESS", "tcp://a:1")

    assert Crew.configured("tcp://b:2").address == "tcp://b:2"
    assert Crew.configured().address == "tcp://a:1"
    monkeypatch.delenv("RAILWATCH_DASK_ADDRESS")
    assert Crew.configured().address is None
