"""What is left to do for an area."""

import dataclasses
import datetime as dt
import json

import pytest

from railwatch.area import Area, SourceSpec
from railwatch.record import Record
from railwatch.scene import Rejection, Scene
from railwatch.siding import Siding, SidingSet
from railwatch.sources import Found
from railwatch.store import Store
from railwatch.work import Settled, code_digest, query_for, seen_digest, windows, work_for

AREA = Area(
    "yard",
    "Yard",
    SidingSet((Siding("a", ((130.61, 42.42), (130.615, 42.421))),)),
    (SourceSpec("sentinel-2-l2a"),),
)


def _found(name, day, gsd_m=10.0):
    acquired = dt.datetime(2023, 5, day, tzinfo=dt.UTC)
    bands = ("blue", "green", "red", "nir")
    return Found(name, Scene(name, "sentinel-2-l2a", acquired, "sentinel-2a", gsd_m, bands))


@pytest.fixture
def record(tmp_path):
    """An empty record."""
    with Record.open(Store.open(str(tmp_path)), "yard") as opened:
        yield opened


def test_a_window_includes_both_its_days():
    """The query ends before the day after the last one."""
    query = query_for(AREA, dt.date(2023, 5, 1), dt.date(2023, 5, 31))

    assert query.start == dt.datetime(2023, 5, 1, tzinfo=dt.UTC)
    assert query.end == dt.datetime(2023, 6, 1, tzinfo=dt.UTC)
    assert query.collections == ("sentinel-2-l2a",)


def test_an_empty_record_leaves_everything_to_do(record):
    """Scenes are fetched, items that are none are written down, a useless sensor is named."""
    missing = Found("x", None, Rejection.ASSET_MISSING, "x/B04.tif")

    work = work_for(AREA, record, [_found("s1", 1), missing, _found("coarse", 2, gsd_m=250.0)])

    assert [scene.id for scene in work.scenes] == ["s1"]
    assert [(f.item_id, f.rejection) for f in work.rejections] == [
        ("x", "asset_missing"),
        ("coarse", "no_usable_band"),
    ]
    assert "250 m" in work.rejections[1].detail


def test_batches_hold_every_scene_once_and_rejections_in_the_first(record):
    """A transaction has a bounded number of scenes."""
    found = [_found(f"s{day}", day) for day in range(1, 8)]
    missing = Found("x", None, Rejection.ASSET_MISSING, "x/B04.tif")

    batches = work_for(AREA, record, [*found, missing]).batches(3)

    assert [[s.id for s in b.scenes] for b in batches] == [
        ["s1", "s2", "s3"],
        ["s4", "s5", "s6"],
        ["s7"],
    ]
    assert [len(b.rejections) for b in batches] == [1, 0, 0]


def test_what_was_seen_changes_with_the_query_and_with_each_item():
    """Another window, a new item, or changed files of an item are something else to have seen."""
    query = query_for(AREA, None, None)
    one, two = _found("s1", 1), _found("s2", 2)
    touched = Found("s1", dataclasses.replace(one.scene, properties={"item_digest": "other"}))
    answers = [[one], [one, two], [touched], []]
    digests = {seen_digest(query, answer) for answer in answers}
    digests.add(seen_digest(query_for(AREA, dt.date(2023, 1, 1), None), [one]))

    assert len(digests) == 5
    assert seen_digest(query, [one]) == seen_digest(query, [one])


def test_the_note_counts_only_while_its_publication_is_current(tmp_path):
    """A pointer that moved on, or is gone, makes the note worthless."""
    store = Store.open(str(tmp_path))
    note = Settled("seen", "sidings", code_digest(), "p1")
    note.write(store, "yard")

    assert Settled.read(store, "yard") is None
    store.put("areas/yard/latest.json", json.dumps({"publication": "p1"}).encode())
    assert Settled.read(store, "yard") == note
    store.put("areas/yard/latest.json", json.dumps({"publication": "p2"}).encode())
    assert Settled.read(store, "yard") is None


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"seen": 1}', b"\xff"])
def test_a_damaged_note_is_no_note(tmp_path, text):
    """Losing it costs a look at the record, never an error."""
    store = Store.open(str(tmp_path))
    store.put("areas/yard/latest.json", b'{"publication": "p1"}')
    store.put("records/yard/settled.json", text)

    assert Settled.read(store, "yard") is None


def test_windows_are_whole_months_in_the_order_asked_for():
    """Half-years, newest first, each ordered by time; items without a time go first."""

    def found(name, year, month):
        bands = ("blue", "green", "red", "nir")
        acquired = dt.datetime(year, month, 3, tzinfo=dt.UTC)
        return Found(name, Scene(name, "c", acquired, "sentinel-2a", 10.0, bands))

    listed = [found("a", 2022, 11), found("b", 2022, 12), found("c", 2023, 1), found("d", 2023, 7)]
    listed.append(Found("x", None, Rejection.BAD_ITEM, "no datetime"))

    def ids(months_each, *, newest_first):
        parts = windows(listed, months_each, newest_first=newest_first)
        return [[item.item_id for item in part] for part in parts]

    assert ids(6, newest_first=True) == [["x", "d"], ["c"], ["a", "b"]]
    assert ids(12, newest_first=False) == [["x", "a", "b"], ["c", "d"]]
    assert windows([], 6, newest_first=True) == []
    assert [len(part) for part in windows(listed[-1:], 6, newest_first=True)] == [1]
