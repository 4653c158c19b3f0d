import dataclasses
import datetime as dt

import numpy as np
import pytest

from railwatch.count import QUANTILE_LEVELS, BaselineState, ResolutionClass
from railwatch.series import crossing, with_records
from railwatch.testing.standing_stock import Seeing, seen_count

SEEING = Seeing()


def pair(one: float | None, other: float | None, hours: float = 0.0):
    a = seen_count("tumangang", 100, one, SEEING)
    b = seen_count("khasan", 100, other, SEEING)
    later = b.acquired + dt.timedelta(hours=hours)
    return a, dataclasses.replace(b, acquired=later, siding_set="cd34ef56ab12")


class TestCrossing:
    def test_interval_is_that_of_the_sum(self):
        """Of two independent counts the sum's interval is what drawing both gives."""
        a, b = pair(175.0, 112.0)
        (both,) = crossing([a], [b])
        rng = np.random.default_rng(1)
        drawn = sum(
            np.interp(rng.random(400_000), QUANTILE_LEVELS, count.quantiles) for count in (a, b)
        )

        assert [both.cars_low, both.cars, both.cars_high] == pytest.approx(
            np.quantile(drawn, [0.05, 0.5, 0.95]).tolist(), abs=1.0
        )
        assert both.cars_high - both.cars_low < 0.85 * (
            a.cars_high - a.cars_low + b.cars_high - b.cars_low
        )

    def test_metres_and_conditional_wagons(self):
        """Lengths add like cars, and 14 m are one conditional wagon."""
        (both,) = crossing(*[[count] for count in pair(80.0, 60.0)])
        sd_m = 13.9 * np.hypot(np.hypot(1.5, 9.6), np.hypot(1.5, 7.2))

        assert both.occupied_m == pytest.approx(140 * 13.9, rel=0.01)
        assert both.occupied_m_high - both.occupied_m == pytest.approx(1.645 * sd_m, rel=0.1)
        assert both.conditional_wagons == pytest.approx(both.occupied_m / 14.0)

    def test_names_both_and_keeps_the_worse(self):
        """The row says whose sum it is, and is as unsure as the less sure end."""
        a, b = pair(80.0, 60.0)
        b = dataclasses.replace(b, baseline_state=BaselineState.SPATIAL, registration_sigma_m=1.3)
        (both,) = crossing([a], [b])

        assert (both.area_id, both.siding_set) == (
            "tumangang+khasan",
            "ab12cd34ef56+cd34ef56ab12",
        )
        assert (both.baseline_state, both.registration_sigma_m) == (BaselineState.SPATIAL, 1.3)

    @pytest.mark.parametrize(
        ("one", "other", "hours"), [(80.0, None, 0), (None, 60.0, 0), (80.0, 60.0, 30)], ids=str
    )
    def test_half_a_crossing_is_none(self, one, other, hours):
        """A refused end, or one seen another day, gives no sum."""
        a, b = pair(one, other, hours)

        assert crossing([a], [b]) == []

    def test_classes_are_not_added(self):
        """A class A count here and a class C count there make no sum."""
        a, b = pair(80.0, 60.0)

        assert crossing([a], [dataclasses.replace(b, resolution_class=ResolutionClass.A)]) == []

    def test_sums_make_a_series(self):
        """Records are found on the summed series as on any other."""
        rng = np.random.default_rng(2)
        ends = [
            [*(seen_count(name, 5 * i, float(rng.poisson(8)), SEEING) for i in range(40))]
            + [seen_count(name, 5 * i, 60.0, SEEING) for i in (40, 41)]
            for name in ("tumangang", "khasan")
        ]
        rows = with_records(crossing(*ends))

        assert rows[-1].record_sentence.startswith("confirmed: highest of 41")
