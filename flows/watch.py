"""Watching: find what is new of areas, count it and publish. The scheduled occasion."""

import datetime as dt

from prefect import flow

from flows.job import Job
from flows.outcome import Outcome
from flows.parameters import EVERYTHING, Areas, Depot, Place, RecentDays, Window
from flows.places import files_of
from flows.round import go_round, named
from flows.stages import walk
from railwatch import __version__
from tasks.spread import Crew


@flow(
    name="run",
    description="Find, count and publish what is new of one area, for `railwatch run`.",
    flow_run_name="run {place.area}",
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


@flow(
    name="watch",
    description="Find, count and publish what is new of areas.",
    flow_run_name=named,
    version=__version__,
    persist_result=False,
)
def watch(depot: Depot, areas: Areas = [], recent_days: RecentDays = 60) -> list[Outcome]:  # noqa: B006  # never changed
    """Find what is new of areas, count it and publish.

    Parameters
    ----------
    depot
        Where scenes come from and counts go to.
    areas
        Ids of areas; all known ones where none is named.
    recent_days
        Days of acquisition to look back, so that scenes an archive lists late are found; older ones
        are a backfill's. None: all.
    """
    today = dt.datetime.now(dt.UTC).date()
    start = None if recent_days is None else today - dt.timedelta(days=recent_days)
    crew = Crew.configured()
    return go_round(
        files_of(list(areas)),
        lambda _, file: walk(Job.open(depot.place(str(file)), Window(start=start)), crew),
        occasion="watch",
        alone=True,
    )
