"""The emulated catalog lists, filters and pages as the service is recorded to."""

import json
import os
from pathlib import Path

import jsonschema
import pytest

from railwatch.testing.sentinel_hub import Emulator
from railwatch.testing.sentinel_hub.holdings import OLD_COPY_LATER

SHARED = Path(os.environ.get("RAILWATCH_SHARED", Path(__file__).parents[5] / "shared"))


def ids(answer):
    return [feature["id"] for feature in answer["features"]]


def optical(sample):
    return [s.id for s in reversed(sample[1]) if s.collection == "sentinel-2-l2a"]


def test_lists_newest_first(asked, sample):
    """Without a limit the ten newest come, newest first."""
    assert ids(asked.search()) == optical(sample)


def test_pages_by_integer_offset_until_next_is_absent(asked, sample):
    """`context.next` is the next offset; the last page has none."""
    first = asked.search(limit=2)
    last = asked.search(limit=2, next=first["context"]["next"])

    assert first["context"] == {"limit": 2, "returned": 2, "next": 2}
    assert last["context"] == {"limit": 2, "returned": 1}
    assert ids(first) + ids(last) == optical(sample)


def test_null_next_is_the_first_page(asked, sample):
    """A client in production sends null on page one."""
    answer = asked.send(
        "POST",
        "/api/v1/catalog/1.0.0/search",
        b'{"collections":["sentinel-2-l2a"],"datetime":"2024-01-01T00:00:00Z/..","next":null}',
    )

    assert ids(json.loads(answer.body)) == optical(sample)


def test_both_ends_of_a_period_are_inclusive(asked, sample):
    """An instant finds the scene sensed at that millisecond."""
    moment = asked.search(limit=1)["features"][0]["properties"]["datetime"]

    assert ids(asked.search(datetime=moment)) == optical(sample)[:1]
    assert ids(asked.search(datetime=f"{moment}/{moment}")) == optical(sample)[:1]


@pytest.mark.parametrize(
    "condition",
    [
        {"filter": "eo:cloud_cover < 7.5"},
        {"filter": "NOT eo:cloud_cover >= 7.5", "filter_lang": "cql2-text"},
        {"filter": "eo:cloud_cover BETWEEN -1 AND 5 AND eo:cloud_cover <> 9"},
        {
            "filter": {
                "op": "and",
                "args": [{"op": "<", "args": [{"property": "eo:cloud_cover"}, 7.5]}],
            },
            "filter_lang": "cql2-json",
        },
    ],
)
def test_filters_in_text_and_json_with_one_argument_and(asked, sample, condition):
    """The first scene has no clouds, the second 7.5 and the third 15 per cent."""
    assert ids(asked.search(**condition)) == optical(sample)[-1:]


def test_radar_filters_are_strings(asked, sample):
    """Sentinel-1 is filtered by mode and direction."""
    radar = [s.id for s in reversed(sample[1]) if s.collection == "sentinel-1-grd"]
    text = "sar:instrument_mode='IW' AND sat:orbit_state='descending'"

    assert ids(asked.search(collections=["sentinel-1-grd"], filter=text)) == radar
    assert ids(asked.search(collections=["sentinel-1-grd"], filter=f"{text[:-12]}'x'")) == []


def test_distinct_dates_are_strings_newest_first(asked):
    """`distinct` turns features into plain values."""
    answer = asked.search(distinct="date")

    assert answer["features"] == ["2024-01-13", "2024-01-08", "2024-01-03"]


def test_fields_return_what_they_name(asked):
    """`include` alone gives only what it names, as observed; empty gives the documented set."""
    chosen = asked.search(limit=1, fields={"include": ["id", "properties.datetime"]})
    empty = asked.search(limit=1, fields={})
    without = asked.search(limit=1, fields={"exclude": ["assets", "links"]})

    assert set(chosen["features"][0]) == {"id", "properties"}
    assert set(chosen["features"][0]["properties"]) == {"datetime"}
    assert {"id", "geometry", "assets"} <= set(empty["features"][0])
    assert not {"assets", "links"} & set(without["features"][0])


def test_place_by_box_and_by_geometry(asked):
    """A box that crosses the antimeridian holds nothing of the sample; its own place does."""
    line = {"type": "LineString", "coordinates": [[130.6, 42.4], [130.63, 42.42]]}

    assert len(ids(asked.search(bbox=[130, 42, 131, 43]))) == 3
    assert ids(asked.search(bbox=[179, 42, -179, 43])) == []
    assert len(ids(asked.search(intersects=line))) == 3


def test_old_copies_are_listed_later_and_first(sample):
    """As on CDSE, the older processing has its own id and a time 1.1 s later."""
    hub = Emulator(archive=sample[0], old_copies=True)
    old, new, *_ = (h for h in hub.holdings if h.collection == "sentinel-2-l2a")

    assert old.acquired - new.acquired == OLD_COPY_LATER
    assert "_N0301_" in old.id
    assert "_N0510_" in new.id


def test_get_forms_answer_like_post(asked, sample):
    """GET search, a collection's items and a single item give the same scenes."""
    one = optical(sample)[0]
    root = "/catalog/v1"
    listed = asked.send(
        "GET", f"{root}/search?collections=sentinel-2-l2a&datetime=2024-01-01T00:00:00Z/.."
    )
    items = asked.send(
        "GET", f"{root}/collections/sentinel-2-l2a/items?datetime=2024-01-01T00:00:00Z/.."
    )
    single = asked.send("GET", f"{root}/collections/sentinel-2-l2a/items/{one}")

    assert ids(json.loads(listed.body)) == ids(json.loads(items.body)) == optical(sample)
    assert json.loads(single.body)["id"] == one


def test_landing_and_conformance_need_no_token(asked):
    """All else does."""
    for path in ("", "/conformance"):
        assert asked.send("GET", f"/catalog/v1{path}", token="").status == 200
    for path in ("/collections", "/search"):
        assert asked.send("GET", f"/catalog/v1{path}", token="").status == 401


@pytest.mark.skipif(not SHARED.is_dir(), reason="the collected protocol is not on this machine")
def test_items_fit_the_collected_answer_schema(asked):
    """Every listed item is one the collected schema of answers knows."""
    path = SHARED / "sentinelhub" / "schema" / "catalog-search-response.schema.json"
    schema = json.loads(path.read_text())
    answer = asked.search()
    jsonschema.validate(answer, schema)
    item = {"$defs": schema["$defs"], "$ref": "#/$defs/item"}

    for feature in answer["features"]:
        jsonschema.validate(feature, item)
