"""Units learn that nobody waits for them any more."""

import threading
import time
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from tasks import leaving


@pytest.fixture
def dask():
    """A scheduler with one worker thread, and the address that clients reach it by."""
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
    ) as cluster:
        yield cluster.scheduler_address


def test_a_unit_on_a_worker_learns_that_its_client_is_gone(dask, tmp_path):
    """Of a run that ended without a word, too: no scene is begun for it any more."""
    began, left = tmp_path / "began", tmp_path / "left"

    def work() -> None:
        began.touch()
        while not leaving.is_left():
            time.sleep(0.02)
        left.touch()

    client = Client(dask, set_as_default=False)
    future = client.submit(work, pure=False)
    assert appears(began, 20)
    assert not appears(left, 0.3)

    del future
    client.close()

    assert appears(left, 20)


def appears(path: Path, within_s: float) -> bool:
    """Whether a file is made within so many seconds."""
    deadline = time.monotonic() + within_s
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return path.exists()


def test_outside_of_workers_nobody_has_left():
    """A unit that runs here, in order, was not given up."""
    assert not leaving.is_left()


def test_a_body_that_fails_tells_its_units():
    """Those that run in threads end before their next scene; the next body begins anew."""
    with pytest.raises(KeyError), leaving.told():
        raise KeyError

    assert leaving.is_left()
    with leaving.told():
        assert not leaving.is_left()


def test_units_are_waited_for_but_not_for_long():
    """A request that was paid for may end; one that hangs is not waited for."""
    go = threading.Event()
    thread = threading.Thread(target=leaving.unit, args=(go.wait,))
    thread.start()
    began = time.monotonic()
    while not leaving._running:
        time.sleep(0.01)

    leaving.wait_for_units(0.2)

    assert time.monotonic() - began >= 0.2
    threading.Timer(0.2, go.set).start()
    leaving.wait_for_units(60.0)
    assert not leaving._running
    thread.join()
