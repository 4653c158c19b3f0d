"""Compiled kernels that level a scene against slow and obvious ones."""

import numpy as np

from railwatch.detector import levelling
from railwatch.detector.land import land_departure


def test_light_and_shift_are_those_of_plain_robust_least_squares():
    """Four rounds of weighted ridge regression on a design matrix of all samples."""
    rng = np.random.default_rng(4)
    bands, offsets, cells, scale = 2, 6, 40, 0.012
    look, by_x, by_y = (
        rng.normal(mean, spread, (bands, offsets, cells))
        for mean, spread in ((0.1, 0.03), (0.0, 0.004), (0.0, 0.004))
    )
    bed = (rng.random((offsets, cells)) < 0.4).astype(np.float64)
    values = (1.1 * look + 0.01 + 0.2 * look * bed + 1.5 * by_x - by_y).astype(np.float32)
    values += rng.normal(0.0, 0.001, values.shape).astype(np.float32)
    values[:, 1, :12] = 0.4  # a train
    values[0, 2, 3:6] = np.nan
    empty, beside = rng.random(cells) / 0.006**2, 0.3 / 0.006**2
    empty[7:11] = 0.0
    weight = np.where(bed == 1.0, empty, beside)
    ridge = np.array([40.0] * bands + [1e3] * bands + [4e2] * bands + [4.0] * 2)

    track = bed == 1.0
    found = levelling.nuisance(values, look, track, by_x, by_y, (empty, beside), ridge, scale)

    rows, told, weights = [], [], []
    for b, d, s in np.argwhere(np.isfinite(values)):
        row = np.zeros(3 * bands + 2)
        row[[b, bands + b, 2 * bands + b]] = look[b, d, s], 1.0, look[b, d, s] * bed[d, s]
        row[-2:] = by_x[b, d, s], by_y[b, d, s]
        rows.append(row)
        told.append(values[b, d, s])
        weights.append(weight[d, s])
    design, told, weights = np.array(rows), np.array(told, dtype=np.float64), np.array(weights)
    start = np.array([1.0] * bands + [0.0] * (2 * bands + 2))
    expected = start
    for _ in range(4):
        w = weights / (1.0 + ((told - design @ expected) / scale) ** 2)
        normal = (design * w[:, None]).T @ design + np.diag(ridge)
        expected = np.linalg.solve(normal, design.T @ (w * told) + ridge * start * (start > 0))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found[:bands], 1.1, atol=0.05)


def _scene(rng, bands=2, offsets=7, cells=50):
    """A scene with a hole, its look, slopes of the look and the land beside the track."""
    look = rng.normal(0.1, 0.03, (bands, offsets, cells))
    values = (look + rng.normal(0.0, 0.01, look.shape)).astype(np.float32)
    values[:, 1, 5:9] = np.nan
    values[:, :, 20] = np.nan
    side = np.zeros((2, offsets, cells), dtype=np.bool_)
    side[0, :2], side[1, -2:] = True, True
    return values, look, side


def test_light_and_shift_are_taken_out_sample_by_sample():
    """Reflectance less offset and shift, over the gain of land or bed; gains are held within 3."""
    rng = np.random.default_rng(5)
    values, look, _ = _scene(rng)
    slopes = levelling.slopes_of(look, np.full(look.shape[2], 0.3), 5.0)
    bed = (rng.random(look.shape[1:]) < 0.4).astype(np.float64)
    answer = np.array([1.1, 5.0, 0.01, -0.02, 0.2, 0.1, 0.4, -0.3])

    found = levelling.applied(values, bed == 1.0, slopes.east, slopes.north, answer)

    along, across = np.gradient(look, 5.0, axis=2), np.gradient(look, 5.0, axis=1)
    east = np.sin(0.3) * along - np.cos(0.3) * across
    north = np.cos(0.3) * along + np.sin(0.3) * across
    gain = np.clip(answer[:2, None, None] + answer[4:6, None, None] * bed, 0.3, 3.0)
    expected = (values - answer[2:4, None, None] - 0.4 * east + 0.3 * north) / gain
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_land_and_what_departs_all_along_are_taken_out():
    """The mean of the land on either side, smoothed, times its leak; then a robust mean a row."""
    rng = np.random.default_rng(6)
    values, look, side = _scene(rng)
    residual = values - look
    leak = rng.random((2, *look.shape[1:]))
    empty = rng.random(look.shape[2])
    found = residual.copy()

    levelling.without_land(found, side, leak)
    levelling.without_profile(found, empty, 0.012, 8.0)

    expected = residual.copy()
    for band in expected:
        land = np.zeros((2, look.shape[2]))
        for j in range(2):
            for s in range(look.shape[2]):
                there = [v for v in band[side[j, :, s], s] if np.isfinite(v)]
                land[j, s] = np.mean(there) if there else 0.0
        padded = np.pad(land, ((0, 0), (1, 1)), mode="edge")
        smooth = (padded[:, :-2] + 2.0 * padded[:, 1:-1] + padded[:, 2:]) / 4.0
        band[:] -= leak[0] * smooth[0] + leak[1] * smooth[1]
        for row in band:
            middle, there = 0.0, np.isfinite(row)
            for _ in range(4):
                weight = empty[there] / (1.0 + ((row[there] - middle) / 0.012) ** 2)
                middle = (weight * row[there]).sum() / (weight.sum() + 8.0)
            row[:] -= middle
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-15)


def test_the_land_of_one_scene_is_that_of_the_plain_way():
    """Bit for bit what NumPy finds over scenes, holes and cells that show no land included."""
    rng = np.random.default_rng(7)
    values, look, side = _scene(rng)
    values[:, :2, 30:34] = np.nan
    values[0, -1, 12] = np.nan
    residual = values - look

    land, there = levelling.beside(residual, side)

    whole = np.isfinite(residual).all(axis=0)
    np.testing.assert_array_equal(land, land_departure(residual[None], side)[0])
    np.testing.assert_array_equal(there, (whole & side).any(axis=1))


def test_whitening_is_two_matrix_products_and_a_scale():
    """Bands mixed, offsets mixed, each cell in units of its own noise; more cells than a block."""
    rng = np.random.default_rng(8)
    bands, offsets, cells = 3, 7, 150
    residual = rng.normal(0.0, 0.01, (bands, offsets, cells))
    channel, across = rng.normal(size=(bands, bands)), np.tril(rng.normal(size=(offsets, offsets)))
    local = rng.uniform(0.6, 6.0, cells)

    white, energy = levelling.whitened(residual, channel, across, local)

    expected = np.array(
        [channel @ residual[:, :, s] @ across.T / np.sqrt(local[s]) for s in range(cells)]
    )
    np.testing.assert_allclose(white, expected, rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(energy, (expected**2).mean(axis=(1, 2)), rtol=1e-12)


def test_what_was_not_seen_says_nothing():
    """Holes are zero, all else stays."""
    rng = np.random.default_rng(9)
    values, look, _ = _scene(rng)
    residual = values - look
    expected = np.nan_to_num(residual)
    levelling.nothing_unseen(residual)

    np.testing.assert_array_equal(residual, expected)
