"""The factorial hidden Markov model against dense Gaussians and full enumeration."""

import itertools

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from railwatch.detector import occupancy
from railwatch.detector.occupancy import Dynamics, infer
from railwatch.detector.subset_model import Footprint, SubsetModel

TRACKS, CHANNELS, OFFSETS, WAYS = 3, 2, 5, 2
WEIGHT = np.array([0.7, 0.3])


@pytest.fixture
def footprint():
    rng = np.random.default_rng(3)
    return Footprint(
        rng.normal(size=(CHANNELS, TRACKS, WAYS, OFFSETS)),
        rng.normal(size=(2, CHANNELS, TRACKS, OFFSETS)),
        np.array([[[0.7, 0.2], [2.0, 0.5]], [[0.1, 0.2], [0.4, 0.5]]]),
    )


def members(subset):
    return [k for k in range(TRACKS) if subset >> k & 1]


def dense_loglik(footprint, r, subset):
    """The same ratio from full covariance matrices."""
    each = []
    on = members(subset)
    for j, weight in enumerate(WEIGHT):
        total = np.log(weight)
        for b in range(CHANNELS):
            g = footprint.g[b, on].reshape(-1, OFFSETS)
            spread = np.tile(footprint.variance[j, b], len(on))
            mean = footprint.h[j, b, on].sum(axis=0)
            covered = multivariate_normal(mean, np.eye(OFFSETS) + g.T @ (spread[:, None] * g))
            bare = multivariate_normal(np.zeros(OFFSETS), np.eye(OFFSETS))
            total += covered.logpdf(r[b]) - bare.logpdf(r[b])
        each.append(total)
    return np.logaddexp.reduce(each)


def test_subset_likelihood_equals_dense_gaussians(footprint):
    """Every subset's likelihood ratio is what full covariance matrices give."""
    r = np.random.default_rng(4).normal(size=(6, CHANNELS, OFFSETS))
    model = SubsetModel([footprint], WEIGHT)

    found = model.loglik(r, np.zeros(6, np.int64), np.full(6, 7), ceiling=1e9)

    expected = [
        [0.0, *(dense_loglik(footprint, cell, subset) for subset in range(1, 8))] for cell in r
    ]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_many_cells_of_several_kinds_say_what_each_says_alone(footprint):
    """Cells go through the subsets side by side, by kind; none minds its neighbours."""
    rng = np.random.default_rng(8)
    cells = 400
    other = Footprint(0.5 * footprint.g, footprint.h[::-1].copy(), footprint.variance)
    r = rng.normal(size=(cells, CHANNELS, OFFSETS))
    kind = rng.integers(-1, 2, cells)
    allowed = rng.integers(0, 8, cells)

    found = SubsetModel([footprint, other], WEIGHT).loglik(r, kind, allowed, ceiling=1e9)

    for s in rng.choice(cells, 40, replace=False):
        shown = (footprint, other)[kind[s]]
        for subset in range(8):
            if subset & ~int(allowed[s]):
                expected = -np.inf
            elif subset and kind[s] >= 0:
                expected = dense_loglik(shown, r[s], subset)
            else:
                expected = 0.0
            np.testing.assert_allclose(found[s, subset], expected, atol=1e-9)


def test_absent_track_cannot_be_covered_and_unseen_cell_says_nothing(footprint):
    """A subset with a track that is not there is impossible; a cell nobody saw favours none."""
    r = np.ones((2, CHANNELS, OFFSETS))
    model = SubsetModel([footprint], WEIGHT)

    found = model.loglik(r, np.array([0, -1]), np.array([0b011, 0b111]))

    assert np.isneginf(found[0, 0b100:]).all()
    np.testing.assert_array_equal(found[1], 0.0)


def enumerated(loglik, allowed, dynamics):
    """Marginals by summing over every sequence of subsets."""
    on, off = dynamics.cell_m / dynamics.gap_m, dynamics.cell_m / dynamics.train_m
    step = np.array([[1 - on, on], [off, 1 - off]])
    start = np.array([off, on]) / (on + off)
    total, norm = np.zeros((TRACKS, len(loglik))), 0.0
    for path in itertools.product(range(8), repeat=len(loglik)):
        if any(subset & ~int(there) for subset, there in zip(path, allowed, strict=True)):
            continue
        weight = np.exp(sum(loglik[s, subset] for s, subset in enumerate(path)))
        for k in range(TRACKS):
            bits = [subset >> k & 1 for subset in path]
            for s, bit in enumerate(bits):
                if allowed[s] >> k & 1:
                    weight *= start[bit] if s == 0 else step[bits[s - 1], bit]
        norm += weight
        for s, subset in enumerate(path):
            for k in members(subset):
                total[k, s] += weight
    return total / norm


def test_posterior_equals_enumeration_and_draws_agree(footprint):
    """Marginals equal a sum over all sequences; the draws' mean covered cells agree with them."""
    allowed = np.array([7, 7, 3, 7])
    r = np.random.default_rng(5).normal(size=(4, CHANNELS, OFFSETS))
    dynamics = Dynamics(cell_m=10.0, train_m=100.0, gap_m=300.0)
    loglik = SubsetModel([footprint], WEIGHT).loglik(r, np.zeros(4, np.int64), allowed)
    unit = np.repeat(np.arange(TRACKS)[:, None], 4, axis=1)

    posterior = infer(loglik, allowed, unit, dynamics, draws=20_000, seed=1)

    expected = enumerated(loglik, allowed, dynamics)
    np.testing.assert_allclose(posterior.track, expected, atol=1e-12)
    np.testing.assert_allclose(posterior.draws.mean(axis=0), expected.sum(axis=1), atol=0.03)


def test_equal_seeds_give_equal_bits(footprint):
    """Drawing twice from one seed gives the same samples."""
    r = np.random.default_rng(6).normal(size=(4, CHANNELS, OFFSETS))
    loglik = SubsetModel([footprint], WEIGHT).loglik(r, np.zeros(4, np.int64), np.full(4, 7))
    unit = np.zeros((TRACKS, 4), np.int64)
    first, second = (
        infer(loglik, np.full(4, 7), unit, Dynamics(10.0), draws=50, seed=9).draws for _ in range(2)
    )

    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("seed", range(5))
def test_one_track_is_drawn_as_several_are(seed):
    """Every draw of the special case is that of the general one, tracks that end included."""
    rng = np.random.default_rng(seed)
    cells, draws = 60, 40
    there = (rng.random(cells) < 0.8).astype(np.int64)
    forward = rng.random((cells, 2)) * np.column_stack([np.ones(cells), there])
    forward /= forward.sum(axis=1, keepdims=True)
    unit = rng.integers(-1, 3, (1, cells))
    uniforms = rng.random((draws, cells))
    one, several = np.zeros((draws, 3)), np.zeros((draws, 3))

    occupancy._sample_one(forward, there, unit[0], 0.05, 0.1, uniforms, one)
    occupancy._sample(forward, there, unit, 0.05, 0.1, uniforms, several)

    assert several.max() > 5
    np.testing.assert_array_equal(one, several)
