"""Recounting: the method or the sidings changed; nothing is fetched. An operator's occasion."""

import time
from pathlib import Path

from prefect import flow

from flows.outcome import Outcome
from flows.parameters import Areas, Depot
from flows.places import files_of
from flows.round import go_round, named
from flows.stages import count
from railwatch import __version__
from railwatch.area import load_area
from railwatch.record import Record
from railwatch.store import Store
from tasks.spread import Crew


@flow(
    name="recount",
    description="Count areas again from what the record holds, and publish; fetches nothing.",
    flow_run_name=named,
    version=__version__,
    persist_result=False,
)
def recount(depot: Depot, areas: Areas = []) -> list[Outcome]:  # noqa: B006  # never changed
    """Count areas again with today's method and sidings, from the record alone, and publish.

    Scenes whose count rests on today's inputs already are not touched. Sidings that need ground the
    record does not hold want a backfill first.

    Parameters
    ----------
    depot
        Where counts are kept.
    areas
        Ids of areas; all known ones where none is named.
    """
    store = Store.open(depot.store)
    crew = Crew.configured()

    def again(_area_id: str, file: Path) -> Outcome:
        # No archive is opened: a Sentinel Hub account is nothing that counting again needs.
        began = time.monotonic()
        area = load_area(file)
        with Record.open(store, area.id) as record:
            before = record.entries()
        if not before:
            return Outcome.begun(area, store).model_copy(update={"nothing_new": True})
        return count(area, store, crew, before, found=0, began=began, roots=False)

    return go_round(files_of(list(areas)), again, occasion="recount", store=store)
