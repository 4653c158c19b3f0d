"""Backfilling: the past of areas, window by window, within a budget. An operator's occasion.

What is left is asked of the record, so a backfill that was cancelled, killed or ran out of budget
goes on from there when it is started again, and several may overlap with each other and the watch.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from prefect import flow

from flows.job import Job
from flows.outcome import Outcome
from flows.parameters import EVERYTHING, STEADILY, Areas, Depot, Pace, Place, Window
from flows.places import files_of
from flows.planning import Quoted, quote, tell_plan
from flows.purse import Purse
from flows.round import go_round, named
from flows.stages import walk
from railwatch import __version__
from railwatch.store import Store
from railwatch.work import windows
from tasks.spread import Crew


@flow(
    name="backfill-one",
    description="Fetch, count and publish the past of one area, for `railwatch backfill`.",
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
        Order, size of the steps, budget.
    dask
        Address of a Dask scheduler; by default RAILWATCH_DASK_ADDRESS, else this machine.
    """
    purse = Purse(pace.max_pu)
    return _filled(place, window, pace, purse, purse.crew(dask))


@flow(
    name="backfill",
    description="Fetch, count and publish the past of areas, window by window, within a budget.",
    flow_run_name=named,
    version=__version__,
    persist_result=False,
)
def backfill(
    depot: Depot,
    areas: Areas = [],  # noqa: B006  # never changed
    window: Window = EVERYTHING,
    pace: Pace = STEADILY,
) -> list[Outcome]:
    """Say what a backfill of areas would fetch and cost, or do it, one area after another.

    Parameters
    ----------
    depot
        Where scenes come from and counts go to.
    areas
        Ids of areas; all known ones where none is named.
    window
        Days of acquisition; all by default.
    pace
        Order, size of the steps, budget of all areas together; or only say what is left.
    """
    files = files_of(list(areas))
    if pace.dry_run:
        quoted = [_quoted(depot, area_id, file, window) for area_id, file in files.items()]
        tell_plan(quoted)
        return [one.outcome for one in quoted]
    return _all_filled(files, depot, window, pace)


def _quoted(depot: Depot, area_id: str, file: Path, window: Window) -> Quoted:
    return quote(area_id, Job.open(depot.place(str(file)), window))


def _all_filled(
    files: Mapping[str, Path], depot: Depot, window: Window, pace: Pace
) -> list[Outcome]:
    """Fill one area after another; what one spends, the next ones cannot."""
    purse = Purse(pace.max_pu)
    crew = purse.crew()

    def fill(area_id: str, file: Path) -> Outcome:
        purse.check(area_id)
        return _filled(depot.place(str(file)), window, pace, purse, crew, roots=False)

    return go_round(files, fill, occasion="backfill", store=Store.open(depot.store))


def _filled(
    place: Place, window: Window, pace: Pace, purse: Purse, crew: Crew, *, roots: bool = True
) -> Outcome:
    job = Job.open(place, window, purse.budget)
    cut = partial(windows, months_each=pace.months_each, newest_first=pace.newest_first)
    return walk(job, crew, cut, roots=roots)
