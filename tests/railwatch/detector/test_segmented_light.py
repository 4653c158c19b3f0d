"""Where shadows fall and tops lean: worked out by hand for sun and satellite at 45 degrees."""

import dataclasses
import datetime as dt

import numpy as np
import pytest

from railwatch.detector.segmented_light import SceneLight
from railwatch.grid import Grid
from railwatch.scene import Scene

GRID = Grid(32631, 0.5, 500_000.0, 4_983_000.0, (400, 400))
"""About 3 degrees east, 45 degrees north, on the zone's middle."""
SCENE = Scene("s", "vhr", dt.datetime(2024, 3, 20, tzinfo=dt.UTC), "p", 0.5, ("pan",))
EAST = np.array([[1.0, 0.0]])


def test_a_sun_in_the_south_stands_to_the_right_of_a_track_that_runs_east():
    """At 45 degrees a metre of height is a metre of shadow."""
    scene = dataclasses.replace(SCENE, sun_azimuth_deg=180.0, sun_elevation_deg=45.0)

    slant = SceneLight.of(scene, GRID).along(EAST)

    assert slant.sun == pytest.approx(np.array([[0.0, -1.0]]), abs=1e-6)
    assert slant.lean is None


def test_tops_lean_away_from_the_satellite():
    """Seen from the east at 45 degrees a top moves its own height west: back along the track."""
    scene = dataclasses.replace(SCENE, view_azimuth_deg=90.0, view_off_nadir_deg=45.0)

    light = SceneLight.of(scene, GRID)

    assert light.along(EAST).lean == pytest.approx(np.array([[-1.0, 0.0]]), abs=1e-6)
    assert light.top_m == pytest.approx([-3.4, 0.0])


def test_a_view_from_above_needs_no_direction():
    """Nobody says whence a nadir view looks; nothing leans."""
    scene = dataclasses.replace(SCENE, view_off_nadir_deg=0.0)

    assert SceneLight.of(scene, GRID).along(EAST).lean == pytest.approx(np.zeros((1, 2)))


def test_the_time_tells_the_sun():
    """At the equinox the noon sun stands 45 degrees high over 45 degrees north; noon at 3 degrees
    east is 11:55 UTC, with 7.5 minutes of the equation of time."""
    noon = dataclasses.replace(SCENE, acquired=dt.datetime(2024, 3, 20, 11, 55, 30, tzinfo=dt.UTC))

    assert SceneLight.of(noon, GRID).sun == pytest.approx([0.0, -1.0], abs=0.02)


def test_a_date_alone_tells_no_sun():
    """Midnight stands for a day whose time nobody wrote down."""
    light = SceneLight.of(SCENE, GRID)

    assert light.sun is None
    assert light.along(EAST).sun is None


def test_a_sun_below_the_horizon_is_not_believed():
    """A picture was taken, so its time must be wrong."""
    night = dataclasses.replace(SCENE, acquired=dt.datetime(2024, 3, 20, 22, 0, tzinfo=dt.UTC))

    assert SceneLight.of(night, GRID).sun is None
