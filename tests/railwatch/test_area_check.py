"""What an area amounts to, and what in it is worth a second look."""

import numpy as np
import pyproj
import pytest

from railwatch.area import Area
from railwatch.area_check import inspect_area
from railwatch.siding import Siding, SidingKind, SidingSet

TO_WGS84 = pyproj.Transformer.from_crs(32652, 4326, always_xy=True)


def area(kinds: dict[str, SidingKind] | None = None, **lines: object) -> Area:
    """Area of tracks given in metres beyond Tumangang station."""
    sidings = []
    for name, xy in sorted(lines.items()):
        points = np.asarray(xy, dtype=float) + np.array([632_298.0, 4_697_818.0])
        lon, lat = TO_WGS84.transform(*points.T)
        places = tuple(zip(lon.tolist(), lat.tolist(), strict=True))
        sidings.append(Siding(name, places, (kinds or {}).get(name, SidingKind.YARD)))
    return Area("a", "A", SidingSet(tuple(sidings)))


def test_counts_metres_and_cars_without_main_lines():
    """Two free tracks of 139 m hold twenty cars of 13.9 m; the main line holds none."""
    report = inspect_area(
        area(
            {"m": SidingKind.MAIN},
            a=[[0, 0], [139.5, 0]],
            b=[[0, 40], [139.5, 40]],
            m=[[0, 80], [900, 80]],
        )
    )

    assert report.counted_m == pytest.approx(279, abs=0.3)
    assert report.cars == 20
    assert report.remarks == ()


def test_remarks_on_a_corner_no_train_runs():
    """A right angle is a slip of the pen; a curve of 150 m radius is not."""
    arc = [[150 * np.sin(a), 150 * (1 - np.cos(a))] for a in np.arange(0, 1.5, 0.1)]

    (remark,) = inspect_area(area(a=[[0, 0], [100, 0], [100, 100]])).remarks

    assert "a turns 90 degrees" in remark
    assert "chainage 100 m" in remark
    assert inspect_area(area(a=arc)).remarks == ()


def test_remarks_on_a_track_drawn_twice():
    """Two lines a metre apart along a yard are one track."""
    remarks = inspect_area(area(a=[[0, 0], [300, 0]], b=[[10, 1], [290, 1]])).remarks

    assert any("a lies within 1.6 m of b" in remark for remark in remarks)


def test_remarks_on_tracks_without_room():
    """A 40 m link between two switches lies in fouling range from end to end."""
    report = inspect_area(
        area(
            a=[[0, 0], [200, 0]],
            b=[[80, 0], [100, 2.5], [120, 0]],
        )
    )

    (remark,) = report.remarks
    assert remark.startswith("no room for a car between fouling points on b;")
