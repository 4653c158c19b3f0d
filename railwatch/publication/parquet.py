"""Tables: contract 4's rows, the sidings' latest state and single cars, as Parquet and GeoParquet.

Columns, units and nulls are specified in docs/consumers.md. Bytes depend on the rows alone, so two
publishers of the same record write the same file, `published_at` aside.
"""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from railwatch.count import FACILITY, INTERVAL, Count
from railwatch.publication.content import Content, Listed

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
"""One row, by column name."""

COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("area_id", "string", "Area of interest"),
    ("siding_id", "string", "`*` is the facility; else a siding, or a group: ids joined by `+`"),
    ("scene_id", "string", "Scene in its archive"),
    ("acquired", "time", "Sensing time, UTC; null where the archive's item names none"),
    ("sensor", "string", "Platform, e.g. sentinel-2a"),
    ("gsd_m", "float", "Ground sampling distance, m"),
    ("resolution_class", "string", "A (<= 1 m), B (3-5 m), C (10 m), D (SAR)"),
    ("method", "string", "How the number was made"),
    ("occupied_m", "float", "Occupied track, m"),
    ("occupied_m_low", "float", "Lower end of the interval, m"),
    ("occupied_m_high", "float", "Upper end of the interval, m"),
    ("cars", "float", "Railcars"),
    ("cars_low", "float", "Lower end of the interval, railcars"),
    ("cars_high", "float", "Upper end of the interval, railcars"),
    ("interval", "float", "Nominal coverage of low-high"),
    ("visible_m", "float", "Track a satellite can see, m"),
    ("total_m", "float", "Track there is, m"),
    ("clear_fraction", "float", "Share of the visible track that is clear, 0-1"),
    ("baseline_state", "string", "How the look of the empty track is known"),
    ("registration_shift_m", "float", "Shift against the area's reference, m"),
    ("registration_sigma_m", "float", "Standard error of the shift, m"),
    ("refusal", "string", "Why there is no count; null where there is one"),
    ("siding_set", "string", "Digest of the sidings"),
    ("detector", "string", "Fingerprint of the detector"),
    ("snapshot", "string", "State of the record, an Icechunk tag"),
    ("published_at", "time", "When this row was first published, UTC"),
    ("p_record", "float", "Facility rows: probability of being the highest so far, 0-1"),
    ("record_sentence", "string", "Facility rows: the record in words"),
    # Beyond contract 4: after its columns, may be null everywhere.
    ("static_stock_m", "float", "Occupied for 180 days without change, m"),
    ("conditional_wagons", "float", "Occupied length in units of 14 m"),
    ("lateral_cargo", "bool", "Piles beside the track, not on it"),
    ("moving", "bool", "The train was under way"),
    ("tarp_share", "float", "Class A: share of cars under a tarpaulin, 0-1"),
    ("n_ref", "float", "Reference counts the interval in railcars was put right by"),
    ("refusal_detail", "string", "One sentence on a scene that never reached the cube"),
    ("rendered", "bool", "The scene is simulated imagery, not a satellite's"),
)
"""(name, type, meaning) of every column of counts.parquet, in order."""


def is_rendered(listed: Listed) -> bool:
    """Whether the scene's own metadata says that it was simulated."""
    return bool(listed.scene and listed.scene.properties.get("railwatch:rendered"))


def count_rows(content: Content, published_at: dt.datetime, previous: Iterable[Row]) -> list[Row]:
    """Build contract 4's rows, ordered by time, scene, facility first.

    Parameters
    ----------
    content
        What is published.
    published_at
        Stands in rows that are new or changed.
    previous
        Rows of the publication before; a row that says the same keeps its time.
    """
    rendered = {row.item_id: is_rendered(row) for row in content.listed}
    rows = [_count_row(count, rendered.get(count.scene_id, False)) for count in content.counts]
    counted = {count.scene_id for count in content.counts}
    rows += [
        _rejected_row(content, listed)
        for listed in content.listed
        if listed.rejection is not None and listed.item_id not in counted
    ]
    before = {(str(row["scene_id"]), str(row["siding_id"])): row for row in previous}
    for row in rows:
        old = before.get((row["scene_id"], row["siding_id"]))
        same = old is not None and all(row[name] == old.get(name) for name in _COMPARED)
        row["published_at"] = old["published_at"] if old is not None and same else published_at
    last = dt.datetime.max.replace(tzinfo=dt.UTC)
    rows.sort(
        key=lambda row: (
            row["acquired"] or last,
            row["scene_id"],
            row["siding_id"] != FACILITY,
            row["siding_id"],
        )
    )
    return rows


