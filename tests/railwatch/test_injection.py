"""Injection: energy, PSF, shadows and lean of railcars in an image."""

import math

import numpy as np
import pytest

from railwatch.grid import Grid
from railwatch.injection import Consist, Light, draw_consist, imprint, inject
from railwatch.rolling_stock import Panel, Vehicle
from railwatch.track import Track

LOOK = (0.30, 0.28, 0.26, 0.24, 0.22)
NOON = Light(180.0, 90.0)
"""Overhead sun: no shadow."""


def car(length_m=14.0, body_m=13.0, width_m=3.0, height_m=4.0):
    panel = Panel((-body_m / 2, body_m / 2), (-width_m / 2, width_m / 2), LOOK)
    return Vehicle("test", length_m, body_m, width_m, height_m, (panel,))


def grid(gsd_m, side_m=200.0):
    n = round(side_m / gsd_m)
    return Grid(32652, gsd_m, 1000.0, 2000.0 + side_m, (n, n))


def line(angle_deg=0.0, middle=(1100.0, 2100.0)):
    """A track of 80 m through the middle of the grid, `angle_deg` north of east."""
    ahead = 40.0 * np.array([math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))])
    return Track("t", np.array([np.array(middle) - ahead, np.array(middle) + ahead]))


def moments(share, where):
    """Area, centroid and variances (east, north) of a share image."""
    x, y = np.meshgrid(where.x(), where.y())
    total = share.sum()
    cx, cy = (share * x).sum() / total, (share * y).sum() / total
    variance = ((share * (x - cx) ** 2).sum() / total, (share * (y - cy) ** 2).sum() / total)
    return total * where.gsd_m**2, (cx, cy), variance


@pytest.mark.parametrize("gsd_m", [0.5, 3.0, 10.0])
@pytest.mark.parametrize("angle_deg", [0.0, 33.0, 90.0])
def test_change_integrates_to_contrast_times_area(gsd_m, angle_deg):
    """Summed over the image, two cars change reflectance by their roofs' area x contrast."""
    ground = np.array([0.10, 0.14])
    where = grid(gsd_m)
    before = np.full((2, *where.shape), ground[:, None, None])
    standing = [(line(angle_deg), Consist(20.0, (car(), car())))]
    after = inject(before, where, ("blue", "red"), standing, NOON)
    change = (after - before).sum(axis=(1, 2)) * gsd_m**2

    # Sampling a Gaussian of 0.53 px leaves a ripple below 1 % on a sum.
    assert change == pytest.approx(2 * 13.0 * 3.0 * (np.array([0.30, 0.26]) - ground), rel=0.01)


def test_psf_widens_a_car_by_its_variance():
    """Across the track, variance is that of a 3 m wide box plus the PSF's."""
    where = grid(2.5)
    mark = imprint(where, ("red",), [(line(), Consist(33.5, (car(),)))], NOON, psf_sigma_m=5.3)
    area, centre, (along, across) = moments(mark.occupied, where)

    assert area == pytest.approx(39.0, rel=1e-3)
    assert centre == pytest.approx((1100.5, 2100.0), abs=0.01)
    assert along == pytest.approx(13.0**2 / 12 + 5.3**2, rel=0.01)
    assert across == pytest.approx(3.0**2 / 12 + 5.3**2, rel=0.01)


@pytest.mark.parametrize("gsd_m", [0.5, 3.0, 10.0])
@pytest.mark.parametrize(("azimuth_deg", "north_m"), [(180.0, 1.0), (0.0, -1.0)])
def test_shadow_falls_away_from_the_sun_as_long_as_height_over_tangent(gsd_m, azimuth_deg, north_m):
    """A 4 m tall car under sun at 30 degrees throws 4 / tan 30 = 6.93 m to the far side."""
    where = grid(gsd_m)
    standing = [(line(), Consist(33.0, (car(),)))]
    mark = imprint(where, ("red",), standing, Light(azimuth_deg, 30.0))
    reach = 4.0 / math.tan(math.radians(30.0))
    area, centre, _ = moments(mark.shadow, where)

    assert area == pytest.approx(13.0 * reach, rel=0.02)
    assert centre == pytest.approx((1100.0, 2100.0 + north_m * (1.5 + reach / 2)), abs=0.1)


