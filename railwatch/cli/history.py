"""`railwatch history`: the publications of an area, and removing old ones."""

from __future__ import annotations

import datetime as dt
import json

import click

from railwatch.publication.content import utc
from railwatch.publication.history import Manifest, Retention, collect, history
from railwatch.publication.pointer import pointer_of
from railwatch.store import Store


@click.command("history")
@click.argument("area_id")
@click.option("--store", "url", required=True, help="Folder or s3://bucket/prefix published to.")
@click.option("--collect", "collecting", is_flag=True, help="Remove publications beyond --keep.")
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=Retention().keep,
    show_default=True,
    help="So many of the newest stay; the current one and any of the last day always do.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
def history_command(area_id: str, url: str, collecting: bool, keep: int, as_json: bool) -> None:
    """List the publications of an area that are kept, oldest first."""
    store = Store.open(url)
    current = pointer_of(store, area_id).publication
    if collecting:
        done = collect(store, area_id, Retention(keep), dt.datetime.now(dt.UTC))
        click.echo(f"removed {len(done.publications)}, {done.objects} objects", err=True)
    made = history(store, area_id)
    if as_json:
        click.echo(json.dumps([_plain(m, current) for m in made], indent=1))
        return
    for manifest in made:
        said = _plain(manifest, current)
        click.echo(
            f"{manifest.published_at:%Y-%m-%d %H:%M:%S}  {manifest.publication}  "
            f"{said['state']:<10}  "
            f"{manifest.scenes:>5} scenes  {manifest.size / 1e6:>8.1f} MB  {manifest.detector}"
        )


def _plain(manifest: Manifest, current: str) -> dict[str, str | int]:
    """One publication as JSON values."""
    state = "kept" if manifest.complete else "incomplete"
    return {
        "publication": manifest.publication,
        "state": "current" if manifest.publication == current else state,
        "published_at": utc(manifest.published_at),
        "siding_set": manifest.siding_set,
        "detector": manifest.detector,
        "snapshot": manifest.snapshot,
        "scenes": manifest.scenes,
        "bytes": manifest.size,
    }