# A row whose number stands although the record grew was first published when the number was.
_COMPARED = tuple(name for name, _, _ in COLUMNS if name not in {"published_at", "snapshot"})


def _count_row(count: Count, rendered: bool) -> Row:
    """One count as a row."""
    row: Row = {name: getattr(count, name, None) for name, _, _ in COLUMNS}
    for name in ("resolution_class", "baseline_state", "refusal"):
        row[name] = None if row[name] is None else str(row[name])
    row["rendered"] = rendered
    row["n_ref"] = count.extra.get("n_ref")
    return row


def _rejected_row(content: Content, listed: Listed) -> Row:
    """Say of a scene that never reached the cube that it is there, and why it gives nothing."""
    scene = listed.scene
    row: Row = dict.fromkeys(name for name, _, _ in COLUMNS)
    row |= {
        "area_id": content.area.id,
        "siding_id": FACILITY,
        "scene_id": listed.item_id,
        "acquired": scene.acquired if scene else None,
        "sensor": scene.platform if scene else None,
        "gsd_m": scene.gsd_m if scene else None,
        "method": "none",
        "interval": INTERVAL,
        "refusal": listed.rejection,
        "refusal_detail": listed.detail,
        "siding_set": content.siding_set,
        "detector": content.detector,
        "snapshot": content.snapshot,
        "rendered": is_rendered(listed),
    }
    return row


def counts_parquet(rows: Sequence[Row]) -> bytes:
    """Write rows as counts.parquet."""
    import pyarrow as pa

    schema = pa.schema(
        [
            pa.field(name, _arrow(kind), metadata={"description": meaning})
            for name, kind, meaning in COLUMNS
        ],
        metadata={"description": "Railcars standing on sidings; docs/consumers.md specifies it"},
    )
    columns = [pa.array([row[name] for row in rows], _arrow(kind)) for name, kind, _ in COLUMNS]
    return _bytes(pa.Table.from_arrays(columns, schema=schema))


def read_rows(data: bytes, only: Sequence[str] | None = None) -> list[Row]:
    """Read counts.parquet, or some of its columns, back as rows with UTC times."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    # `read_table` sets up a dataset around one file in memory, which takes as long as reading it.
    table = pq.ParquetFile(io.BytesIO(data)).read(only, use_threads=False)
    columns = [
        [None if v is None else v.astimezone(dt.UTC) for v in column.to_pylist()]
        if pa.types.is_timestamp(column.type)
        else column.to_pylist()
        for column in table.columns
    ]
    return [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]


def geoparquet(features: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> bytes:
    """Write GeoJSON features as GeoParquet 1.1 (WKB, OGC:CRS84).

    Parameters
    ----------
    features
        GeoJSON features, WGS84.
    columns
        Type (`string`, `float`, `time`, `bool`) of each property that becomes a column; times are
        ISO 8601 strings in the features.
    """
    import pyarrow as pa
    import shapely

    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in features]
    arrays = [
        pa.array(
            [_typed(feature["properties"].get(name), kind) for feature in features], _arrow(kind)
        )
        for name, kind in columns.items()
    ]
    arrays.append(pa.array([shapely.to_wkb(shape) for shape in shapes], pa.binary()))
    geometry: dict[str, object] = {
        "encoding": "WKB",
        "geometry_types": sorted({shape.geom_type for shape in shapes}),
    }
    if shapes:
        geometry["bbox"] = [round(float(v), 7) for v in shapely.total_bounds(shapes)]
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
    table = pa.Table.from_arrays(arrays, names=[*columns, "geometry"])
    return _bytes(table.replace_schema_metadata({"geo": json.dumps(geo, sort_keys=True)}))


def _typed(value: Any, kind: str) -> Any:
    """Turn a GeoJSON property into what its column holds."""
    if kind == "time" and value is not None:
        return dt.datetime.fromisoformat(value)
    return value


def _arrow(kind: str) -> pa.DataType:
    """Arrow type of a column."""
    import pyarrow as pa

    return {
        "string": pa.string(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
    }[kind]


def _bytes(table: pa.Table) -> bytes:
    """Serialise a table."""
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()
