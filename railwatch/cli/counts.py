"""`railwatch counts`: what is published of an area, as a table, JSON or CSV.

`railwatch.published` reads it; what is here chooses rows and spells them.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import click

from railwatch.count import FACILITY, ResolutionClass
from railwatch.published import Row, published_rows
from railwatch.store import Store

CAR_CLASSES = {ResolutionClass.A, ResolutionClass.B}
"""Where single cars or their spacing are seen, cars come first; else the metres they rest on."""


@click.command("counts")
@click.argument("area_id")
@click.option("--store", "url", required=True, help="Folder or s3://bucket/prefix published to.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="A table for people, or rows with the columns of counts.parquet.",
)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Leave out scenes acquired before this day, UTC.",
)
@click.option("--siding", help="Only this siding or group; `*` is the facility.")
def counts(
    area_id: str, url: str, form: str, since: dt.datetime | None, siding: str | None
) -> None:
    """Show what is published of an area: metres and cars with intervals, or the refusal.

    One row a scene and siding or track group, and one for the whole facility (`*`).
    """
    rows = [
        row
        for row in published_rows(Store.open(url), area_id)
        if _is_since(row, since) and siding in (None, row["siding_id"])
    ]
    if form == "json":
        click.echo(json.dumps([_plain(row) for row in rows], ensure_ascii=False, indent=1))
    elif form == "csv":
        click.echo(_csv(rows), nl=False)
    else:
        click.echo(_table(area_id, rows))


def _is_since(row: Row, since: dt.datetime | None) -> bool:
    """Whether a row is from `since` or later; scenes without a time are always shown."""
    acquired = row["acquired"]
    return since is None or acquired is None or acquired >= since.replace(tzinfo=dt.UTC)


def _plain(row: Row) -> dict[str, Any]:
    """Give a row in values JSON has: times as ISO 8601 in UTC, what is no number as null."""
    return {name: _plain_value(value) for name, value in row.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _csv(rows: Sequence[Row]) -> str:
    """Spell rows as CSV with a header; empty where there is none."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(_plain(row) for row in rows)
    return text.getvalue()


def _table(area_id: str, rows: Sequence[Row]) -> str:
    """Lay rows out for reading, with what was refused summed up below."""
    if not rows:
        return f"{area_id}: no scene in that time"
    cells = [("acquired (UTC)", "sensor", "class", "siding", "occupied track and cars", "record")]
    for row in rows:
        acquired = f"{row['acquired']:%Y-%m-%d %H:%M}" if row["acquired"] else "-"
        chance = "" if row["p_record"] is None else f"{row['p_record']:.2f}"
        klass = row["resolution_class"] or "-"
        sensor = row["sensor"] or "-"
        cells.append((acquired, sensor, klass, row["siding_id"], _said(row), chance))
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = [_line(line, widths) for line in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*lines, "", *_summary(rows)])


def _line(cells: Iterable[str], widths: Sequence[int]) -> str:
    return "  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip()


def _said(row: Row) -> str:
    """Say one count: metres first where cars cannot be seen, and always with the interval."""
    metres = _interval(row, "occupied_m", "m")
    if row["refusal"] is not None:
        return f"refused: {row['refusal']}" + (f" ({metres})" if metres else "")
    cars = _interval(row, "cars", "cars")
    order = (cars, metres) if row["resolution_class"] in CAR_CLASSES else (metres, cars)
    return ", ".join(part for part in order if part) or "-"


def _interval(row: Row, name: str, unit: str) -> str:
    """Spell `1240 m [980-1500]`; empty where there is no number."""
    value, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    if value is None or not math.isfinite(value):
        return ""
    spread = "" if low is None or high is None else f" [{low:.0f}-{high:.0f}]"
    return f"{value:.0f} {unit}{spread}"


def _summary(rows: Sequence[Row]) -> list[str]:
    """Count scenes, and what was refused by reason."""
    facility = [row for row in rows if row["siding_id"] == FACILITY] or list(rows)
    refused = Counter(str(row["refusal"]) for row in facility if row["refusal"] is not None)
    scenes = len({row["scene_id"] for row in facility})
    reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(refused.items()))
    interval = next((row["interval"] for row in rows if row["interval"] is not None), None)
    lines = [f"{scenes} scenes, {refused.total()} refused" + (f": {reasons}" if reasons else "")]
    if interval is not None:
        lines.append(f"[low-high] holds the truth {interval:.0%} of the time")
    return lines
