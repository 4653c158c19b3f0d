"""Groups and neighbours of parallel tracks."""

import re
import time

import numpy as np
import pyproj
import pytest

from railwatch.fouling import usable_stretches
from railwatch.siding import Siding, SidingKind, SidingSet
from railwatch.track_group import MAX_ID, neighbours, track_groups

UTM = pyproj.CRS.from_epsg(32652)
TO_WGS84 = pyproj.Transformer.from_crs(UTM, 4326, always_xy=True)
EAST, NORTH = 632_298.0, 4_697_818.0


def siding(name: str, xy: object, kind: SidingKind = SidingKind.YARD) -> Siding:
    """Siding whose UTM coordinates are `xy` beyond Tumangang station."""
    points = np.asarray(xy, dtype=float) + np.array([EAST, NORTH])
    lon, lat = TO_WGS84.transform(points[:, 0], points[:, 1])
    return Siding(name, tuple(zip(lon.tolist(), lat.tolist(), strict=True)), kind)


def parallels(*offsets: float, length: float = 500.0, **kinds: SidingKind) -> SidingSet:
    """Straight tracks going east, at the given northings."""
    names = [f"t{i:0{len(str(len(offsets) - 1))}}" for i in range(len(offsets))]
    return SidingSet(
        tuple(
            siding(name, [[0, d], [length, d]], kinds.get(name, SidingKind.YARD))
            for name, d in zip(names, offsets, strict=True)
        )
    )


def ids(sidings: SidingSet, gsd_m: float) -> list[str]:
    return [group.id for group in track_groups(sidings, gsd_m)]


def test_groups_follow_the_ground_sampling_distance():
    """Tracks 5 m apart are told apart at 3 m (3/0.7 = 4.3) and not at 10 m (14.3)."""
    sidings = parallels(0.0, 5.0, 10.0, 40.0)

    assert ids(sidings, 3.0) == ["t0", "t1", "t2", "t3"]
    assert ids(sidings, 10.0) == ["t0+t1+t2", "t3"]


def test_outer_tracks_join_through_the_inner():
    """At 4 m (5.7) neighbours join, and so the whole ladder does; without the middle none do."""
    assert ids(parallels(0.0, 5.0, 10.0), 4.0) == ["t0+t1+t2"]
    assert ids(parallels(0.0, 10.0), 4.0) == ["t0", "t1"]


def test_most_of_the_common_length_decides():
    """Tracks that part after a third of their common length are two; after two thirds, one."""
    straight = siding("a", [[0, 0], [600, 0]])

    def parted_at(x: float) -> SidingSet:
        bend = siding("b", [[0, 5], [x, 5], [x + 30, 20], [600, 20]])
        return SidingSet((straight, bend))

    assert ids(parted_at(200), 10.0) == ["a", "b"]
    assert ids(parted_at(400), 10.0) == ["a+b"]


def test_tracks_of_one_switch_stay_apart_for_a_sharp_sensor():
    """Two tracks from one switch to another touch at both ends and are 5 m apart between."""
    sidings = SidingSet(
        (
            siding("a", [[0, 0], [500, 0]]),
            siding("b", [[0, 0], [30, 0.5], [75, 5], [425, 5], [470, 0.5], [500, 0]]),
        )
    )

    assert ids(sidings, 0.5) == ["a", "b"]
    assert ids(sidings, 10.0) == ["a+b"]


def test_end_to_end_tracks_are_not_parallel():
    """A track and its continuation share no length."""
    sidings = SidingSet((siding("a", [[0, 0], [300, 0]]), siding("b", [[300, 0], [600, 0]])))

    assert ids(sidings, 10.0) == ["a", "b"]


def test_crossing_tracks_are_not_parallel():
    """Tracks that cross at 30 degrees stay apart."""
    sidings = SidingSet((siding("a", [[0, 0], [300, 0]]), siding("b", [[100, -29], [200, 29]])))

    assert ids(sidings, 10.0) == ["a", "b"]


