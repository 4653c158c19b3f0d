"""Backfilling: the past of one area, window by window, within a budget. An operator's occasion.

What is left is asked of the record, so a backfill that was cancelled, killed or ran out of budget
goes on from there when it is started again, and several may overlap with each other and the watch.
"""

import dataclasses
import math
from functools import partial

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.job import Job
from flows.outcome import Outcome
from flows.parameters import EVERYTHING, STEADILY, Pace, Place, Window
from flows.stages import walk
from railwatch import __version__
from railwatch.errors import OperatorError
from railwatch.work import windows
from tasks.spread import Crew


@flow(
    name="backfill",
    description="Fetch, count and publish the past of one area, window by window.",
    flow_run_name="backfill {place.area}",
    version=__version__,
    persist_result=False,
)
def backfill_area(
    place: Place, window: Window = EVERYTHING, pace: Pace = STEADILY, dask: str | None = None
) -> Outcome:
    """Fetch, count and publish the past of one area, window by window.

    Parameters
    ----------
    place
        Where scenes come from and counts go to.
    window
        Days of acquisition; all by default.
    pace
        Order, size of the steps, budget; or only say what is left.
    dask
        Address of a Dask scheduler; by default RAILWATCH_DASK_ADDRESS, else this machine.
    """
    job = Job.open(place, window, max_pu=math.inf if pace.max_pu is None else pace.max_pu)
    if pace.dry_run:
        left = job.left()
        create_markdown_artifact(left.markdown(), key=f"{job.area.id}-plan")
        return left
    crew = Crew.configured(dask)
    if pace.max_pu is not None:
        if crew.address is not None:
            raise OperatorError(
                f"max_pu: workers at {crew.address} cannot share one budget; leave max_pu out, or "
                "the Dask address"
            )
        crew = dataclasses.replace(crew, together=True)
    cut = partial(windows, months_each=pace.months_each, newest_first=pace.newest_first)
    return walk(job, crew, cut)
