import numpy as np
import pytest

from railwatch.series.chance import chance_rate, predictive_moments, tail_probability
from railwatch.series.latent import latent_count


def certain(cars: float):
    return latent_count([cars, cars], levels=(0.05, 0.95))


class TestChance:
    def test_newest_of_eleven(self):
        """With ten exchangeable observations before it the newest is highest once in eleven."""
        assert pytest.approx(chance_rate(10)) == 1 / 11

    def test_tail_of_a_poisson_past(self):
        """After many Poisson counts the tail is Poisson's own: P(Y >= 20 | 10) = .0035."""
        past = np.random.default_rng(1).poisson(10, 5000).astype(float)
        drawn = np.random.default_rng(2).poisson(10, 400_000)

        assert float((drawn >= 20).mean()) == pytest.approx(
            tail_probability(certain(20), past), rel=0.35
        )

    def test_tail_of_an_overdispersed_past(self):
        """A bursty site makes the same height ten times as likely and more."""
        rng = np.random.default_rng(3)
        steady = rng.poisson(10, 300).astype(float)
        bursty = rng.negative_binomial(2, 2 / 12, 300).astype(float)

        assert tail_probability(certain(25), bursty) > 10 * tail_probability(certain(25), steady)

    def test_uncertain_count_is_less_remarkable(self):
        """A wide interval reaches down to ordinary heights, so it proves less."""
        past = np.random.default_rng(4).poisson(10, 200).astype(float)
        wide = latent_count([10.0, 30.0, 50.0], levels=(0.05, 0.5, 0.95))

        assert tail_probability(wide, past) > 100 * tail_probability(certain(30), past)

    def test_dependent_past_weighs_less(self):
        """The same values in long runs say less than shuffled ones, so the variance is wider."""
        runs = np.repeat(np.random.default_rng(6).poisson(10, 12).astype(float), 5)
        shuffled = np.random.default_rng(7).permutation(runs)

        assert predictive_moments(runs)[1] > 1.2 * predictive_moments(shuffled)[1]

    def test_an_always_empty_yard_has_a_small_but_real_chance(self):
        """Nothing ever seen does not make one car impossible."""
        assert 0 < tail_probability(certain(1), np.zeros(50)) < 0.25
