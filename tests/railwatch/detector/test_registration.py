"""Co-registration against shifts made at four times the resolution."""

import numpy as np
import pytest
from scipy import ndimage

from railwatch.detector import registration
from railwatch.detector.registration import Reference, register

SIZE, FINE, GSD_M = 160, 4, 10.0


def photograph(land, rng, down, right):
    """Blur and sample fine land shifted by pixels of the coarse image; noise as Sentinel-2's."""
    moved = ndimage.shift(land, (0, down * FINE, right * FINE), order=1, mode="nearest")
    blurred = ndimage.gaussian_filter(moved, (0, 0.5 * FINE, 0.5 * FINE))
    binned = blurred.reshape(len(land), SIZE, FINE, SIZE, FINE).mean(axis=(2, 4))
    return (binned + rng.normal(0.0, 0.004, binned.shape)).astype(np.float32)


@pytest.fixture
def land():
    """Fields of different brightness in two bands."""
    rng = np.random.default_rng(1)
    fine = np.full((2, SIZE * FINE, SIZE * FINE), 0.1)
    for _ in range(300):
        row, col = rng.integers(0, SIZE * FINE, 2)
        height, width = rng.integers(20, 160, 2)
        fine[:, row : row + height, col : col + width] = rng.uniform(0.03, 0.3, (2, 1, 1))
    return fine


@pytest.mark.parametrize(("down", "right"), [(0.23, -0.41), (0.0, 0.0), (-1.3, 0.8)])
def test_known_shift_is_found_within_a_twentieth_of_a_pixel(land, down, right):
    """A scene moved down and right is found south and east of the reference."""
    rng = np.random.default_rng(2)
    everywhere = np.ones((SIZE, SIZE), np.bool_)
    reference = Reference(photograph(land, rng, 0.0, 0.0), everywhere, GSD_M)
    scene = 1.2 * photograph(land, rng, down, right) + 0.02

    found = register(scene, everywhere, reference)

    assert found is not None
    assert found.dx_m == pytest.approx(right * GSD_M, abs=0.5)
    assert found.dy_m == pytest.approx(-down * GSD_M, abs=0.5)
    assert found.sigma_m < 1.0


def test_another_place_is_refused(land):
    """Land that has nothing in common with the reference has no shift."""
    rng = np.random.default_rng(3)
    everywhere = np.ones((SIZE, SIZE), np.bool_)
    reference = Reference(photograph(land, rng, 0.0, 0.0), everywhere, GSD_M)
    elsewhere = photograph(land[:, ::-1, ::-1].copy(), rng, 0.0, 0.0)

    assert register(elsewhere, everywhere, reference) is None


def test_plain_land_is_known_to_have_no_texture():
    """Where nothing differs, nothing can be registered, and the reference says so."""
    plain = Reference(
        np.full((2, SIZE, SIZE), 0.1, np.float32), np.ones((SIZE, SIZE), np.bool_), GSD_M
    )

    assert not plain.textured


def test_moving_and_blurring_are_those_of_scipy():
    """The compiled spline shift, blur and clear places against scipy.ndimage's general ones."""
    rng = np.random.default_rng(8)
    image = rng.normal(size=(40, 56)).astype(np.float32)
    usable = rng.random(image.shape) > 0.01
    shift = np.array([1.37, -2.61])

    moved = registration._moved(registration._spline(image), shift, *image.shape)
    blurred = registration._blur(image, registration._GAUSSIAN)
    inside = registration._inside(usable, shift)

    expected = ndimage.shift(image.astype(np.float64), -shift, order=3, mode="nearest")
    np.testing.assert_allclose(moved, expected, atol=1e-6)
    expected = ndimage.gaussian_filter(image.astype(np.float64), registration.HIGHPASS_PX)
    np.testing.assert_allclose(blurred, expected, atol=1e-6)
    seen = ndimage.shift(usable.astype(np.float32), -shift, order=0) > 0.5
    np.testing.assert_array_equal(inside, ndimage.binary_erosion(usable & seen, iterations=2))
