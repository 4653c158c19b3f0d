"""Commands of the command line that run flows; `railwatch.cli` names them by string.

Prefect is imported inside the commands, after its server was started and its settings were put into
the environment; a run that has nothing to do never imports it.
"""

from __future__ import annotations

import datetime as dt
import os

import click

from flows.job import Job
from flows.local_server import prefect_api
from flows.outcome import Outcome
from flows.parameters import Place, Window

DAY = click.DateTime(["%Y-%m-%d"])


@click.command("run")
@click.argument("area", metavar="AREA.yaml")
@click.option(
    "--archive",
    help="Folder or bucket of STAC Items with GeoTIFF assets. Without it: Sentinel Hub, with the "
    "account from the environment.",
)
@click.option("--store", required=True, help="Folder or s3://bucket/prefix to keep and publish in.")
@click.option("--start", type=DAY, help="First day of acquisition, UTC.")
@click.option("--end", type=DAY, help="Last day of acquisition, included.")
@click.option(
    "--dask",
    metavar="ADDRESS",
    help="Dask scheduler to use, e.g. tcp://host:8786. [env: RAILWATCH_DASK_ADDRESS; else this "
    "machine]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON document.")
def run(
    area: str,
    archive: str | None,
    store: str,
    start: dt.datetime | None,
    end: dt.datetime | None,
    dask: str | None,
    as_json: bool,
) -> None:
    """Find, count and publish what is new of an area: the whole job, on this machine.

    A second run of the same archive does nothing new and says so. Killed at any moment, the same
    command goes on from there. With PREFECT_API_URL set the run is recorded on that server; without
    it no server, account or network is needed.
    """
    if start is not None and end is not None and start > end:
        raise click.UsageError(f"--start {start:%Y-%m-%d} is after --end {end:%Y-%m-%d}")
    place = Place(area=area, store=store, archive=archive)
    window = Window(start=start and start.date(), end=end and end.date())
    job = Job.open(place, window)
    if job.note() is not None and (done := job.nothing_new()):
        outcome = done
    else:
        outcome = _watch(job, place, window, dask)
    click.echo(outcome.model_dump_json(indent=1) if as_json else outcome.sentence())


def _watch(job: Job, place: Place, window: Window, dask: str | None) -> Outcome:
    """Run the flow against a Prefect API."""
    operated = bool(os.environ.get("PREFECT_API_URL"))
    with prefect_api() as ready:
        # While the server starts: an archive that cannot be searched is refused without waiting.
        job.search()
        from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

        from flows.display import shown
        from flows.watch import watch_area

        ready()
        # A private server has nobody to tell that this process died, and a run pays a second at its
        # end for the thread that would.
        heartbeat = {} if operated else {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
        with temporary_settings(heartbeat), shown():
            return watch_area(place, window, dask)
