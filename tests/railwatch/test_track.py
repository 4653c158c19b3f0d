"""Track coordinates: there and back, on straight, bent and curved centrelines."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwatch.siding import Siding
from railwatch.track import TOLERANCE_M, Track


def curve(radius_m: float, sweep_rad: float, spacing_m: float = 20.0) -> np.ndarray:
    """Arc that leaves the origin eastwards and turns left, digitised every `spacing_m`."""
    n = max(3, round(radius_m * sweep_rad / spacing_m) + 1)
    angle = np.linspace(0, sweep_rad, n)
    return np.column_stack([radius_m * np.sin(angle), radius_m * (1 - np.cos(angle))])


def test_offset_is_positive_to_the_left():
    """Going east, 5 m left of chainage 30 is 5 m north of it."""
    track = Track("a", np.array([[100.0, 50.0], [200.0, 50.0]]))

    x, y = track.xy([30.0, 30.0], [5.0, -5.0])

    np.testing.assert_allclose(x, [130, 130])
    np.testing.assert_allclose(y, [55, 45])


def test_runs_straight_on_beyond_its_ends():
    """Chainage below zero and beyond the length lies on the line produced."""
    track = Track("a", np.array([[0.0, 0.0], [30.0, 40.0]]))

    x, y = track.xy([-10.0, 60.0], 0.0)

    np.testing.assert_allclose(np.column_stack([x, y]), [[-6, -8], [36, 48]])


def test_a_length_projected_is_a_length_on_the_ground():
    """0.01 degree of longitude at 42.42 N is 822.7 m on the WGS84 ellipsoid; UTM within 0.1 %."""
    siding = Siding("a", ((130.60, 42.42), (130.61, 42.42)))

    track = Track.of(siding, pyproj_crs())

    assert track.length_m == pytest.approx(822.7, rel=1e-3)


def pyproj_crs():
    import pyproj

    return pyproj.CRS.from_epsg(32652)


def test_corner_does_not_tear():
    """Beside a corner of 20 degrees, points one metre along stay about a metre apart, in order."""
    bend = np.deg2rad(20)
    track = Track(
        "a",
        np.array([[0, 0], [100, 0], [100 + 100 * np.cos(bend), 100 * np.sin(bend)]], dtype=float),
    )
    chainage = np.arange(50.0, 150.0)

    for offset in (-25.0, 25.0):
        x, y = track.xy(chainage, offset)
        step = np.diff(np.column_stack([x, y]), axis=0)
        forward = np.sum(step * track.direction(chainage[:-1] + 0.5), axis=1)

        # 25 m beside a turn of 0.35 rad over 30 m, steps shrink or grow by 25 x 0.35 / 30 = 0.29
        assert forward.min() > 0.65
        assert forward.max() < 1.35


@st.composite
def tracks(draw: st.DrawFn) -> Track:
    """Chains of straights and curves of 200 m radius and more, irregularly digitised."""
    heading = draw(st.floats(-3.1, 3.1))
    points = [np.array([500_000.0, 4_700_000.0])]
    for _ in range(draw(st.integers(2, 12))):
        length = draw(st.floats(8.0, 60.0))
        heading += draw(st.floats(-1.0, 1.0)) * length / 200.0
        points.append(points[-1] + length * np.array([np.cos(heading), np.sin(heading)]))
    return Track("a", np.array(points))


@settings(max_examples=200, deadline=None)
@given(track=tracks(), share=st.floats(-0.2, 1.2), offset=st.floats(-40.0, 40.0))
def test_there_and_back(track, share, offset):
    """`back` undoes `xy` within the stated tolerance, also on curves and beyond the ends."""
    chainage = share * track.length_m

    got = track.back(*track.xy(chainage, offset))

    assert float(got.chainage) == pytest.approx(chainage, abs=TOLERANCE_M)
    assert float(got.offset) == pytest.approx(offset, abs=TOLERANCE_M)


@settings(max_examples=100, deadline=None)
@given(radius=st.floats(150.0, 2000.0), offset=st.floats(-50.0, 50.0), share=st.floats(0.3, 0.7))
def test_offset_on_a_curve_is_the_distance_from_its_centre(radius, offset, share):
    """On an arc, a point `offset` to the left lies that much nearer to the centre.

    The digitised chords of 10 m lie up to 10**2 / (8 x 150) = 0.08 m inside the arc.
    """
    track = Track("a", curve(radius, 120.0 / radius, spacing_m=10.0))

    x, y = track.xy(share * track.length_m, offset)

    assert np.hypot(x, y - radius) == pytest.approx(radius - offset, abs=0.09)


def test_keeps_the_shape_it_is_given():
    """Arrays of any shape go through, and broadcast."""
    track = Track("a", curve(300, 1.0))
    s, d = np.meshgrid(np.arange(0, 250, 10.0), np.arange(-20, 21, 5.0))

    got = track.back(*track.xy(s, d))

    assert got.chainage.shape == got.offset.shape == (9, 25)
    np.testing.assert_allclose(got.chainage, s, atol=TOLERANCE_M)
    np.testing.assert_allclose(got.offset, d, atol=TOLERANCE_M)


def test_refuses_repeated_points():
    """A track whose point repeats has no direction there."""
    with pytest.raises(ValueError, match="repeats"):
        Track("a", np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]))
