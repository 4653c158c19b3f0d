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
from uuid import UUID

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
            _say_cancelled()
            _flush()
            # Taking two thousand modules apart took 6-20 s on a busy machine.
            os._exit(code)
    sys.exit(code)


def _say_cancelled() -> None:
    """Close a run that is being cancelled: all is given up. The runner says it only seconds later.

    It looks every 3 s whether this process is gone. What fails here is left to it.
    """
    from prefect.client.orchestration import get_client
    from prefect.states import Cancelled

    with contextlib.suppress(Exception), get_client(sync_client=True) as client:
        run = client.read_flow_run(UUID(os.environ["PREFECT__FLOW_RUN_ID"]))
        if run.state is not None and run.state.is_cancelling():
            client.set_flow_run_state(run.id, Cancelled(message="Stopped."), force=True)


def _flush() -> None:
    """Send what Prefect still holds: states of tasks are events, log lines are sent in batches."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (EventsWorker, APILogWorker):
        with contextlib.suppress(Exception):
            worker.drain_all(timeout=FLUSH_WITHIN_S)


if __name__ == "__main__":
    main()
