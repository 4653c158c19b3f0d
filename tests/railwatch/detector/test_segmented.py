"""Single cars on hand-painted yards whose every metre is known."""

import dataclasses
import datetime as dt
import math

import numpy as np
import pyproj
import pytest

from railwatch.count import QUANTILE_LEVELS, Refusal
from railwatch.detector.segmented import detect_cars
from railwatch.grid import Grid
from railwatch.scene import NODATA, MaskClass, Scene, SceneRaster
from railwatch.siding import HiddenStretch, Siding, SidingKind, SidingSet

EAST, NORTH = 632_000.0, 4_697_000.0
LENGTH_M = 160.0
HEIGHT_M, WIDTH_M = 60.0, 190.0
STRING = [(30.0, 42.8), (43.9, 56.7), (57.8, 70.6), (71.7, 84.5), (85.6, 98.4)]
PAINT = [(1600, 1500, 1400), (500, 520, 700), (2200, 2300, 2400), (700, 900, 1500), (450, 430, 420)]


def painted(tracks, gsd_m, seed=3, shift=(0.0, 0.0)):
    """A west-east yard: `tracks` maps a northing above the image's middle to cars by chainage.

    Ballast with grain, sleepers every 0.6 m, two rails 1.5 m apart, roofs 3.1 m wide, and each
    car's shadow 1.2 m to the north; drawn on 0.125 m and averaged over pixels.
    """
    fine = 0.125
    rng = np.random.default_rng(seed)
    y = HEIGHT_M / 2 - (np.arange(round(HEIGHT_M / fine)) + 0.5) * fine - shift[1]
    x = (np.arange(round(WIDTH_M / fine)) + 0.5) * fine - (WIDTH_M - LENGTH_M) / 2 - shift[0]
    colour = np.array([1000.0, 1100.0, 1250.0])[:, None, None]
    ground = np.repeat(rng.normal(1, 0.12, (len(y) // 4, len(x) // 4)), 4, 0).repeat(4, 1)
    image = colour * ground
    for north in tracks:
        d = np.abs(y - north)[:, None]
        image *= np.where((d < 1.3) & ((x % 0.6) < 0.25), 0.8, 1.0)
        image = np.where(np.abs(d - 0.75) < 0.07, 2000.0, image)
    for north, cars in tracks.items():
        for begin, end in cars:
            shadow = (np.abs(y - north - 1.2) < 1.55)[:, None] & (x > begin) & (x < end)
            image = np.where(shadow, 0.3 * image, image)
    for k, (north, cars) in enumerate(tracks.items()):
        for i, (begin, end) in enumerate(cars):
            roof = (np.abs(y - north) < 1.55)[:, None] & (x > begin) & (x < end)
            paint = np.array(PAINT[(i + k) % len(PAINT)], float)[:, None, None]
            image = np.where(roof, paint, image)
    k = round(gsd_m / fine)
    rows, cols = len(y) // k, len(x) // k
    image = image[:, : rows * k, : cols * k].reshape(3, rows, k, cols, k).mean(axis=(2, 4))
    values = np.clip(image + rng.normal(0, 12, image.shape), 1, 60000).astype(np.uint16)
    return SceneRaster(("blue", "green", "red"), values, np.zeros((rows, cols), np.uint8))


def grid_of(raster, gsd_m):
    return Grid(
        32652, gsd_m, EAST - (WIDTH_M - LENGTH_M) / 2, NORTH + HEIGHT_M / 2, raster.mask.shape
    )


def siding(name, north, **more):
    """A siding from chainage 0 to `LENGTH_M`, drawn `north` metres above the image's middle."""
    back = pyproj.Transformer.from_crs(32652, 4326, always_xy=True)
    ends = [back.transform(EAST + s, NORTH + north) for s in (0.0, LENGTH_M)]
    return Siding(name, tuple(ends), **more)


def scene(gsd_m):
    when = dt.datetime(2024, 6, 17, 2, 0, tzinfo=dt.UTC)
    return Scene("s", "vhr", when, "p", gsd_m, ("blue", "green", "red"))


def detect(raster, sidings, gsd_m=0.5):
    return detect_cars(raster, grid_of(raster, gsd_m), SidingSet(tuple(sidings)), scene(gsd_m))


@pytest.mark.parametrize("gsd_m", [0.5, 1.0])
def test_a_string_is_counted_car_by_car(gsd_m):
    """Five bodies of 12.8 m, 1.1 m apart: five cars, each end within two pixels."""
    raster = painted({0.0: STRING}, gsd_m)

    cars = detect(raster, [siding("a", 0.0)], gsd_m).sidings[0].cars

    ends = [(car.from_m, car.to_m) for car in cars]
    assert len(ends) == len(STRING)
    assert np.abs(np.subtract(ends, STRING)).max() <= 2.0 * gsd_m


def test_an_empty_track_has_no_cars():
    """Rails, sleepers and grain alone: nothing found, nothing occupied, and every quantile zero."""
    answer = detect(painted({0.0: []}, 0.5), [siding("a", 0.0)]).sidings[0]

    assert answer.cars == ()
    assert answer.occupied_m == 0.0
    assert answer.quantiles[: len(QUANTILE_LEVELS) - 3] == (0.0,) * (len(QUANTILE_LEVELS) - 3)


def test_a_neighbours_cars_are_not_counted():
    """An empty siding between two full ones, 4.6 m apart, stays empty."""
    raster = painted({-4.6: STRING, 0.0: [], 4.6: STRING}, 0.5)
    sidings = [siding("a", -4.6), siding("b", 0.0), siding("c", 4.6)]

    result = detect(raster, sidings)

    assert [len(s.cars) for s in result.sidings] == [5, 0, 5]


def test_a_shifted_scene_is_snapped_back():
    """Three sidings drawn off by up to 0.8 m on a scene 3 m north: shift and cars are found."""
    raster = painted({-9.8: STRING, -5.0: [], 0.0: STRING[1:3]}, 0.5, shift=(0.0, 3.0))
    sidings = [siding("a", -9.3), siding("b", -5.4), siding("c", 0.1)]

    result = detect(raster, sidings)

    assert result.registration is not None
    assert result.registration.dy_m == pytest.approx(3.0, abs=0.5)
    assert [len(s.cars) for s in result.sidings] == [5, 0, 2]


def test_hidden_stretches_are_not_counted():
    """A canopy over the last two cars and 20 m more leaves three, and shortens the visible part."""
    canopy = HiddenStretch(71.0, 118.0, since=dt.date(2024, 1, 1))
    earlier = dataclasses.replace(canopy, until=dt.date(2024, 2, 1))
    raster = painted({0.0: STRING}, 0.5)

    under = detect(raster, [siding("a", 0.0, hidden=(canopy,))]).sidings[0]
    before = detect(raster, [siding("a", 0.0, hidden=(earlier,))]).sidings[0]

    assert under.occupancy is not None
    chainage = under.occupancy.chainage_m
    hidden_part = under.occupancy.probability[(chainage > 72) & (chainage < 117)]

    assert (len(under.cars), len(before.cars)) == (3, 5)
    assert under.visible_m == pytest.approx(LENGTH_M - 47.0, abs=0.5)
    assert np.isnan(hidden_part).all()


def test_missing_clouded_and_roofed_sidings_are_refused():
    """Each with its own reason; what can be seen is still counted."""
    raster = painted({-12.0: STRING, 0.0: STRING, 12.0: STRING}, 0.5)
    middle = raster.mask.shape[0] // 2
    raster.mask[middle + 14 : middle + 34, 80:] = MaskClass.CLOUD
    raster.values[:, middle - 34 : middle - 14, 80:] = NODATA
    sidings = [
        siding("cloud", -12.0),
        siding("missing", 12.0),
        siding("roofed", 20.0, visible=False),
        siding("seen", 0.0),
    ]

    result = detect(raster, sidings)

    assert [s.refusal for s in result.sidings] == [
        Refusal.CLOUD,
        Refusal.NODATA,
        Refusal.INVISIBLE,
        None,
    ]
    assert len(result.sidings[3].cars) == 5
    assert result.quantiles == result.sidings[3].quantiles


def test_coarse_scenes_are_refused():
    """At 3 m no single car shows."""
    result = detect(painted({0.0: STRING}, 3.0), [siding("a", 0.0)], 3.0)

    assert result.sidings[0].refusal is Refusal.RESOLUTION
    assert result.draws.size == 0


def test_main_lines_are_looked_at_and_not_summed():
    """Cars on a main line are listed and left out of the facility's sum."""
    raster = painted({0.0: STRING, 6.0: STRING[:2]}, 0.5)
    sidings = [siding("line", 0.0, kind=SidingKind.MAIN), siding("yard", 6.0)]

    result = detect(raster, sidings)

    assert [len(s.cars) for s in result.sidings] == [5, 2]
    assert result.quantiles[len(QUANTILE_LEVELS) // 2] == 2.0


def test_outlines_are_closed_and_as_large_as_the_car():
    """Corners enclose length times 3.1 m, on the ground where the car was painted."""
    car = detect(painted({0.0: STRING}, 0.5), [siding("a", 0.0)]).sidings[0].cars[0]
    x, y = np.array(car.outline).T

    area = 0.5 * abs(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))

    assert car.outline[0] == car.outline[-1]
    assert area == pytest.approx((car.to_m - car.from_m) * 3.1, rel=0.05)
    assert math.hypot(x[:-1].mean() - EAST - 36.4, y[:-1].mean() - NORTH) < 1.0
