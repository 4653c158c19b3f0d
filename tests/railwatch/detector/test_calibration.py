"""Calibration: counts and their intervals follow from what injected trains scored."""

import numpy as np
import pytest

from railwatch.detector.calibration import Trial, calibrate


def trial(cars, covered_m, trains, unsure_m=2.0, noise=0.0):
    """What came out of one injection on one unit."""
    return Trial(
        np.array([float(cars)]),
        np.array([14.0 * cars]),
        np.array([[covered_m, covered_m, float(trains), noise, unsure_m]]),
    )


def simulated(rng, number=200):
    """Trains of which each adds 12 m of blur; one in ten trials hardly shows."""
    for _ in range(number):
        cars = int(rng.integers(0, 40))
        trains = 0 if cars == 0 else int(rng.integers(1, cars + 1))
        shown = 0.1 if rng.random() < 0.1 else 1.0
        yield trial(cars, shown * (14.0 * cars + 12.0 * trains) + rng.normal(0, 3), shown * trains)


def test_metres_become_cars_whether_coupled_or_apart():
    """Ten cars are ten cars in one train or in ten, though those cover far more metres."""
    cars, metres = calibrate(list(simulated(np.random.default_rng(1))), 0, 1000.0, 0.0, None)
    for trains in (1, 10):
        seen = np.array([140.0 + 12 * trains, 140.0 + 12 * trains, trains, 0.0, 2.0])
        assert cars.predict(seen) == pytest.approx(10.0, abs=1.0)
        assert metres.predict(seen) == pytest.approx(140.0, abs=14.0)


def test_trains_that_hardly_show_reach_the_interval_and_not_the_count():
    rng = np.random.default_rng(2)
    cars, _ = calibrate(list(simulated(rng, 400)), 0, 1000.0, 0.0, None)
    inside = 0
    fresh = list(simulated(rng, 400))
    for one in fresh:
        low, high = cars.quantiles(one.features[0], (0.05, 0.95))
        inside += low <= one.cars[0] <= high
    assert inside / len(fresh) == pytest.approx(0.9, abs=0.05)


def test_an_unsure_scene_gets_a_wider_interval():
    rng = np.random.default_rng(3)
    trials = []
    for n in range(300):
        unsure = 2.0 if n % 2 else 60.0
        count = int(rng.integers(0, 40))
        error = rng.normal(0, unsure)
        trials.append(trial(count, max(0.0, 14.0 * count + error), min(count, 2), unsure))
    cars, _ = calibrate(trials, 0, 1000.0, 0.0, None)
    widths = []
    for unsure in (2.0, 60.0):
        low, high = cars.quantiles(np.array([280.0, 280.0, 2.0, 0.0, unsure]), (0.05, 0.95))
        widths.append(high - low)
    # 90 % of normal errors of 60 m lie within 99 m, 7 cars, on either side.
    assert widths[0] < 4.0
    assert widths[1] == pytest.approx(14.0, rel=0.4)


def test_a_scene_that_fits_is_not_blamed_for_those_that_do_not():
    """One trial in five is a full yard taken for an empty one: it fits badly."""
    rng = np.random.default_rng(4)
    trials = []
    for n in range(300):
        count = int(rng.integers(0, 12))
        full = n % 5 == 0
        trials.append(
            trial(40 if full else count, 14.0 * count + rng.normal(0, 3), 1, noise=1.5 * full)
        )
    cars, _ = calibrate(trials, 0, 1000.0, 0.0, None)
    good = cars.quantiles(np.array([70.0, 70.0, 1.0, 0.0, 2.0]), (0.05, 0.95))
    bad = cars.quantiles(np.array([70.0, 70.0, 1.0, 1.5, 2.0]), (0.05, 0.95))
    assert good[1] - good[0] < 8.0
    assert bad[1] >= 35.0


def test_what_trials_do_not_show_widens_the_interval():
    """Normal errors of 3 cars leave 90 % within 4.9 cars."""
    rng = np.random.default_rng(5)
    trials = [trial(n, 14.0 * n + rng.normal(0, 2), 1) for n in rng.integers(1, 40, 300).tolist()]
    cars, metres = calibrate(trials, 0, 1000.0, 3.0, None)
    seen = np.array([280.0, 280.0, 1.0, 0.0, 2.0])
    low, high = cars.quantiles(seen, (0.05, 0.95))
    assert (low, high) == pytest.approx((20 - 4.9, 20 + 4.9), abs=0.6)
    low, high = metres.quantiles(seen, (0.05, 0.95))
    assert (low, high) == pytest.approx((280 - 69, 280 + 69), abs=8.0)


def test_what_trials_do_not_show_widens_a_scene_with_nothing_in_it():
    """All trials like it were right to the car; normal errors of 1.5 cars reach 2.5 at 95 %."""
    trials = [trial(n % 20, 14.0 * (n % 20), min(n % 20, 1)) for n in range(300)]
    cars, _ = calibrate(trials, 0, 1000.0, 1.5, None)
    low, high = cars.quantiles(np.array([0.0, 0.0, 0.0, 0.0, 2.0]), (0.05, 0.95))
    assert low == 0.0
    assert high == pytest.approx(2.5, abs=0.5)


def test_an_odd_scene_of_a_site_that_is_mostly_empty_is_not_taken_for_a_full_yard():
    """Full yards look like a few cars in an odd scene; a site that was never full says how often.

    Three cars of 70 in a scene that fits badly: of trials half are full yards that hide all but
    three. At a site that holds one or two cars on most days most such scenes hold three.
    """
    rng = np.random.default_rng(5)
    trials = []
    for n in range(300):
        full = n % 2 == 0
        cars = 60 if full else int(rng.integers(0, 8))
        shown = 3 if full else cars
        trials.append(trial(cars, 14.0 * shown + rng.normal(0, 4), 1, noise=1.5))
    odd = np.array([42.0, 42.0, 1.0, 1.5, 2.0])
    middle = {}
    for fill in (None, 0.03):
        cars, _ = calibrate(trials, 0, 70 * 12.5, 0.0, fill)
        middle[fill] = cars.quantiles(odd, (0.5,))[0]
    assert middle[0.03] < 8.0
    assert middle[None] > middle[0.03] + 2.0
