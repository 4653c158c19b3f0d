import numpy as np
import pytest

from railwatch.count import Refusal
from railwatch.testing.standing_stock import (
    Influx,
    Seeing,
    Traffic,
    seen_counts,
    standing_cars,
)


class TestStandingCars:
    @pytest.mark.parametrize(
        "traffic", [Traffic.STEADY, Traffic.BURSTS, Traffic.SEASONAL, Traffic.WEEKLY]
    )
    def test_long_mean_is_the_one_asked_for(self, traffic):
        """Arrivals balance departures at the stated mean."""
        cars = standing_cars(traffic, 10.0, 20_000, np.random.default_rng(1))

        assert cars.mean() == pytest.approx(10.0, rel=0.1)

    def test_bursts_are_overdispersed(self):
        """Bursts scatter more than steady traffic of the same mean."""
        steady, bursts = (
            standing_cars(traffic, 10.0, 5000, np.random.default_rng(2)).var()
            for traffic in (Traffic.STEADY, Traffic.BURSTS)
        )

        assert bursts > 1.5 * steady

    def test_surge_stands_at_its_level(self):
        """After the ramp the surge's cars stand, and they leave again."""
        surge = Influx(day=100, ramp_days=10, days=30)
        cars = standing_cars(Traffic.QUIET, 1.0, 200, np.random.default_rng(3), surge)

        assert cars[109:130].tolist() == [73] * 21
        assert max(cars[:100]) < 30
        assert max(cars[130:]) < 30


class TestSeenCounts:
    def test_interval_covers_as_often_as_it_says(self):
        """Without scale error and with normal noise nine in ten intervals hold the truth."""
        cars = np.full(40_000, 30)
        seen = seen_counts("yard", cars, Seeing(tails=1e6), np.random.default_rng(4))
        usable = [count for count in seen if count.refusal is None]
        held = [count.cars_low <= 30 <= count.cars_high for count in usable]

        assert np.mean(held) == pytest.approx(0.9, abs=0.02)

    def test_share_refused(self):
        """Refused scenes have their row and no numbers."""
        seen = seen_counts("yard", np.zeros(20_000, int), Seeing(), np.random.default_rng(5))
        refused = [count for count in seen if count.refusal is Refusal.CLOUD]

        assert len(refused) / len(seen) == pytest.approx(0.5, abs=0.03)
        assert {count.cars for count in refused} == {None}
