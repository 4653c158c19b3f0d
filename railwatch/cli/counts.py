"""`railwatch counts`: what is published of an area, as a table, JSON or CSV.

Reads `areas/{area}/latest.json` and the Parquet it points at, nothing else; the record need not
be reachable. Only pyarrow is imported, so that it answers in half a second.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from railwatch.count import FACILITY, ResolutionClass
from railwatch.errors import IntegrityError, OperatorError
from railwatch.store import Store

Row = Mapping[str, Any]

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


def published_rows(store: Store, area_id: str) -> list[dict[str, Any]]:
    """Give the rows of an area's current publication, ordered by time, scene, facility first.

    Raises
    ------
    OperatorError
        Nothing is published of that area.
    IntegrityError
        The pointer or the table is not what railwatch wrote.
    """
    folder = f"areas/{area_id}"
    try:
        pointer = store.get(f"{folder}/latest.json")
    except KeyError:
        raise OperatorError(_nothing_published(store, area_id)) from None
    try:
        key = f"{folder}/{json.loads(pointer)['links']['counts']}"
        data = store.get(key)
    except (KeyError, TypeError, ValueError) as exc:
        raise IntegrityError(
            f"{store.url}/{folder}/latest.json: links.counts: does not lead to a table ({exc}); "
            "publish the area again with `railwatch run`"
        ) from exc
    return _read_parquet(f"{store.url}/{key}", data)


def _read_parquet(name: str, data: bytes) -> list[dict[str, Any]]:
    """Read a Parquet file from memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(pa.BufferReader(data)).read()
    except pa.ArrowInvalid as exc:
        raise IntegrityError(f"{name}: not a Parquet file ({exc}); publish it again") from exc
    times = [field for field in table.schema if pa.types.is_timestamp(field.type)]
    for field in times:
        # pyarrow imports pandas to make Python's datetime of a timestamp, and its compute module
        # to cast one; half a second has room for neither, nor for `pq.read_table`'s datasets.
        ticks = pa.chunked_array([c.view(pa.int64()) for c in table[field.name].chunks], pa.int64())
        at = table.schema.get_field_index(field.name)
        table = table.set_column(at, field.name, ticks)
    rows = table.to_pylist()
    for row in rows:
        row.update((field.name, _time(row[field.name], field.type.unit)) for field in times)
    return sorted(rows, key=_order)


_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def _time(ticks: int | None, unit: str) -> dt.datetime | None:
    """Give UTC of a Parquet timestamp: ticks of a unit since 1970."""
    if ticks is None:
        return None
    microseconds = ticks * 10**6 // _PER_SECOND[unit]
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=microseconds)


def _order(row: Row) -> tuple[bool, dt.datetime, str, bool, str]:
    """By time (scenes without one last), scene, the facility before its sidings."""
    acquired = row["acquired"] or dt.datetime.max.replace(tzinfo=dt.UTC)
    sums = row["siding_id"] == FACILITY
    return (row["acquired"] is None, acquired, row["scene_id"], not sums, row["siding_id"])


def _nothing_published(store: Store, area_id: str) -> str:
    """Say that there is no such area, and which there are."""
    keys = (key.split("/") for key in store.list("areas"))
    areas = sorted({key[1] for key in keys if len(key) == 3 and key[2] == "latest.json"})
    there = f"published there: {', '.join(areas[:20])}" if areas else "nothing is published there"
    return f"{store.url}: no counts of area {area_id!r}; {there}"


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
