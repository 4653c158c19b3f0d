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
