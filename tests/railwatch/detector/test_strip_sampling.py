"""Cubic sampling of rasters."""

import numpy as np

from railwatch.detector.strip_sampling import sample
from railwatch.grid import Grid
from railwatch.scene import NODATA

GRID = Grid(32652, 10.0, 500_000.0, 4_700_000.0, (20, 20))


def test_plane_and_parabola_are_met_exactly_between_pixels():
    """Keys's kernel reproduces polynomials of second degree."""
    x, y = np.meshgrid(GRID.x() - 500_000.0, 4_700_000.0 - GRID.y())
    values = np.stack([10 * x + 5 * y + 100, 0.05 * x**2 + 40]).round(2)
    stored = np.round(values).astype(np.uint16)
    at_x, at_y = 500_000.0 + np.array([55.0, 93.3]), 4_700_000.0 - np.array([71.0, 118.9])

    found = sample(stored, np.ones((20, 20), np.bool_), GRID, at_x, at_y)

    expected = [10 * (at_x - 500_000) + 5 * (4_700_000 - at_y) + 100, 0.05 * (at_x - 5e5) ** 2 + 40]
    np.testing.assert_allclose(found, np.array(expected) * 1e-4, atol=1e-4)


def test_unmeasured_clouded_and_outside_are_nan():
    """A sample is NaN where a pixel it needs was not measured, is clouded or lies outside."""
    values = np.full((1, 20, 20), 1000, np.uint16)
    clear = np.ones((20, 20), np.bool_)
    values[0, 5, 5] = NODATA
    clear[12, 12] = False
    x = GRID.x()[[5, 12, 16, 0]] + [3.0, 3.0, 3.0, -80.0]
    y = GRID.y()[[5, 12, 16, 0]]

    found = sample(values, clear, GRID, x, y)

    np.testing.assert_array_equal(np.isnan(found[0]), [True, True, False, True])


def keys(distance):
    """Keys's cubic kernel with a = -0.5, piece by piece as it was published."""
    s = abs(distance)
    if s <= 1:
        return 1.5 * s**3 - 2.5 * s**2 + 1
    return -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2 if s < 2 else 0.0


def test_every_sample_is_the_weighted_sum_of_its_sixteen_pixels():
    """The compiled kernel equals a sum over the whole raster, written out."""
    rng = np.random.default_rng(0)
    stored = rng.integers(0, 9000, (3, 20, 20)).astype(np.uint16)
    x = 500_000.0 + rng.uniform(30, 170, 40)
    y = 4_700_000.0 - rng.uniform(30, 170, 40)

    found = sample(stored, np.ones((20, 20), np.bool_), GRID, x, y)

    expected = np.zeros((3, 40))
    for i in range(40):
        for r in range(20):
            for c in range(20):
                weight = keys((GRID.y()[r] - y[i]) / 10) * keys((GRID.x()[c] - x[i]) / 10)
                expected[:, i] += weight * stored[:, r, c] * 1e-4
    np.testing.assert_allclose(found, expected, rtol=1e-6)
