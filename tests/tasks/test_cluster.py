"""Worker processes of our own: what they begin with, and who comes in a dead one's place."""

import json
import os
import subprocess
import sys
import time

import pytest
from distributed import Client

from tasks.cluster import workers_here

pytestmark = pytest.mark.server


@pytest.fixture
def cluster():
    """Two worker processes."""
    with workers_here(2, processes=True) as cluster:
        yield cluster


LOADED = """
import json, sys
from distributed import Client
from tasks.cluster import workers_here

def loaded():
    before = set(sys.modules)
    __import__("tasks.fetching")
    wanted = {name: name in before for name in ("numba", "scipy.stats", "zarr", "icechunk")}
    return wanted | {"prefect": "prefect" in sys.modules}

with workers_here(2, processes=True) as cluster, Client(cluster) as client:
    print(json.dumps(list(client.run(loaded).values())))
"""


def test_workers_begin_with_what_they_need_and_without_an_orchestrator():
    """Forked from a process that had it; what fetches scenes does not bring Prefect along.

    In a process of its own, as a run is: the one that workers are forked from starts once.
    """
    ran = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=120, check=True
    )

    begun = {"numba": True, "scipy.stats": True, "zarr": True, "icechunk": False, "prefect": False}
    assert json.loads(ran.stdout.splitlines()[-1]) == [begun, begun]


@pytest.mark.parametrize("said", ["first", "second"])
def test_workers_have_the_environment_of_now(monkeypatch, said):
    """And not the one of the process they are forked from, which may be older than keys are."""
    monkeypatch.setenv("RAILWATCH_TEST_KEY", said)

    with workers_here(1, processes=True) as cluster, Client(cluster) as client:
        assert list(client.run(lambda: os.environ["RAILWATCH_TEST_KEY"]).values()) == [said]


def test_a_worker_that_dask_gave_up_is_replaced(cluster):
    """Dask closes the nanny of one that dies at the wrong moment of its start, and goes on without.

    Both are closed here as Dask would: a run without any worker would wait for ever.
    """
    with Client(cluster) as client:
        before = set(client.run(os.getpid).values())
        for nanny in list(cluster.workers.values()):
            cluster.sync(nanny.close)
        deadline = time.monotonic() + 20
        while sum(client.nthreads().values()) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        after = set(client.run(os.getpid).values())

    assert len(before) == len(after) == 2
    assert not before & after
