"""Watching: find what is new of areas, count it and publish. The scheduled occasion."""

import datetime as dt
from pathlib import Path

from prefect import flow

from flows.job import Job
from flows.outcome import Outcome
from flows.parameters import EVERYTHING, Areas, Depot, MaxPU, Place, RecentDays, Window
from flows.places import files_of
from flows.purse import Purse
from flows.round import go_round, named
from flows.stages import walk
from railwatch import __version__
from railwatch.store import Store


@flow(
    name="run",
    description="Find, count and publish what is new of one area, for `railwatch run`.",
    flow_run_name="run {place.area}",
    version=__version__,
    persist_result=False,
)
def watch_area(
    place: Place, window: Window = EVERYTHING, dask: str | None = None, max_pu: MaxPU = None
) -> Outcome:
    """Find what is new of one area, count it and publish.

    Parameters
    ----------
    place
        Where scenes come from and counts go to.
    window
        Days of acquisition to look at; all by default.
    dask
        Address of a Dask scheduler; by default RAILWATCH_DASK_ADDRESS, else this machine.
    max_pu
        Processing units it may spend; by default the account's quota.
    """
    purse = Purse(max_pu)
    return walk(Job.open(place, window, purse.budget), purse.crew(dask))


@flow(
    name="watch",
    description="Find, count and publish what is new of areas.",
    flow_run_name=named,
    version=__version__,
    persist_result=False,
)
def watch(
    depot: Depot,
    areas: Areas = [],  # noqa: B006  # never changed
    recent_days: RecentDays = 60,
    max_pu: MaxPU = None,
) -> list[Outcome]:
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
    max_pu
        Processing units all areas together may spend; by default the account's quota.
    """
    today = dt.datetime.now(dt.UTC).date()
    start = None if recent_days is None else today - dt.timedelta(days=recent_days)
    purse = Purse(max_pu)
    crew = purse.crew()

    def go(area_id: str, file: Path) -> Outcome:
        purse.check(area_id)
        job = Job.open(depot.place(str(file)), Window(start=start), purse.budget)
        return walk(job, crew, roots=False)

    files = files_of(list(areas))
    return go_round(files, go, occasion="watch", alone=True, store=Store.open(depot.store))
