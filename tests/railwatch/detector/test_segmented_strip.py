"""Sampling along a siding, and units the evidence is learned in."""

import numpy as np
import pytest

from railwatch.detector import segmented_strip as strips


def test_a_plane_is_sampled_exactly():
    """Cubic convolution reproduces a tilted plane between pixel centres."""
    y, x = np.mgrid[0:12, 0:15]
    values = (1000 + 30 * x + 7 * y).astype(np.uint16)[None]
    row, col = np.array([[3.25, 5.5]]), np.array([[4.75, 7.0]])

    got = strips.sample(values, np.zeros((12, 15), bool), row, col)

    assert got[0] == pytest.approx(1000 + 30 * col + 7 * row)


def test_samples_beside_unusable_and_outside_pixels_are_nan():
    """A sample needs its 16 neighbours."""
    values = np.full((2, 12, 15), 500, np.uint16)
    unusable = np.zeros((12, 15), bool)
    unusable[6, 3] = True
    at = [(6.0, 3.5), (6.0, 6.5), (11.5, 6.5)]
    row, col = (np.array([v]) for v in zip(*at, strict=True))

    got = strips.sample(values, unusable, row, col)

    assert np.isnan(got[0, 0]).tolist() == [True, False, True]


@pytest.mark.parametrize("bands", [1, 3, 4])
def test_planes_do_not_depend_on_gain(bands):
    """Each band may be in a unit of its own: planes are equal to rounding."""
    rng = np.random.default_rng(4)
    raw = rng.uniform(300, 3000, (bands, 27, 400)).astype(np.float32)
    other = raw * np.array([0.5, 2.0, 3.0, 0.1], np.float32)[:bands, None, None]

    first = strips.planes(raw, strips.learn_appearance([raw]))
    second = strips.planes(other, strips.learn_appearance([other]))

    assert first.shape == (strips.PLANES, 27, 400)
    assert second == pytest.approx(first, abs=2e-3)
