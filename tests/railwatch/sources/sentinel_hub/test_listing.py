"""Items become scenes: one a pass, in its newest processing, or a reason why not."""

import datetime as dt

import pytest
import shapely

from railwatch.scene import Rejection
from railwatch.sources.sentinel_hub.collection import COLLECTIONS
from railwatch.sources.sentinel_hub.listing import period_of, scenes_of, selection_of

L2A = COLLECTIONS["sentinel-2-l2a"]
PLACE = shapely.box(130.0, 42.0, 130.4, 42.4)


def item(
    item_id="S2A_MSIL2A_20210125T021001_N0500_R003_T52TFN_20230528T024029.SAFE",
    moment="2021-01-25T02:14:20.296Z",
    box=(130.0, 42.0, 131.0, 43.0),
    **properties,
):
    return {
        "id": item_id,
        "bbox": list(box),
        "geometry": {
            "type": "MultiPolygon",
            "crs": {"type": "name"},
            "coordinates": [[shapely.box(*box).exterior.coords[:]]],
        },
        "properties": {"datetime": moment, "platform": "sentinel-2a", **properties},
    }


def named(baseline="0500", tile="52TFN", made="20230528T024029", suffix=".SAFE"):
    return f"S2A_MSIL2A_20210125T021001_N{baseline}_R003_T{tile}_{made}{suffix}"


def only(items, collection=L2A):
    (found,) = scenes_of(items, collection, PLACE)
    return found


def test_names_tell_orbit_and_processing():
    """Of both deployments: with `.SAFE` and milliseconds, and without."""
    cdse = only([item()]).scene
    main = only([item(named("0214", suffix=""), "2021-01-25T02:14:20Z")]).scene

    assert (cdse.orbit, cdse.processed) == ("R003", "N0500_20230528T024029")
    assert (main.orbit, main.processed) == ("R003", "N0214_20230528T024029")
    assert cdse.acquired.microsecond == 296_000
    assert cdse.bands == ("blue", "green", "red", "nir", "swir16")


@pytest.mark.parametrize("lead_s", [0.997, 1.136])
def test_newest_processing_wins_and_lies_on_top(lead_s):
    """The old copy is dated about a second later; the window leaves it out."""
    newest = dt.datetime(2021, 1, 25, 2, 14, 20, 296_000, dt.UTC)
    later = newest + dt.timedelta(seconds=lead_s)
    found = only([item(named("0214"), later.isoformat()), item()])
    start, end = period_of(found.scene)

    assert found.item_id == named("0500")
    assert selection_of(found.scene, L2A)["mosaickingOrder"] == "leastRecent"
    assert start <= newest <= end < later


def test_whole_seconds_are_taken_to_their_end():
    """Without milliseconds the second is searched whole, and the order hides the old copy."""
    found = only(
        [
            item(named("0214"), "2021-01-25T02:14:21Z"),
            item(named("0500"), "2021-01-25T02:14:20Z"),
        ]
    )

    assert selection_of(found.scene, L2A) == {
        "timeRange": {"from": "2021-01-25T02:14:20.000Z", "to": "2021-01-25T02:14:20.999Z"},
        "mosaickingOrder": "leastRecent",
    }


def test_an_old_copy_dated_earlier_is_hidden_the_other_way():
    """Three tiles in one window: the order is chosen from where the old copy lies."""
    pair = [
        item(named("0500"), "2021-01-25T02:14:20.296Z"),
        item(named("0500", tile="52TGN"), "2021-01-25T02:14:17.000Z"),
        item(named("0214"), "2021-01-25T02:14:19.000Z"),
    ]

    assert only(pair).scene.properties["sh:order"] == "mostRecent"


def test_copies_of_the_same_moment_are_refused_by_name():
    """Neither order can tell them apart, so nothing is shown rather than the wrong one."""
    found = only([item(named("0500")), item(named("0214"))])

    assert (found.scene, found.rejection) == (None, Rejection.BAD_ITEM)
    assert "cannot be told apart" in found.detail


