import math

import numpy as np
import pytest

from railwatch.count import QUANTILE_LEVELS
from railwatch.series.latent import LatentCount, latent_count

FLAT = tuple(100 * level for level in QUANTILE_LEVELS)
"""Quantiles of the uniform distribution on 0-100."""


class TestLatentCount:
    def test_reads_linearly_between_the_levels(self):
        """P(N <= k) is the distribution function at k + 1/2, here the uniform one."""
        latent = latent_count(FLAT)

        assert pytest.approx(latent.cdf[[40, 50, 90]].tolist()) == [0.405, 0.505, 0.905]

    def test_tail_runs_through_the_last_two_levels(self):
        """Beyond the .995 level the tail is exponential: half as much each .5 cars here."""
        latent = latent_count(FLAT)
        scale = 0.5 / math.log(2)

        assert 1 - 0.005 * math.exp(-1.0 / scale) == pytest.approx(latent.cdf[100])

    def test_a_sure_count_is_one_number(self):
        """Equal quantiles, as a segmented scene may give, are a certainty and not an error."""
        latent = latent_count([7.0] * len(QUANTILE_LEVELS))

        assert latent.pmf[7] == 1.0

    def test_an_empty_yard_is_zero(self):
        """Quantiles of zero leave all probability on no cars."""
        assert latent_count([0.0] * len(QUANTILE_LEVELS)).pmf.tolist() == [1.0]

    def test_mass_below_zero_stands_at_zero(self):
        """Half of a distribution around -0.5 to 0.5 and below rounds to no cars."""
        latent = latent_count([-2.0, 0.5, 3.0], levels=(0.05, 0.5, 0.95))

        assert pytest.approx(latent.pmf[0]) == 0.5

    def test_quantiles_come_back(self):
        """Reading a level back returns what was published, to the half car of rounding."""
        latent = latent_count(FLAT)

        assert pytest.approx([latent.quantile(p) for p in (0.05, 0.5, 0.95)]) == [5.0, 50.0, 95.0]

    @pytest.mark.parametrize(
        "quantiles", [(3.0, 2.0, 4.0), (1.0, 2.0), (1.0, float("nan"), 3.0)], ids=str
    )
    def test_refuses_what_is_no_distribution(self, quantiles):
        """Falling, missing or undefined quantiles are an error that says so."""
        with pytest.raises(ValueError, match="quantiles"):
            latent_count(quantiles, levels=(0.05, 0.5, 0.95))

    def test_sum_of_two_dice(self):
        """The sum of two independent counts is their convolution: 7 has 6 of 36 ways."""
        die = LatentCount(np.arange(7) / 6)
        both = die.plus(die)

        assert pytest.approx(both.pmf[7], abs=1e-9) == 6 / 36
        assert pytest.approx(both.pmf[12], abs=1e-9) == 1 / 36

    def test_moments_match_drawing(self):
        """The lattice has the mean of whole cars drawn from the same quantiles."""
        rng = np.random.default_rng(5)
        drawn = np.rint(np.interp(rng.random(400_000), QUANTILE_LEVELS, FLAT))
        latent = latent_count(FLAT)
        mean = float(latent.pmf @ np.arange(latent.cdf.size))

        assert float(drawn.mean()) == pytest.approx(mean, abs=0.2)
