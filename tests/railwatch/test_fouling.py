"""Fouling points of switches, crossings and tight parallels, measured against plane geometry."""

import numpy as np
import pytest

from railwatch.fouling import CLEARANCE_M, FOULING_M, fouled_stretches
from railwatch.track import Track

MAIN = np.array([[0.0, 0.0], [600.0, 0.0]])


def passing_track(spacing_m: float, turnout: float = 9.0) -> np.ndarray:
    """Siding off the main line at 100 m, back at 500 m, both switches one in `turnout`."""
    run = spacing_m * turnout
    return np.array([[100, 0], [100 + run, spacing_m], [500 - run, spacing_m], [500, 0]])


def cuts(**lines: np.ndarray) -> dict[str, list[tuple[float, float]]]:
    fouled = fouled_stretches([Track(name, np.asarray(xy, float)) for name, xy in lines.items()])
    return {name: list(stretches) for name, stretches in fouled.items()}


def test_cars_stay_clear_of_both_switches():
    """On a 1:9 siding at 5 m the post stands 4.1 x sqrt(1 + 81) = 37.1 m from each end."""
    post = FOULING_M * np.hypot(1, 9)

    got = cuts(main=MAIN, siding=passing_track(5.0))

    length = Track("s", passing_track(5.0)).length_m
    expected = [(0, post + CLEARANCE_M), (length - post - CLEARANCE_M, length)]
    assert np.asarray(got["siding"]) == pytest.approx(np.asarray(expected), abs=1.5)


def test_the_through_track_is_kept_clear_too():
    """On the main line the post is where the siding is 4.1 m away, seen square to the siding."""
    post = FOULING_M * np.hypot(1, 9)

    got = cuts(main=MAIN, siding=passing_track(5.0))["main"]

    expected = [
        (100 - CLEARANCE_M, 100 + post + CLEARANCE_M),
        (500 - post - CLEARANCE_M, 500 + CLEARANCE_M),
    ]
    assert np.asarray(got) == pytest.approx(np.asarray(expected), abs=1.5)


def test_tight_parallel_tracks_hold_cars():
    """Transhipment tracks 3.65 m apart are used for standing; only their switches are not."""
    got = cuts(main=MAIN, siding=passing_track(3.65))["siding"]

    assert len(got) == 2
    assert sum(high - low for low, high in got) < 110


def test_tracks_that_never_meet_foul_nowhere():
    """Two tracks drawn 3.8 m apart that end without a switch keep their whole length."""
    got = cuts(a=MAIN, b=MAIN + np.array([0, 3.8]))

    assert got == {"a": [], "b": []}


def test_a_careless_vertex_is_no_switch():
    """Tracks 5 m apart, one of whose vertices was put 2.2 m nearer, hold cars throughout."""
    careless = np.array([[0, 5.0], [250, 5.0], [300, 2.8], [350, 5.0], [600, 5.0]])

    assert cuts(a=MAIN, b=careless) == {"a": [], "b": []}


def test_a_switch_drawn_from_beside_the_rail_is_one():
    """A branch that was drawn from 2.4 m beside the main line fouls both up to 4.1 m."""
    branch = np.array([[100, 2.4], [300, 24.6]])

    got = cuts(main=MAIN, branch=branch)

    assert len(got["main"]) == len(got["branch"]) == 1


def test_end_to_end_is_no_fouling_point():
    """A track drawn in two pieces, end to end, keeps the seam."""
    got = cuts(a=MAIN, b=MAIN + np.array([600, 0]))

    assert got == {"a": [], "b": []}


def test_crossing_on_the_level():
    """Where tracks cross square, 4.1 m and the clearance stay free to both sides."""
    got = cuts(a=MAIN, b=np.array([[300.0, -200.0], [300.0, 200.0]]))

    reach = FOULING_M + CLEARANCE_M
    assert np.asarray(got["a"]) == pytest.approx(np.array([[300 - reach, 300 + reach]]), abs=1.1)
    assert np.asarray(got["b"]) == pytest.approx(np.array([[200 - reach, 200 + reach]]), abs=1.1)


def test_stub_keeps_its_buffer_end():
    """A dead-end track is cut at its switch only."""
    stub = np.array([[100.0, 0.0], [145.0, 5.0], [400.0, 5.0]])

    got = cuts(main=MAIN, stub=stub)["stub"]

    assert len(got) == 1
    assert got[0][0] == 0
