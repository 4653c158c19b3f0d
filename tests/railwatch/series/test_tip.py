import datetime as dt

import numpy as np

from railwatch.series import TipRules, tips
from railwatch.testing.standing_stock import FIRST_DAY, Seeing, seen_count


def rows(area_id: str, *last: float | None, seeing: Seeing | None = None):
    """Sixty ordinary scenes and these; the last one is acquired on day 5 x (59 + n)."""
    ordinary = np.random.default_rng(1).poisson(10, 60)
    estimates = [*(float(cars) for cars in ordinary), *last]
    return [
        seen_count(area_id, 5 * index, cars, seeing or Seeing())
        for index, cars in enumerate(estimates)
    ]


def after(scenes: int, days: float = 1.0) -> dt.datetime:
    return FIRST_DAY + dt.timedelta(days=5 * (59 + scenes) + days)


class TestTips:
    def test_unconfirmed_record_comes_first(self):
        """A fresh candidate outranks a clouded place; an ordinary place is left out."""
        found = tips(
            [
                *rows("ordinary", 9.0, 11.0, 10.0),
                *rows("clouded", None, None, None),
                *rows("candidate", None, 12.0, 73.0),
            ],
            after(3),
        )

        assert [tip.area_id for tip in found] == ["candidate", "clouded"]
        assert "a record candidate of 2019-08-11 (P 0.99)" in found[0].sentence
        assert found[0].date == dt.date(2019, 8, 11)

    def test_blind_place_says_for_how_long(self):
        """Three refused scenes in a row are named with the days since the last usable one."""
        (tip,) = tips(rows("clouded", None, None, None), after(3))

        assert "16 days without a usable scene, 3 refused in a row" in tip.sentence
        assert tip.date == after(3).date()

    def test_confirmed_record_needs_no_image(self):
        """Once a second scene agrees the reason is gone."""
        found = tips(rows("yard", 12.0, 73.0, 71.0), after(3))

        assert not any("candidate" in tip.sentence for tip in found)

    def test_worth_of_a_candidate_fades(self):
        """Trains leave: a week later the same candidate is worth less than half."""
        counts = rows("yard", 73.0)
        only = TipRules(width=0.0, blind=0.0)
        fresh, stale = (tips(counts, after(1, days), rules=only)[0].worth for days in (0.5, 7.5))

        assert stale < 0.5 * fresh

    def test_wide_interval_is_a_reason(self):
        """An interval far wider than the site's scatter asks for a sharper look."""
        (tip,) = tips(rows("hazy", 11.0, seeing=Seeing(floor=20.0)), after(1))

        assert "wide for this site's scatter" in tip.sentence

    def test_future_is_not_known(self):
        """Scenes after the day of the order play no part."""
        counts = rows("yard", 73.0, 72.0)

        assert tips(counts, after(1)) == tips(counts[:-1], after(1))
