"""The rows of an area's current publication, for whoever needs them soon.

Reads `areas/{area}/latest.json` and the Parquet it points at, nothing else; the record need not
be reachable. Of libraries only pyarrow is imported, so that `railwatch counts` answers within half
a second; that is also why nothing of `railwatch.publication`, which loads all that publishes, is.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from railwatch.count import FACILITY
from railwatch.errors import IntegrityError, OperatorError
from railwatch.store import Store

Row = Mapping[str, Any]
"""Values of one row by column, as docs/consumers.md has them; times are UTC."""


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
    except (KeyError, TypeError, ValueError, RecursionError) as exc:
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
