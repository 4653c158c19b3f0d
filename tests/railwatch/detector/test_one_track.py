"""The two-state chain against the sum over every sequence, and against plain matrices."""

import itertools

import numpy as np
import pytest

from railwatch.detector.occupancy import Dynamics, infer
from railwatch.detector.one_track import forward_backward

ON, OFF = 0.05, 0.2
STEP = np.array([[1 - ON, ON], [OFF, 1 - OFF]])


def test_posterior_equals_the_sum_over_all_sequences():
    """Seven cells, one without track: 128 sequences weighed one by one."""
    evidence = np.array([1.2, -3.0, 4.0, 0.3, -0.1, 9.0, -2.0])
    there = np.array([1, 1, 1, 0, 1, 1, 1])
    total, norm = np.zeros(7), 0.0
    for path in itertools.product((0, 1), repeat=7):
        # Where there is no track a step leads to "not covered" whatever the chain would do.
        weight = np.array([OFF, ON])[path[0]] / (ON + OFF) * np.exp(evidence[0] * path[0])
        for s in range(1, 7):
            chance = STEP[path[s - 1], path[s]] if there[s] else float(path[s] == 0)
            weight *= chance * np.exp(evidence[s] * path[s])
        norm += weight
        total += weight * np.array(path)

    _, covered = forward_backward(evidence, there, ON, OFF)

    np.testing.assert_allclose(covered, total / norm, atol=1e-13)


@pytest.mark.parametrize("strength", [0.5, 30.0, 800.0])
def test_long_tracks_neither_vanish_nor_overflow(strength):
    """Ten thousand cells equal matrix products that are scaled at every step."""
    rng = np.random.default_rng(int(strength))
    evidence = strength * rng.standard_normal(10_000)
    there = (rng.random(10_000) > 0.1).astype(np.int64)
    likelihood = np.exp(np.stack([0 * evidence, evidence], 1) - np.maximum(evidence, 0)[:, None])
    likelihood[there == 0] = [1.0, 0.0]
    fold = np.array([[1.0, 0.0], [1.0, 0.0]])
    steps = [STEP if t else fold for t in there]
    ahead = np.zeros((10_000, 2))
    p = np.array([OFF, ON]) / (ON + OFF)
    for s in range(10_000):
        p = (p if s == 0 else p @ steps[s]) @ (np.eye(2) if there[s] else fold) * likelihood[s]
        ahead[s] = p = p / p.sum()
    behind = np.ones((10_000, 2))
    for s in range(9_998, -1, -1):
        q = steps[s + 1] @ (likelihood[s + 1] * behind[s + 1])
        behind[s] = q / q.sum()
    both = ahead * behind

    forward, covered = forward_backward(evidence, there, ON, OFF)

    np.testing.assert_allclose(forward, ahead, atol=1e-12)
    np.testing.assert_allclose(covered, (both / both.sum(1, keepdims=True))[:, 1], atol=1e-12)


def test_one_track_of_the_general_model_is_the_same_chain():
    """`infer` takes this way for one track, and its draws agree with the probabilities."""
    loglik = np.stack([np.zeros(60), np.random.default_rng(1).normal(0, 3, 60)], 1)
    dynamics = Dynamics(cell_m=10.0, train_m=50.0, gap_m=200.0)

    posterior = infer(
        loglik, np.ones(60, np.int64), np.zeros((1, 60), np.int64), dynamics, draws=20_000, seed=3
    )

    _, covered = forward_backward(loglik[:, 1], np.ones(60, np.int64), ON, OFF)
    np.testing.assert_allclose(posterior.track[0], covered, atol=1e-13)
    assert posterior.draws[:, 0].mean() == pytest.approx(covered.sum(), abs=0.15)
