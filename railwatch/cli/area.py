"""`railwatch area`: check an area's files, or make them from an OpenStreetMap extract."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from railwatch.area import ID, Area, SourceSpec, load_area
from railwatch.area_check import AreaReport, inspect_area
from railwatch.area_import import (
    LEAST_LENGTH_M,
    area_id_of,
    clusters,
    import_sidings,
    in_box,
    length_m,
)
from railwatch.area_text import shown
from railwatch.area_write import OPENSTREETMAP, Provenance, write_area
from railwatch.errors import AreaError
from railwatch.osm import read_rail_ways
from railwatch.siding import Siding, SidingSet


def _box(
    ctx: click.Context,  # noqa: ARG001  # click's signature of a callback
    param: click.Parameter,  # noqa: ARG001  # click's signature of a callback
    value: str | None,
) -> tuple[float, float, float, float] | None:
    """Read (west, south, east, north) degrees from `w,s,e,n`."""
    if value is None:
        return None
    try:
        west, south, east, north = (float(part) for part in value.split(","))
    except ValueError as exc:
        raise click.BadParameter(f"{value!r} is not four numbers w,s,e,n") from exc
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise click.BadParameter(f"{value!r} is not west < east and south < north in degrees")
    return west, south, east, north


@click.group()
def area() -> None:
    """Check area files, or make them from an OpenStreetMap extract."""


@area.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def check(files: tuple[Path, ...], as_json: bool) -> None:
    """Validate area files; name file, line and field of the first thing wrong.

    Says what each amounts to: sidings, metres where cars can stand, and how many counts a sensor
    of 0.5, 3 and 10 m can give. Remarks point at what is allowed but probably not meant.
    """
    reports = []
    seen: dict[str, Path] = {}
    for path in files:
        loaded = load_area(path)
        first = seen.setdefault(loaded.id, path)
        if first is not path:
            raise AreaError(
                str(path), "id", f"{loaded.id!r} is the id of {first} too; give each area its own"
            )
        reports.append(inspect_area(loaded))
    if as_json:
        click.echo(json.dumps([_document(report) for report in reports], ensure_ascii=False))
        return
    for path, report in zip(files, reports, strict=True):
        click.echo(f"{path}: {_sentence(report)}")
        for remark in report.remarks:
            click.echo(f"  remark: {remark}")


def _sentence(report: AreaReport) -> str:
    counts = ", ".join(
        f"{sum(group.counted for group in groups)} at {gsd_m:g} m"
        for gsd_m, groups in report.groups.items()
    )
    return (
        f"ok. {report.area.name} ({report.area.id}): {_plural(report.area.sidings, 'siding')}, "
        f"{report.counted_m:,.0f} m where cars can stand (about {report.cars:,} cars), "
        f"counts by group: {counts}; siding set {report.area.sidings.digest}"
    )


def _document(report: AreaReport) -> dict[str, object]:
    return {
        "id": report.area.id,
        "name": report.area.name,
        "siding_set": report.area.sidings.digest,
        "bbox": report.area.bbox,
        "epsg": report.area.sidings.utm.to_epsg(),
        "usable_m": round(report.counted_m, 1),
        "cars": report.cars,
        "sidings": {
            siding.id: {
                "kind": siding.kind.value,
                "length_m": round(length_m(siding), 1),
                "usable_m": round(report.usable[siding.id].length_m, 1),
            }
            for siding in report.area.sidings
        },
        "groups": {f"{gsd_m:g}": [g.id for g in gs] for gsd_m, gs in report.groups.items()},
        "remarks": report.remarks,
    }


@area.command("import")
@click.argument("extract", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder to write both files to."
)
@click.option("--name", help="The area's name. Default: the file's name.")
@click.option("--id", "area_id", help="The area's id. Default: made of the name.")
@click.option(
    "--bbox",
    callback=_box,
    metavar="W,S,E,N",
    help="Only sidings whose middle lies in this box, degrees.",
)
@click.option("--cluster", type=click.IntRange(min=1), help="Only the yard of this number.")
@click.option("--main", "with_main", is_flag=True, help="Main lines too, as kind main.")
@click.option(
    "--collection",
    "collections",
    multiple=True,
    help="What to ask archives for; may be repeated. Default: all they hold.",
)
@click.option("--replace", is_flag=True, help="Overwrite files of the same name.")
def import_(
    extract: Path,
    out: Path,
    name: str | None,
    area_id: str | None,
    bbox: tuple[float, float, float, float] | None,
    cluster: int | None,
    with_main: bool,
    collections: tuple[str, ...],
    replace: bool,
) -> None:
    """Make an area from an OpenStreetMap extract.

    EXTRACT is .osm.pbf, .osm, Overpass JSON or GeoJSON. Tracks tagged service siding, yard or spur
    become sidings, joined where only a tag changes and cut at switches. Prints the yards it finds;
    --cluster N or --bbox picks among them.
    """
    title = name or extract.name.split(".", 1)[0]
    made_id = area_id or area_id_of(title)
    if not ID.fullmatch(made_id):
        raise click.BadParameter(
            f"{shown(area_id or title)!r} makes no id; give one of lower-case letters, digits and "
            "hyphens",
            param_hint="--id",
        )
    found = import_sidings(read_rail_ways(extract), with_main=with_main)
    sidings: Sequence[Siding] = found.sidings if bbox is None else in_box(found.sidings, bbox)
    if not sidings:
        raise AreaError(
            str(extract),
            "",
            "holds no siding, yard or spur track here; widen --bbox or take another extract",
        )
    yards = clusters(sidings)
    _print_yards(yards, cluster)
    if found.short:
        click.echo(
            f"left out {_plural(range(found.short), 'track')} shorter than {LEAST_LENGTH_M:g} m, "
            f"{found.short_m:,.0f} m in all"
        )
    if cluster is not None:
        if cluster > len(yards):
            raise click.BadParameter(f"there are {len(yards)} yards", param_hint="--cluster")
        sidings = yards[cluster - 1]
    made = Area(
        id=made_id,
        name=title,
        sidings=SidingSet(tuple(sorted(sidings, key=lambda siding: siding.id))),
        sources=tuple(SourceSpec(collection) for collection in collections),
    )
    extra = {s.id: {"osm_ways": list(found.way_ids[s.id])} for s in sidings}
    path = write_area(made, out, _provenance(extract), extra, replace=replace)
    click.echo(f"wrote {path} and {path.with_name(f'{made.id}.sidings.geojson')}")
    click.echo(f"{path}: {_sentence(inspect_area(made))}")


def _provenance(extract: Path) -> Provenance:
    attribution, licence = OPENSTREETMAP
    return Provenance(attribution, licence, f"Made by `railwatch area import` from {extract.name}.")


def _print_yards(yards: Sequence[Sequence[Siding]], chosen: int | None) -> None:
    click.echo(f"{'yard':>4} {'sidings':>7} {'metres':>9} {'longest':>7}  middle (lat, lon)")
    for number, yard in enumerate(yards, start=1):
        lengths = [length_m(siding) for siding in yard]
        points = [point for siding in yard for point in siding.coordinates]
        lon, lat = (sum(values) / len(points) for values in zip(*points, strict=True))
        mark = " <- chosen" if number == chosen else ""
        click.echo(
            f"{number:>4} {len(yard):>7} {sum(lengths):>9,.0f} {max(lengths):>7,.0f}  "
            f"{lat:.5f}, {lon:.5f}{mark}"
        )


def _plural(things: Iterable[object], word: str) -> str:
    count = sum(1 for _ in things)
    return f"{count:,} {word}" + ("" if count == 1 else "s")
