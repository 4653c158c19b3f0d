"""Trains put in stand as trains do."""

import itertools

import numpy as np
import pytest

from railwatch.detector.injected_train import place_trains

CELL_M = 5.0


def chainage(length_m):
    """Middles of cells along a track."""
    return np.arange(CELL_M / 2, length_m, CELL_M)


@pytest.mark.parametrize("wanted", [0, 1, 25, 60])
def test_as_many_cars_stand_as_there_is_room_for(wanted):
    at = chainage(3000.0)
    standing = place_trains(
        np.random.default_rng(3), at, CELL_M, np.ones((2, len(at)), bool), wanted
    )
    assert len(standing) == wanted


def test_cars_of_a_train_are_coupled():
    """Single cars far apart would teach that every car adds the blur of two ends."""
    at = chainage(6000.0)
    coupled = total = 0
    for seed in range(10):
        standing = place_trains(
            np.random.default_rng(seed), at, CELL_M, np.ones((1, len(at)), bool), 40
        )
        ends = {round(car.from_m + car.vehicle.length_m, 6) for car in standing}
        coupled += sum(round(car.from_m, 6) in ends for car in standing)
        total += len(standing)
    # Trains of 10 cars on average, a third of them drawn with a mean of 2.
    assert coupled / total > 0.7


def test_no_two_cars_stand_in_the_same_place():
    at = chainage(900.0)
    for seed in range(10):
        standing = place_trains(
            np.random.default_rng(seed), at, CELL_M, np.ones((2, len(at)), bool), 100
        )
        for lane in (0, 1):
            spans = sorted(
                (c.from_m, c.from_m + c.vehicle.length_m) for c in standing if c.lane == lane
            )
            assert spans
            for (_, end), (begin, _) in itertools.pairwise(spans):
                assert begin >= end - 1e-9


def test_cars_stand_only_where_they_may():
    at = chainage(600.0)
    free = np.zeros((2, len(at)), bool)
    free[1, 40:100] = True
    standing = place_trains(np.random.default_rng(1), at, CELL_M, free, 30)
    assert standing
    for car in standing:
        assert car.lane == 1
        assert car.from_m >= 200.0
        assert car.from_m + car.vehicle.length_m <= 500.0


def test_a_track_of_one_cell_holds_no_car():
    """Its length is that of a cell, shorter than any car."""
    at = np.array([2.5])
    for seed in range(5):
        rng = np.random.default_rng(seed)
        assert place_trains(rng, at, CELL_M, np.ones((1, 1), bool), 3) == []
