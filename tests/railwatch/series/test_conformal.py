import dataclasses

import numpy as np
import pytest

from railwatch.count import QUANTILE_LEVELS
from railwatch.series.conformal import (
    Adjustment,
    adjust,
    calibrated,
    conformal,
    inflated,
    score,
    tracked_alpha,
)
from railwatch.series.reference import Reference
from railwatch.testing.standing_stock import Seeing, seen_count


def site(rng: np.random.Generator, scenes: int, gain: float = 1.0, spread: float = 1.0):
    """Truths and counts of a site whose intervals are wrong by a gain and a spread."""
    truths = rng.poisson(40, scenes)
    estimates = [
        gain * cars + spread * np.hypot(1.5, 0.12 * cars) * rng.standard_normal() for cars in truths
    ]
    counts = [
        seen_count("yard", 5 * index, float(estimate), Seeing())
        for index, estimate in enumerate(estimates)
    ]
    return truths, counts


def referred(truths, counts, k: int) -> list[Reference]:
    return [
        Reference("yard", count.acquired.date(), float(cars), "B. Analyst", "image")
        for cars, count in zip(truths[:k], counts[:k], strict=True)
    ]


def coverage(k: int, gain: float, spread: float, sites: int = 150) -> float:
    """Share of unreferenced truths inside the adjusted intervals."""
    held = []
    for seed in range(sites):
        truths, counts = site(np.random.default_rng([k, seed]), k + 30, gain, spread)
        adjusted = adjust(counts, referred(truths, counts, k))
        held += [
            count.cars_low <= cars <= count.cars_high
            for cars, count in zip(truths[k:], adjusted[k:], strict=True)
        ]
    return float(np.mean(held))


class TestCoverage:
    @pytest.mark.parametrize(
        ("gain", "spread"), [(1.0, 1.0), (1.0, 2.5), (1.0, 0.4), (0.75, 1.0)], ids=str
    )
    def test_twenty_references_put_it_right(self, gain, spread):
        """Too narrow, too wide or biased by a quarter: 88-94 % are inside afterwards."""
        assert coverage(20, gain, spread) == pytest.approx(0.91, abs=0.03)

    def test_few_references_widen_what_is_too_narrow(self):
        """Five references lift intervals that hold 49 % to 75 % and more."""
        assert coverage(0, 1.0, 2.5) < 0.55
        assert coverage(5, 1.0, 2.5) > 0.75

    def test_few_references_never_narrow(self):
        """Intervals that are right or too wide stay at least as wide."""
        truths, counts = site(np.random.default_rng(1), 40, spread=0.2)
        adjusted = adjust(counts, referred(truths, counts, 8))

        assert all(
            after.cars_high - after.cars_low >= before.cars_high - before.cars_low - 1e-9
            for before, after in zip(counts, adjusted, strict=True)
        )


class TestAdjust:
    def test_without_references_nothing_changes(self):
        """No references, no adjustment."""
        _, counts = site(np.random.default_rng(2), 5)

        assert adjust(counts, []) == counts

    def test_references_of_other_days_do_not_pair(self):
        """A reference two days from every scene says nothing about any."""
        _, counts = site(np.random.default_rng(2), 3)
        day = counts[0].acquired.date().replace(day=8)

        assert adjust(counts, [Reference("yard", day, 90, "B", "image")]) == counts

    def test_strata_are_put_right_apart(self):
        """Twenty facility references leave a siding's rows to the pooled rule."""
        truths, counts = site(np.random.default_rng(3), 25)
        siding = dataclasses.replace(counts[-1], siding_id="s1")
        *_, facility, single = adjust([*counts, siding], referred(truths, counts, 20))

        assert (facility.extra["n_ref_pooled"], single.extra["n_ref_pooled"]) == ("False", "True")

    def test_bounds_are_physical(self):
        """No fewer cars than none and no more than the visible length holds."""
        truths, counts = site(np.random.default_rng(4), 25, spread=8.0)
        short = [dataclasses.replace(count, visible_m=900.0) for count in counts]
        adjusted = adjust(short, referred(truths, short, 20))

        assert min(count.quantiles[0] for count in adjusted) == 0
        for before, after in zip(short, adjusted, strict=True):
            assert after.quantiles[-1] <= max(900.0 / 12.0, before.cars)

    def test_a_sure_count_can_be_made_unsure(self):
        """Counts without any width that were off by a car get a width of a car."""
        truths, counts = site(np.random.default_rng(5), 30)
        sure = [
            dataclasses.replace(count, quantiles=(float(cars + (index % 3 - 1)),) * 25)
            for index, (cars, count) in enumerate(zip(truths, counts, strict=True))
        ]
        last = adjust(sure, referred(truths, sure, 24))[-1]

        assert len(QUANTILE_LEVELS) == 25
        assert (last.cars - last.cars_low, last.cars_high - last.cars) == pytest.approx((1, 1))

    def test_a_class_is_calibrated_by_twenty_references_of_its_own(self):
        """Nineteen only widen; the twentieth lets the class stand beside others in a series."""
        truths, counts = site(np.random.default_rng(6), 25)
        scales = [calibrated(adjust(counts, referred(truths, counts, k))) for k in (19, 20)]

        assert [scale.calibrated for scale in scales] == [frozenset(), frozenset({"C"})]


class TestScores:
    def test_score_is_in_half_widths(self):
        """The upper bound scores 1, the median 0, the lower bound -1."""
        count = seen_count("yard", 0, 50.0, Seeing())

        assert [score(count, c) for c in (count.cars_low, count.cars, count.cars_high)] == [
            pytest.approx(value) for value in (-1, 0, 1)
        ]

    def test_bounds_are_order_statistics(self):
        """Of 39 scores the 2nd and the 38th bound nine tenths: 40 x .05 and 40 x .95."""
        scores = [float(value) for value in np.random.default_rng(6).permutation(39)]
        # No miss among the last 19 widens the level by rate x .1 each, so the ranks stay or rise.
        found = conformal(sorted(scores, key=lambda value: abs(value - 19), reverse=True))

        assert found.middle == 19
        assert found.low in {1.0, 2.0}
        assert found.high == 38 - found.low

    def test_drift_lowers_alpha(self):
        """A site whose later references all miss gets a lower level, hence wider bounds."""
        rng = np.random.default_rng(7)
        steady = [float(value) for value in rng.standard_normal(40)]
        drifting = [*steady[:20], *(value + 9 * index for index, value in enumerate(steady[20:]))]

        assert tracked_alpha(drifting) < 0.05
        assert tracked_alpha(steady) > 0.05

    def test_inflation_of_perfect_references_is_one(self):
        """References that agree exactly leave the width as it was."""
        assert inflated([0.0] * 15) == Adjustment(-1.0, 0.0, 1.0, 15, pooled=True)
