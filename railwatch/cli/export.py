"""`railwatch export`: the whole cube of an area as plain Zarr."""

from __future__ import annotations

from pathlib import Path

import click

from railwatch.area import load_area
from railwatch.publication.export import export
from railwatch.publication.pointer import pointer_of
from railwatch.record import Record
from railwatch.series.reference import read_references
from railwatch.store import Store


@click.command("export")
@click.argument("area", type=click.Path(path_type=Path))
@click.option("--store", "url", required=True, help="Folder or s3://bucket/prefix with its record.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="New folder to write.")
def export_command(area: Path, url: str, out: Path) -> None:
    """Write all imagery, strips, occupancy and counts of AREA (its YAML file) as plain Zarr v3.

    The counts are those of the detector whose publication is current.
    """
    loaded = load_area(area)
    store = Store.open(url)
    pointer = pointer_of(store, loaded.id)
    with Record.open(store, loaded.id) as record:
        references = read_references(store, loaded.id)
        written = export(record, loaded, pointer.detector, out, references)
    click.echo(f"{out}: {written / 1e6:.1f} MB", err=True)
