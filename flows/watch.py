"""Watching: find what is new of one area, count it and publish. The scheduled occasion."""

from prefect import flow

from flows.job import Job
from flows.outcome import Outcome
from flows.parameters import EVERYTHING, Place, Window
from flows.stages import walk
from railwatch import __version__
from tasks.spread import Crew


@flow(
    name="watch",
    description="Find, count and publish what is new of one area.",
    flow_run_name="watch {place.area}",
    version=__version__,
    persist_result=False,
)
def watch_area(place: Place, window: Window = EVERYTHING, dask: str | None = None) -> Outcome:
    """Find what is new of one area, count it and publish.

    Parameters
    ----------
    place
        Where scenes come from and counts go to.
    window
        Days of acquisition to look at; all by default.
    dask
        Address of a Dask scheduler; by default RAILWATCH_DASK_ADDRESS, else this machine.
    """
    return walk(Job.open(place, window), Crew.configured(dask))
