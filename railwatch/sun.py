"""Where the sun stands over a place at a time.

Archives often leave the sun angles out; the shadow of a railcar needs them. The low-precision
formulas of the Astronomical Almanac (Michalsky 1988, Solar Energy 40, 227) are good to 0.01 degree
until 2050.
"""

from __future__ import annotations

import datetime as dt
import math

J2000 = dt.datetime(2000, 1, 1, 12, tzinfo=dt.UTC)


def sun_position(
    when: dt.datetime, longitude_deg: float, latitude_deg: float
) -> tuple[float, float]:
    """Azimuth (degrees clockwise from north) and elevation (degrees) of the sun.

    Parameters
    ----------
    when
        Zone-aware time.
    longitude_deg, latitude_deg
        WGS84, degrees east and north.
    """
    days = (when - J2000).total_seconds() / 86400.0
    mean_longitude = math.radians((280.460 + 0.9856474 * days) % 360.0)
    anomaly = math.radians((357.528 + 0.9856003 * days) % 360.0)
    ecliptic = mean_longitude + math.radians(
        1.915 * math.sin(anomaly) + 0.020 * math.sin(2.0 * anomaly)
    )
    obliquity = math.radians(23.439 - 4e-7 * days)
    right_ascension = math.atan2(math.cos(obliquity) * math.sin(ecliptic), math.cos(ecliptic))
    declination = math.asin(math.sin(obliquity) * math.sin(ecliptic))
    sidereal = math.radians((280.46062 + 360.98564737 * days + longitude_deg) % 360.0)
    hour_angle = sidereal - right_ascension
    latitude = math.radians(latitude_deg)
    elevation = math.asin(
        math.sin(latitude) * math.sin(declination)
        + math.cos(latitude) * math.cos(declination) * math.cos(hour_angle)
    )
    azimuth = math.atan2(
        -math.cos(declination) * math.sin(hour_angle),
        math.sin(declination) * math.cos(latitude)
        - math.cos(declination) * math.cos(hour_angle) * math.sin(latitude),
    )
    return math.degrees(azimuth) % 360.0, math.degrees(elevation)
