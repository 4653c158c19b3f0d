"""Weather: the sun stands where almanacs say, and what happens happens as often as asked."""

import datetime as dt
import math

import numpy as np
import pytest

from railwatch.testing.scenery import SENTINEL2, Climate, draw_conditions, sun_at


@pytest.mark.parametrize(("month", "day", "shadow_m"), [(12, 21, 9.1), (10, 5, 4.3), (6, 21, 1.7)])
def test_sun_over_tumangang_throws_the_published_shadows(month, day, shadow_m):
    """A 3.8 m car at 42.4 N, 130.6 E, 02:12 UTC (method.md 2.3 step 6)."""
    when = dt.datetime(2022, month, day, 2, 12, tzinfo=dt.UTC)
    _, elevation = sun_at(130.6, 42.4, when)

    assert 3.8 / math.tan(math.radians(elevation)) == pytest.approx(shadow_m, rel=0.03)


def test_sun_stands_north_at_noon_in_the_southern_winter():
    """At 30 S on 21 June the noon sun stands 90 - 30 - 23.4 degrees high, in the north."""
    azimuth, elevation = sun_at(0.0, -30.0, dt.datetime(2022, 6, 21, 12, 2, tzinfo=dt.UTC))

    assert min(azimuth, 360.0 - azimuth) < 1.5
    assert elevation == pytest.approx(36.6, abs=0.5)


def test_weather_happens_as_often_as_the_climate_says():
    """Over many scenes, shares of cloudy, rainy and snowy ones approach what was asked for."""
    days = [dt.date(2020, 1, 1) + dt.timedelta(days=k) for k in range(0, 1500, 2)]
    climate = Climate(cloudy=0.4, rain=0.3, snow=1.0, thin_cloud=0.1)
    drawn = draw_conditions(np.random.default_rng(0), SENTINEL2, climate, days, (10.0, 45.0))
    cold = [c for c in drawn if c.acquired.month in climate.cold_months]
    warm = [c for c in drawn if c.acquired.month not in climate.cold_months]

    assert np.mean([c.cloud > 0 for c in drawn]) == pytest.approx(0.4, abs=0.06)
    assert np.mean([c.wetness > 0 for c in warm]) == pytest.approx(0.3, abs=0.06)
    assert all(c.snow > 0 for c in cold)
    assert not any(c.snow > 0 for c in warm)
    assert np.std([c.shift_m[0] for c in drawn]) == pytest.approx(2.5, rel=0.2)
