"""Compiled kernels of the empty look against slow and obvious ones."""

import numpy as np

from railwatch.detector import empty_track


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
    weight = rng.random((offsets, cells)) / 0.006**2
    weight[4] = 0.0
    ridge = np.array([40.0] * bands + [1e3] * bands + [4e2] * bands + [4.0] * 2)

    found = empty_track._nuisance(values, look, bed, by_x, by_y, weight, ridge, scale)

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