def test_tiles_of_one_pass_are_one_scene():
    """Named by the tile that covers most of the place; its window spans all of them."""
    found = only(
        [
            item(named(), "2021-01-25T02:14:20.296Z", (130.3, 42.0, 131.0, 43.0)),
            item(named(tile="52TEN"), "2021-01-25T02:14:24.100Z", (129.0, 42.0, 130.35, 43.0)),
        ]
    )

    assert found.scene.id == named(tile="52TEN")
    assert found.scene.properties["sh:items"] == sorted([named(), named(tile="52TEN")])
    assert selection_of(found.scene, L2A)["timeRange"] == {
        "from": "2021-01-25T02:14:20.296Z",
        "to": "2021-01-25T02:14:24.100Z",
    }


def test_repeated_items_count_once_in_any_order():
    """Offset paging over a growing archive repeats rows."""
    several = [item(), item("other-1", "2021-01-20T02:14:20Z"), item(), item()]
    forward = scenes_of(several, L2A, PLACE)

    assert [f.item_id for f in forward] == ["other-1", named()]
    assert scenes_of(several[::-1], L2A, PLACE) == forward


@pytest.mark.parametrize(
    "broken",
    [
        item("a/b"),
        item("a\nb"),
        item(""),
        item(moment="yesterday"),
        {**item(), "geometry": None},
        {**item(), "bbox": ["x"]},
        {**item(), "properties": {}},
    ],
)
def test_bad_items_are_named_not_raised(broken):
    """One bad item never stops a search."""
    found = scenes_of([broken, item("good-1")], L2A, PLACE)

    assert [f.rejection for f in found] == [Rejection.BAD_ITEM, None]
    assert found[0].detail


@pytest.mark.parametrize(
    "spoil",
    [
        lambda one: one["geometry"].update(type=None),
        lambda one: one["properties"].update(datetime="0001-01-01T00:00:00+14:00"),
        lambda one: one["bbox"].__setitem__(0, 10**400),
    ],
    ids=["a geometry of no type", "a time before the calendar", "a number beyond all floats"],
)
def test_odd_values_reject_their_item_alone(spoil):
    """Found by fuzzing: each ended the whole search with another error."""
    odd = item("odd-1")
    spoil(odd)

    found = scenes_of([odd, item("good-1")], L2A, PLACE)

    assert [(f.item_id, f.rejection) for f in found] == [
        ("odd-1", Rejection.BAD_ITEM),
        ("good-1", None),
    ]


def test_a_footprint_that_crosses_itself_is_a_scene_like_any_other():
    """Found by fuzzing: a bow-tie could not be cut with the place and ended the search."""
    bow_tie = item("bow-1")
    bow_tie["geometry"] = {
        "type": "Polygon",
        "coordinates": [
            [[130.0, 42.0], [130.5, 42.5], [130.5, 42.0], [130.0, 42.5], [130.0, 42.0]]
        ],
    }

    (found,) = scenes_of([bow_tie], L2A, PLACE)

    assert found.scene is not None


def test_radar_slices_of_one_orbit_are_one_scene():
    """Relative orbit follows from the absolute one; slices 25 s apart belong together."""
    name = "S1A_IW_GRDH_1SDV_20240103T0910{}_20240103T0911{}_051931_064655_{}"
    found = only(
        [
            item(name.format("10", "00", "AAAA"), "2024-01-03T09:10:10Z", platform="sentinel-1a"),
            item(
                name.format("35", "25", "BBBB"),
                "2024-01-03T09:10:35Z",
                platform="sentinel-1a",
                **{"sat:orbit_state": "descending"},
            ),
        ],
        COLLECTIONS["sentinel-1-grd"],
    )

    # (51 931 - 73) mod 175 + 1
    assert found.scene.orbit is not None
    assert found.scene.orbit.endswith("R059")
    assert len(found.scene.properties["sh:items"]) == 2
