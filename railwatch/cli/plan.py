"""`railwatch plan`: what a backfill would fetch and cost, before anything is spent."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

import click

from railwatch.area import Area, load_area
from railwatch.detector.resolution import resolution_class
from railwatch.detector.window import footprint_for
from railwatch.scene import Scene
from railwatch.sources import Found, SceneSource
from railwatch.sources.archive import ArchiveSource
from railwatch.sources.forecast import Forecast, Quota, Wanted, forecast
from railwatch.sources.sentinel_hub import Account, SentinelHubSource
from railwatch.work import query_for

DAY = click.DateTime(["%Y-%m-%d"])


@click.command("plan")
@click.argument("area", type=click.Path(path_type=Path), metavar="AREA.yaml")
@click.option("--start", type=DAY, help="First day of acquisition, UTC.")
@click.option("--end", type=DAY, help="Last day of acquisition, included.")
@click.option(
    "--collection",
    "collections",
    multiple=True,
    metavar="ID",
    help="Only this collection; may be repeated. Default: the area's own.",
)
@click.option(
    "--archive",
    help="Folder or bucket of STAC Items. Without it: Sentinel Hub, with the account from the "
    "environment.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan as one JSON document.")
def plan(
    area: Path,
    start: dt.datetime | None,
    end: dt.datetime | None,
    collections: tuple[str, ...],
    archive: str | None,
    as_json: bool,
) -> None:
    """Say what a backfill would fetch and cost, without spending anything.

    Searching is free and prices are exact. The forecast says how many months of the account's quota
    the backfill takes and what a month of watching will cost.
    """
    if start is not None and end is not None and start > end:
        raise click.UsageError(f"--start {start:%Y-%m-%d} is after --end {end:%Y-%m-%d}")
    place = load_area(area)
    query = query_for(place, start and start.date(), end and end.date())
    if collections:
        query = replace(query, collections=collections)
    quota = None
    if archive is not None:
        source: SceneSource = ArchiveSource(archive)
        found = tuple(source.search(query))
        planned = forecast(source, _scenes(found), lambda scene: _wanted(place, scene))
    else:
        account = Account.from_environment()
        quota = Quota(account.pu_per_month, account.requests_per_month)
        with SentinelHubSource(account, sidings=place.sidings) as hub:
            found = tuple(hub.search(query))
            planned = forecast(hub, _scenes(found), lambda scene: _wanted(place, scene))
    rejected = [f for f in found if f.scene is None]
    if as_json:
        click.echo(json.dumps(_document(place, planned, rejected, quota), indent=1))
    else:
        click.echo("\n".join(_report(place, planned, rejected, quota)))


def _scenes(found: Iterable[Found]) -> list[Scene]:
    """Leave out what cannot become a scene, and sensors too coarse to count anything."""
    scenes = [f.scene for f in found if f.scene is not None]
    return [s for s in scenes if resolution_class(s.gsd_m, s.bands) is not None]


def _wanted(place: Area, scene: Scene) -> list[Wanted]:
    """Give the pieces the detector needs of a scene, as a run would fetch them."""
    blocks = footprint_for(place.sidings, scene.gsd_m, scene.bands).blocks(len(scene.bands))
    return [(block.grid, block.pieces) for _, block in blocks]


def _document(
    place: Area, planned: Forecast, rejected: list[Found], quota: Quota | None
) -> dict[str, object]:
    """Say the plan as JSON values."""
    document: dict[str, object] = {
        "area": place.id,
        "collections": [asdict(line) for line in planned.lines],
        "total": asdict(planned.total),
        "months": [
            {"month": month, "scenes": scenes, "requests": requests, "processing_units": units}
            for month, scenes, requests, units in planned.months
        ],
        "unusable": [{"item": f.item_id, "reason": f.rejection} for f in rejected],
    }
    if quota is not None:
        document["quota"] = {
            **asdict(quota),
            "months_for_everything": planned.months_of_quota(quota),
            "watching_a_month": asdict(planned.watching),
        }
    return document


def _report(
    place: Area, planned: Forecast, rejected: list[Found], quota: Quota | None
) -> list[str]:
    """Say the plan as lines for people."""
    lines = [f"{place.id}: {place.name}"]
    head = f"{'collection':<18}{'scenes':>8}{'requests':>10}{'PU':>12}{'MB':>10}  from        to"
    lines.append(head)
    lines += [
        f"{line.collection:<18}{line.scenes:>8}{line.requests:>10}"
        f"{line.processing_units:>12.2f}{line.bytes / 1e6:>10.1f}  {line.first}  {line.last}"
        for line in planned.lines
    ]
    total = planned.total
    scenes = sum(line.scenes for line in planned.lines)
    lines.append(
        f"{'in all':<18}{scenes:>8}{total.requests:>10}"
        f"{total.processing_units:>12.2f}{total.bytes / 1e6:>10.1f}"
    )
    if rejected:
        lines.append(f"{len(rejected)} listed items cannot be used; --json names them")
    if quota is not None:
        month = planned.watching
        lines.append(
            f"quota {quota.pu:g} PU and {quota.requests:g} requests a month: everything takes "
            f"{planned.months_of_quota(quota)} months of it, watching takes "
            f"{month.processing_units:.2f} PU and {month.requests} requests a month"
        )
    return lines
