"""The process of a flow run on a process worker: `python -m flows.engine`.

Prefect's engine, with two differences that an operator feels. It leads a process group and ends
within seconds of SIGTERM (`flows.stopping`). And the worker starts it directly: Prefect's default
first starts a process that prepares a workspace, which module paths need not, and after a cancelled
run one that looks for hooks, and both import all of Prefect before anything happens.
"""

import contextlib
import os
import runpy
import sys

from flows.stopping import lead_a_group, watch_for_stop
from tasks import leaving

FLUSH_WITHIN_S = 1.0
"""Seconds that the last states and log lines may take to reach the server."""


def main() -> None:
    """Run the flow run that the environment names."""
    lead_a_group()
    watch_for_stop()
    code = 0
    try:
        runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else 1
    finally:
        if leaving.for_good():
            _flush()
            # Taking two thousand modules apart took 6-20 s on a busy machine.
            os._exit(code)
    sys.exit(code)


def _flush() -> None:
    """Send what Prefect still holds: states of tasks are events, log lines are sent in batches."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (EventsWorker, APILogWorker):
        with contextlib.suppress(Exception):
            worker.drain_all(timeout=FLUSH_WITHIN_S)


if __name__ == "__main__":
    main()
