"""Commands of the command line that run flows; `railwatch.cli` names them by string.

Prefect is imported inside the commands, after its server was started and its settings were put into
the environment; a run that has nothing to do never imports it.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import click
from pydantic import ValidationError

from flows.job import Job
from flows.local_server import prefect_api
from flows.outcome import Outcome
from flows.parameters import STEADILY, Pace, Place, Window
from railwatch.errors import OperatorError
from railwatch.store import Store

Command = Callable[..., Any]
DAY = click.DateTime(["%Y-%m-%d"])


def _place_options(command: Command) -> Command:
    """Add the options that say what to work on, for every command that runs a flow."""
    for option in reversed(
        (
            click.argument("area", metavar="AREA.yaml"),
            click.option(
                "--archive",
                help="Folder or bucket of STAC Items with GeoTIFF assets. Without it: Sentinel "
                "Hub, with the account from the environment.",
            ),
            click.option(
                "--store",
                required=True,
                help="Folder or s3://bucket/prefix to keep and publish in.",
            ),
            click.option("--start", type=DAY, help="First day of acquisition, UTC."),
            click.option("--end", type=DAY, help="Last day of acquisition, included."),
            click.option(
                "--dask",
                metavar="ADDRESS",
                help="Dask scheduler to use, e.g. tcp://host:8786. [env: RAILWATCH_DASK_ADDRESS; "
                "else this machine]",
            ),
            click.option(
                "--max-pu",
                type=click.FloatRange(min=0),
                help="Sentinel Hub's processing units it may spend; then it stops, keeps and "
                "publishes what it has.",
            ),
            click.option(
                "--json", "as_json", is_flag=True, help="Print the summary as one JSON document."
            ),
        )
    ):
        command = option(command)
    return command


@click.command("run")
@_place_options
def run(
    area: str,
    archive: str | None,
    store: str,
    start: dt.datetime | None,
    end: dt.datetime | None,
    dask: str | None,
    max_pu: float | None,
    as_json: bool,
) -> None:
    """Find, count and publish what is new of an area: the whole job, on this machine.

    A second run of the same archive does nothing new and says so. Killed at any moment, the same
    command goes on from there. With PREFECT_API_URL set the run is recorded on that server; without
    it no server, account or network is needed.
    """
    place = _place(area, store, archive)
    window = _window(start, end)
    job = Job.open(place, window)
    searched = job.note() is not None
    if searched and (done := job.nothing_new()):
        _say(done, as_json=as_json)
        return

    def watch() -> Outcome:
        from flows.watch import watch_area

        return watch_area(place, window, dask, max_pu)

    _say(_with_prefect(watch, None if searched else job), as_json=as_json)


@click.command("backfill")
@_place_options
@click.option(
    "--order",
    type=click.Choice(["newest-first", "oldest-first"]),
    default="newest-first",
    show_default=True,
    help="Which months come first.",
)
@click.option(
    "--months-each",
    type=click.IntRange(1, 120),
    default=STEADILY.months_each,
    show_default=True,
    help="Months of acquisition ingested at a time.",
)
@click.option("--dry-run", is_flag=True, help="Say what is left to fetch and its price, no more.")
def backfill(
    area: str,
    archive: str | None,
    store: str,
    start: dt.datetime | None,
    end: dt.datetime | None,
    dask: str | None,
    max_pu: float | None,
    as_json: bool,
    order: str,
    months_each: int,
    dry_run: bool,
) -> None:
    """Fetch, count and publish the past of an area, window by window, within a budget.

    Started again it does the rest and only the rest: what is left is asked of the record.
    """
    place = _place(area, store, archive)
    window = _window(start, end)
    job = Job.open(place, window)
    if dry_run:
        _say(job.left(), as_json=as_json)
        return
    pace = Pace(newest_first=order == "newest-first", months_each=months_each, max_pu=max_pu)

    def fill() -> Outcome:
        from flows.backfill import backfill_area

        return backfill_area(place, window, pace, dask)

    _say(_with_prefect(fill, job), as_json=as_json)


def _place(area: str, store: str, archive: str | None) -> Place:
    """Make the parameters of a run, or say which option is wrong.

    Raises
    ------
    OperatorError
        A store or archive of another kind than can be opened.
    """
    for url in (store, archive):
        if url is not None:
            Store.open(url)
    try:
        return Place(area=area, store=store, archive=archive)
    except ValidationError as exc:
        wrong = exc.errors(include_url=False, include_input=False)[0]
        raise OperatorError(f"--{wrong['loc'][0]}: {wrong['msg']}: mend it") from None


def _window(start: dt.datetime | None, end: dt.datetime | None) -> Window:
    if start is not None and end is not None and start > end:
        raise click.UsageError(f"--start {start:%Y-%m-%d} is after --end {end:%Y-%m-%d}")
    return Window(start=start and start.date(), end=end and end.date())


def _say(outcome: Outcome, *, as_json: bool) -> None:
    click.echo(outcome.model_dump_json(indent=1) if as_json else outcome.sentence())


def _with_prefect(flow: Callable[[], Outcome], unsearched: Job | None) -> Outcome:
    """Run a flow against a Prefect API: the operator's, or one of our own for as long."""
    operated = bool(os.environ.get("PREFECT_API_URL"))
    with prefect_api() as ready:
        # While the server starts: an archive that cannot be searched is refused without waiting,
        # and Prefect is imported.
        if unsearched is not None:
            unsearched.search()
        from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

        import flows.stages  # noqa: F401  # takes as long as the server
        from flows.display import shown
        from flows.summary import unheard

        ready()
        # A private server has nobody to tell that this process died, and a run pays a second at its
        # end for the thread that would.
        heartbeat = {} if operated else {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
        with temporary_settings(heartbeat), shown(), nullcontext() if operated else unheard():
            return flow()
