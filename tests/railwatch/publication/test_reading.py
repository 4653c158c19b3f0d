"""A publication of a real record."""

import datetime as dt

import numpy as np
import pytest

from railwatch.publication import publish
from railwatch.publication.reading import content_of
from railwatch.record import Record
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
