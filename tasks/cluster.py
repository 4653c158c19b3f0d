"""Workers of our own on this machine: a `LocalCluster` whose workers begin fast and stay many.

Worker processes are forked from one that has imported what they need, so that the one in a dead
one's place costs a tenth of a second and not three of CPU (docs/decisions/0160). Dask puts nobody
in the place of a worker that died while it started; we do.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

REPLACED_EVERY_S = 0.5
"""How often it is looked whether workers are missing."""


@contextmanager
def workers_here(cores: int, *, processes: bool) -> Iterator[Any]:
    """Give a `LocalCluster` of so many worker threads or processes; they are gone afterwards."""
    import dask

    with _loop_deaf_to_ctrl_c() as loop:
        if not processes:
            with _cluster(loop, n_workers=1, threads_per_worker=cores, processes=False) as cluster:
                yield cluster
            return
        _preload()
        method = {"distributed.worker.multiprocessing-method": "forkserver"}
        with (
            dask.config.set(method),
            # Forked from a process that knows only the environment it was started in.
            _cluster(loop, n_workers=cores, threads_per_worker=1, env=dict(os.environ)) as cluster,
            _replaced(cluster, cores),
        ):
            yield cluster


def _preload() -> None:
    """Say what the process that workers are forked from imports, if it does not run yet."""
    from distributed import utils

    # Dask would set a list of its own, and import pandas here to find out whether it is there.
    utils._forkserver_preload_set = True  # noqa: SLF001  # Dask asks nowhere else
    multiprocessing.get_context("forkserver").set_forkserver_preload(["tasks.prepared"])


def _cluster(loop: Any, **said: Any) -> Any:
    """Start workers on this machine; when stopped meanwhile, leave none behind."""
    from distributed import LocalCluster
    from distributed.deploy.spec import close_clusters

    try:
        return LocalCluster(
            loop=loop,
            # Without these, status pages are served on port 8787 of every interface.
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
            **said,
        )
    except BaseException:
        # There is no cluster to close yet, and Dask would wait for its workers at exit.
        atexit.unregister(close_clusters)
        end_workers()
        raise


def end_workers() -> None:
    """Kill worker processes of ours: they hold nothing that is not made again."""
    for child in multiprocessing.active_children():
        child.kill()


@contextmanager
def _replaced(cluster: Any, cores: int) -> Iterator[None]:
    """Start workers in the place of those that Dask gave up."""
    from distributed.core import Status
    from tornado.ioloop import PeriodicCallback

    def look() -> None:
        for name, nanny in list(cluster.workers.items()):
            if nanny.status in (Status.closed, Status.failed):
                del cluster.workers[name]
        if len(cluster.workers) < cores:
            cluster.scale(cores)

    looking = PeriodicCallback(look, 1000 * REPLACED_EVERY_S)
    cluster.loop.add_callback(looking.start)
    try:
        yield
    finally:
        cluster.loop.add_callback(looking.stop)


@contextmanager
def _loop_deaf_to_ctrl_c() -> Iterator[Any]:
    """Give a running event loop in a thread that blocks SIGINT, as its children then do.

    Ctrl-C reaches every process of the terminal. Worker processes are started from this thread and
    inherit its mask; without it each would die with a traceback before it can be stopped.
    """
    from distributed.utils import LoopRunner

    resource_tracker.ensure_running()  # started later, it would unblock the signal again
    runner = LoopRunner()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        runner.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        yield runner.loop
    finally:
        runner.stop()