def test_oblique_shadow_sweeps_a_hexagon():
    """Sun in the south-west: area is length x across + width x along of the shadow's vector."""
    where = grid(1.0)
    mark = imprint(where, (), [(line(), Consist(33.0, (car(),)))], Light(225.0, 45.0))
    side = 4.0 / math.sqrt(2.0)
    area, _, _ = moments(mark.shadow, where)

    assert area == pytest.approx(13.0 * side + 3.0 * side, rel=0.02)


def test_a_neighbour_hides_the_shadow_on_the_ground():
    """Tracks 5 m apart leave 2 m of ground between cars; a longer shadow shows only there."""
    where = grid(0.5)
    north = line(middle=(1100.0, 2105.0))
    both = [(line(), Consist(33.0, (car(),))), (north, Consist(33.0, (car(),)))]
    mark = imprint(where, (), both, Light(180.0, 45.0))
    area, _, _ = moments(mark.shadow, where)

    # 13 x 2 m between the cars; beyond the second, its own shadow of 4 m. The first one's would end
    # 5.5 m north of its axis, within the second's footprint.
    assert area == pytest.approx(13.0 * 2.0 + 13.0 * 4.0, rel=0.02)


def test_shadows_that_overlap_darken_once():
    """Nearly end-on sun: coupled cars' shadows fall on each other and shares never pass 1."""
    where = grid(0.5)
    standing = [(line(), Consist(10.0, tuple(car() for _ in range(4))))]
    mark = imprint(where, (), standing, Light(265.0, 15.0))

    assert float((mark.occupied + mark.shadow).max()) < 1.04


def test_seen_from_aside_a_top_leans_away_and_shows_its_wall():
    """30 degrees off nadir from the south, a 4 m top appears 2.31 m north with 13 m of wall."""
    where = grid(0.5)
    standing = [(line(), Consist(33.0, (car(),)))]
    mark = imprint(where, (), standing, Light(180.0, 90.0, 180.0, 30.0))
    lean = 4.0 * math.tan(math.radians(30.0))
    area, (_, north), _ = moments(mark.occupied, where)

    assert area == pytest.approx(13.0 * (3.0 + lean), rel=0.02)
    assert north == pytest.approx(2100.0 + lean / 2, abs=0.1)


def test_shadow_leaves_sky_light_and_nan_stays():
    """In full shadow the ground keeps `shade` of its reflectance; an unmeasured pixel stays so."""
    where = grid(0.5)
    before = np.full((1, *where.shape), 0.2)
    before[0, 0, 0] = np.nan
    light = Light(180.0, 30.0, shade=(0.4, 0.4, 0.4, 0.4, 0.4))
    after = inject(before, where, ("red",), [(line(), Consist(33.0, (car(),)))], light)
    rows, cols = where.pixel(np.array([1100.0]), np.array([2105.0]))

    assert after[0, round(rows[0]), round(cols[0])] == pytest.approx(0.08, abs=0.002)
    assert math.isnan(after[0, 0, 0])
    assert np.isfinite(after[0, 1:, 1:]).all()


def test_ground_given_apart_from_pixels_sets_the_contrast():
    """With `ground`, contrast is against the bed, whatever the pixel mixes in."""
    where = grid(10.0)
    before = np.full((1, *where.shape), 0.5)
    standing = [(line(), Consist(33.0, (car(),)))]
    after = inject(before, where, ("red",), standing, NOON, ground=np.array([0.26]))

    assert after == pytest.approx(before, abs=1e-6)


def test_drawn_consists_are_coupled_and_repeatable():
    """Each car begins where the one before ends, and a seed gives one consist."""
    one, again = (draw_consist(np.random.default_rng(3), 12, from_m=5.0) for _ in range(2))
    spans = one.intervals()

    assert one == again
    assert len(one.vehicles) == 12
    assert spans[0, 0] == 5.0
    assert spans[1:, 0] == pytest.approx(spans[:-1, 1])
    assert spans[-1, 1] - 5.0 == pytest.approx(one.length_m)


def test_a_locomotive_is_not_one_of_the_cars():
    """Asked for five cars and a locomotive, six vehicles come, one of them not freight."""
    consist = draw_consist(np.random.default_rng(0), 5, kinds=["tank"], locomotive=True)

    assert [v.freight for v in consist.vehicles] == [False] + [True] * 5
