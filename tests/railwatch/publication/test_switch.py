"""Publishing: one whole publication or the other, written once."""

import datetime as dt
import io
import json

import pyarrow.parquet as pq
import pytest

from railwatch.publication import current_pointer, publish_content
from railwatch.testing.five_years import FiveYears, place

MORNING = dt.datetime(2026, 3, 1, 6, tzinfo=dt.UTC)
EVENING = dt.datetime(2026, 3, 1, 18, tzinfo=dt.UTC)


class Memory:
    """Objects in a dictionary that can die before a given write, as kill -9 would have it."""

    def __init__(self):
        self.objects = {}
        self.writes_left = None

    def get(self, key):
        return self.objects[key]

    def put(self, key, data, *, content_type):  # noqa: ARG002  # the store's signature
        if self.writes_left == 0:
            raise InterruptedError(key)
        if self.writes_left is not None:
            self.writes_left -= 1
        self.objects[key] = data


def content(scenes=30, area="tumangang"):
    return FiveYears(place(area), scenes).content()


def test_publishing_twice_writes_nothing_the_second_time():
    """The same content keeps its id and its time, and no object is touched."""
    store = Memory()
    first = publish_content(store, content(), MORNING)
    held = dict(store.objects)
    second = publish_content(store, content(), EVENING)

    assert first.changed
    assert not second.changed
    assert (second.id, second.published_at, second.objects) == (first.id, MORNING, 0)
    assert store.objects == held


def test_every_link_of_the_pointer_leads_to_an_object():
    """latest.json names only objects that exist, in the folder of its publication."""
    store = Memory()
    done = publish_content(store, content(), MORNING)
    said = json.loads(store.objects["areas/tumangang/latest.json"])

    assert said["publication"] == done.id
    for path in said["links"].values():
        assert path.startswith(f"publications/{done.id}/")
        assert f"areas/tumangang/{path}" in store.objects


def test_killed_at_any_write_readers_see_the_old_publication_or_the_new():
    """Whichever write never happens, the pointer leads to one whole folder; a retry completes."""
    undisturbed = Memory()
    publish_content(undisturbed, content(29), MORNING)
    publish_content(undisturbed, content(30), EVENING)
    writes = publish_content(Memory(), content(30), EVENING).objects
    for survived in range(0, writes, 5):
        store = Memory()
        old = publish_content(store, content(29), MORNING)
        store.writes_left = survived
        with pytest.raises(InterruptedError):
            publish_content(store, content(30), EVENING)

        pointer = current_pointer(store, "tumangang")
        assert pointer is not None
        assert pointer.publication == old.id
        assert old.objects <= len(store.objects)
        store.writes_left = None
        publish_content(store, content(30), EVENING)
        assert store.objects == undisturbed.objects


def test_a_row_keeps_the_time_it_was_first_published():
    """A new scene gets the new time; rows that say the same keep theirs."""
    store = Memory()
    publish_content(store, content(29), MORNING)
    publish_content(store, content(30), EVENING)
    rows = pq.read_table(io.BytesIO(store.objects["areas/tumangang/counts.parquet"])).to_pylist()
    latest = content(30).listed[-1].item_id

    assert {row["published_at"] for row in rows if row["scene_id"] == latest} == {EVENING}
    assert {row["published_at"] for row in rows if row["scene_id"] != latest} == {MORNING}


def test_two_areas_share_the_catalog_and_the_index():
    """Publishing a second area keeps the first in catalog.json and index.html."""
    store = Memory()
    publish_content(store, content(area="khasan"), MORNING)
    publish_content(store, content(area="tumangang"), EVENING)
    links = json.loads(store.objects["catalog.json"])["links"]
    children = [link["href"] for link in links if link["rel"] == "child"]

    assert [href.split("/")[2] for href in children] == ["khasan", "tumangang"]
    assert all(href.removeprefix("./") in store.objects for href in children)
    page = store.objects["index.html"].decode()
    assert all(f"areas/{area}/report/index.html" in page for area in ("khasan", "tumangang"))
