"""Sun angles against published shadows."""

import datetime as dt
import math

import pytest

from railwatch.sun import sun_position


@pytest.mark.parametrize(
    ("day", "shadow_m"), [((2023, 12, 21), 9.1), ((2023, 10, 5), 4.3), ((2023, 6, 21), 1.7)]
)
def test_shadow_of_a_railcar_at_tumangang(day, shadow_m):
    """A 3.8 m car at 42.4 N, 02:12 UTC, throws the shadows method.md step 6 computed."""
    when = dt.datetime(*day, 2, 12, tzinfo=dt.UTC)

    _, elevation = sun_position(when, 130.608, 42.42)

    assert 3.8 / math.tan(math.radians(elevation)) == pytest.approx(shadow_m, abs=0.06)


def test_noon_sun_stands_south_and_at_its_height_on_an_equinox():
    """At the equinox the noon elevation is 90 degrees minus the latitude."""
    azimuth, elevation = sun_position(dt.datetime(2024, 3, 20, 12, 7, tzinfo=dt.UTC), 0.0, 50.0)

    assert azimuth == pytest.approx(180.0, abs=1.0)
    assert elevation == pytest.approx(40.0, abs=0.3)
