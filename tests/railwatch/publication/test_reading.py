"""A publication of a real record."""

import datetime as dt

import numpy as np
import pytest

from railwatch.publication import publish
from railwatch.publication.parquet import read_rows
from railwatch.publication.reading import content_of
from railwatch.record import Record
from railwatch.series.reference import Reference, add_reference
from railwatch.store import FolderStore
from railwatch.testing.five_years import DETECTOR, FiveYears, place

MORNING = dt.datetime(2026, 3, 1, 6, tzinfo=dt.UTC)
EVENING = dt.datetime(2026, 3, 1, 18, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def series():
    return FiveYears(place(), 14)


@pytest.fixture(scope="module")
def store(series, tmp_path_factory):
    made = FolderStore(tmp_path_factory.mktemp("store"))
    with Record.open(made, series.area.id, write=True) as record:
        series.fill(record)
    return made


def test_content_is_what_was_put_into_the_record(store, series):
    """Counts, rejections, pixels and evidence come back from the record as they went in."""
    with Record.open(store, series.area.id) as record:
        content = content_of(record, series.area, DETECTOR)
        direct = series.content()
        frame = (slice(10, 40), slice(20, 70))

        assert content.snapshot == record.state_digest(series.area.sidings.digest)
        assert {r.item_id: r.rejection for r in content.listed} == {
            r.item_id: r.rejection for r in direct.listed
        }
        assert {(c.scene_id, c.siding_id): c.occupied_m for c in content.counts} == {
            (c.scene_id, c.siding_id): c.occupied_m for c in direct.counts
        }
        for row in content.used:
            here = content.reader.pixels(row.item_id, *frame)
            there = direct.reader.pixels(row.item_id, *frame)
            np.testing.assert_array_equal(here.values, there.values)
            found, put = (c.reader.detection(row.item_id) for c in (content, direct))
            assert [o.siding_id for o in found.occupancy] == [o.siding_id for o in put.occupancy]


def test_a_record_is_published_once(store, series):
    """The same state of the record publishes nothing the second time."""
    with Record.open(store, series.area.id) as record:
        first = publish(store, record, series.area, detector=DETECTOR, now=MORNING)
        second = publish(store, record, series.area, detector=DETECTOR, now=EVENING)

    assert first.changed
    assert (second.changed, second.id, second.published_at) == (False, first.id, MORNING)


def test_references_put_intervals_right_and_are_published(series, tmp_path):
    """Reference counts that lie far outside widen every interval in railcars, metres stay.

    Scores of +6 half-widths at three scenes: the pooled rule's width is Student's .95 quantile with
    13 degrees of freedom, 1.771, times sqrt((10 + 3 (1.645 * 6)^2) / 13) = 4.822 over 1.645: 5.19.
    """
    store = FolderStore(tmp_path)
    with Record.open(store, series.area.id, write=True) as record:
        series.fill(record)
        before = content_of(record, series.area, DETECTOR)
        counted = [c for c in before.facility if c.refusal is None and c.resolution_class == "C"]
        for count in counted[:3]:
            half = (count.cars_high or 0) - (count.cars or 0)
            cars = round((count.cars or 0) + 6 * half, 6)
            day = count.acquired.date()
            add_reference(store, Reference(series.area.id, day, cars, "An Analyst", "image 7"))
        done = publish(store, record, series.area, detector=DETECTOR, now=MORNING)
        again = publish(store, record, series.area, detector=DETECTOR, now=EVENING)
    rows = {
        (row["scene_id"], row["siding_id"]): row
        for row in read_rows(store.get("areas/tumangang/counts.parquet"))
    }
    wide = [
        (rows[c.scene_id, "*"]["cars_high"] - c.quantiles[12]) / (c.cars_high - c.quantiles[12])
        for c in counted
        if c.cars_high is not None
        and c.cars_low  # the lower end is not cut off at zero
        and rows[c.scene_id, "*"]["cars_high"] < c.visible_m / 12
    ]

    assert (done.changed, again.changed) == (True, False)
    assert wide
    assert wide == pytest.approx([5.19] * len(wide), rel=0.02)
    for count in counted:
        row = rows[count.scene_id, "*"]
        assert row["n_ref"] == 3
        assert (row["occupied_m"], row["occupied_m_high"]) == (
            count.occupied_m,
            count.occupied_m_high,
        )
    page = store.get("areas/tumangang/report/index.html").decode()
    assert "3 reference counts" in page
    assert "image 7" in page
