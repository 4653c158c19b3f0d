"""`railwatch reference`: keep and list what analysts counted by eye."""

from __future__ import annotations

import datetime as dt
import json

import click

from railwatch.count import FACILITY
from railwatch.series.reference import Reference, add_reference, in_force, read_references
from railwatch.store import Store

_STORE = click.option("--store", required=True, metavar="URL", help="Folder or s3://bucket/prefix.")


@click.group()
def reference() -> None:
    """Keep analysts' reference counts, which put intervals right."""


@reference.command()
@click.argument("area")
@_STORE
@click.option(
    "--date",
    "date",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    help="UTC date of the image or visit.",
)
@click.option("--siding", default=FACILITY, show_default=True, help="Siding or group; * is all.")
@click.option("--count", "cars", required=True, type=float, help="Railcars counted.")
@click.option("--who", required=True, help="Who counted.")
@click.option("--source", required=True, help="From what: image id, report, visit.")
def add(
    area: str, store: str, date: dt.datetime, siding: str, cars: float, who: str, source: str
) -> None:
    """Add what was counted at AREA on a date; adding the same twice adds it once."""
    added = Reference(area, date.date(), cars, who, source, siding)
    place = area if siding == FACILITY else f"{area} {siding}"
    if add_reference(Store.open(store), added):
        click.echo(f"added: {cars:g} cars at {place} on {added.date}, counted by {who}")
    else:
        click.echo(f"already there: {cars:g} cars at {place} on {added.date}, counted by {who}")


@reference.command("list")
@click.argument("area")
@_STORE
@click.option("--all", "everything", is_flag=True, help="Also those that were corrected later.")
def list_references(area: str, store: str, everything: bool) -> None:
    """List the reference counts of AREA, one JSON object a line."""
    found = read_references(Store.open(store), area)
    for kept in found if everything else in_force(found):
        said = {
            "date": kept.date.isoformat(),
            "siding_id": kept.siding_id,
            "cars": kept.cars,
            "who": kept.who,
            "source": kept.source,
            "recorded_at": None if kept.recorded_at is None else kept.recorded_at.isoformat(),
        }
        click.echo(json.dumps(said, ensure_ascii=False))