def test_main_lines_keep_to_themselves():
    """A main line 5 m beside a siding is no member of its group, and is not counted."""
    sidings = parallels(0.0, 5.0, 10.0, t1=SidingKind.MAIN)

    groups = track_groups(sidings, 10.0)

    assert [(group.id, group.counted) for group in groups] == [("t0+t2", True), ("t1", False)]


def test_long_ids_are_bounded_and_distinct():
    """Forty tracks give an id that fits a key, is a word, and differs when a member does."""
    many = parallels(*np.arange(40) * 5.0)
    (whole,) = track_groups(many, 10.0)
    (fewer,) = track_groups(SidingSet(many.sidings[:-1]), 10.0)

    assert len(whole.id) <= MAX_ID
    assert re.fullmatch(r"[A-Za-z0-9._+-]+", whole.id)
    assert whole.id != fewer.id


def test_positions_in_a_group():
    """Members lie beside the longest one at their own chainage, and nowhere beyond their ends."""
    sidings = SidingSet(
        (
            siding("long", [[0, 0], [500, 0]]),
            siding("near", [[400, 5], [100, 5]]),  # drawn the other way round
        )
    )
    (group,) = track_groups(sidings, 10.0)

    offset, own = group.positions(np.array([50.0, 150.0, 390.0, 450.0]))

    assert group.axis.id == "long"
    # The plane of UTM is turned against the line by less than 1e-6 here, so offsets are exact.
    np.testing.assert_allclose(offset[1], [np.nan, 5, 5, np.nan], atol=1e-3)
    np.testing.assert_allclose(own[1], [np.nan, 250, 10, np.nan], atol=1e-3)
    np.testing.assert_allclose(offset[0], 0, atol=1e-3)
    assert group.span_m == pytest.approx((0, 500), abs=1e-3)


def test_axis_is_produced_to_reach_every_member():
    """A member that starts before the axis gives negative chainages of it."""
    sidings = SidingSet((siding("a", [[0, 0], [500, 0]]), siding("b", [[-80, 5], [300, 5]])))
    (group,) = track_groups(sidings, 10.0)

    assert group.span_m == pytest.approx((-80, 500), abs=1e-3)


def test_neighbours_with_signed_spacing():
    """Going east, a track to the north lies to the left; spacing is known where it is abreast."""
    sidings = SidingSet(
        (
            siding("a", [[0, 0], [500, 0]]),
            siding("b", [[200, 5], [300, 5], [500, 7]]),
            siding("c", [[0, -6], [500, -6]]),
        )
    )

    beside = {neighbour.id: neighbour for neighbour in neighbours(sidings)["a"]}

    at = np.searchsorted(beside["b"].chainage, [100.0, 250.0, 400.0])
    np.testing.assert_allclose(beside["b"].offset[at], [np.nan, 5.0, 6.0], atol=0.01)
    np.testing.assert_allclose(beside["c"].offset[1:-1], -6.0, atol=0.01)


def test_a_yard_of_130_tracks_is_quick():
    """Groups, fouling points and neighbours of 130 tracks grow with pairs that are near."""
    sidings = SidingSet(
        tuple(
            siding(f"{bundle}-{i:02}", [[30 * i, y], [30 * i + 45, y + 4.7], [900, y + 4.7]])
            for bundle in range(10)
            for i in range(13)
            for y in [80 * bundle + 4.7 * i]
        )
    )
    track_groups(parallels(0.0), 10.0)  # what is imported on first use is not counted
    began = time.process_time()

    groups = track_groups(sidings, 10.0)
    usable = usable_stretches(sidings)
    beside = neighbours(sidings)

    assert time.process_time() - began < 3.0  # 0.6 s where nothing else runs
    assert (len(groups), len(usable), len(beside)) == (10, 130, 130)
