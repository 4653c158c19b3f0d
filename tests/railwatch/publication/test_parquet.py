"""Contract 4's rows in Parquet."""

import dataclasses
import datetime as dt
import io

import pyarrow.parquet as pq

from railwatch.publication.geojson import SIDING_COLUMNS, siding_features
from railwatch.publication.parquet import count_rows, counts_parquet, geoparquet, read_rows
from railwatch.testing.five_years import FiveYears, place

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)

CONTRACT = """
area_id siding_id scene_id acquired sensor gsd_m resolution_class method occupied_m occupied_m_low
occupied_m_high cars cars_low cars_high interval visible_m total_m clear_fraction baseline_state
registration_shift_m registration_sigma_m refusal siding_set detector snapshot published_at p_record
record_sentence
"""


def table(content):
    return pq.read_table(io.BytesIO(counts_parquet(count_rows(content, NOW, []))))


def test_columns_are_contract_4_in_its_order():
    """Consumers read columns by the names and the order that docs/consumers.md fixes."""
    names = CONTRACT.split()

    assert table(FiveYears(place(), 20).content()).column_names[: len(names)] == names


def test_times_are_utc_and_every_listed_scene_has_its_row():
    """A count, a refusal and an unreadable scene each have a facility row; times carry UTC."""
    content = FiveYears(place(), 20).content()
    made = table(content)
    rows = made.to_pylist()
    facility = {row["scene_id"]: row for row in rows if row["siding_id"] == "*"}

    assert str(made.schema.field("acquired").type) == "timestamp[us, tz=UTC]"
    assert set(facility) == {row.item_id for row in content.listed}
    unreadable = content.listed[11].item_id
    assert facility[unreadable]["refusal"] == "asset_unreadable"
    assert facility[unreadable]["occupied_m"] is None
    assert facility[unreadable]["refusal_detail"] == "red.tif: truncated"


def test_an_item_without_a_date_is_listed_with_null():
    """An item that never became a scene has no sensing time; its row says so and why."""
    content = FiveYears(place(), 5).content()
    broken = dataclasses.replace(
        content.listed[0], item_id="broken", scene=None, rejection="bad_item", detail="no datetime"
    )
    content = dataclasses.replace(content, listed=(*content.listed, broken))
    (row,) = [row for row in table(content).to_pylist() if row["scene_id"] == "broken"]

    assert row["acquired"] is None
    assert row["refusal"] == "bad_item"


def test_same_rows_give_same_bytes_and_read_back_equal():
    """The file depends on the rows alone and loses nothing."""
    rows = count_rows(FiveYears(place(), 20).content(), NOW, [])
    again = count_rows(FiveYears(place(), 20).content(), NOW, [])

    assert counts_parquet(rows) == counts_parquet(again)
    assert read_rows(counts_parquet(rows)) == rows


def test_geoparquet_holds_the_lines_of_the_sidings():
    """Each siding's line comes back from WKB as it was given."""
    import shapely

    content = FiveYears(place(), 10).content()
    read = pq.read_table(io.BytesIO(geoparquet(siding_features(content), SIDING_COLUMNS)))
    lines = [shapely.from_wkb(wkb) for wkb in read["geometry"].to_pylist()]

    assert read["siding_id"].to_pylist() == [siding.id for siding in content.area.sidings]
    assert [tuple(line.coords) for line in lines] == [s.coordinates for s in content.area.sidings]
    assert b"geo" in read.schema.metadata
