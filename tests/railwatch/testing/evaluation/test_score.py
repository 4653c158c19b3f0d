"""Scores: figures worked out by hand from a few rows."""

import math

import pandas as pd
import pytest

from railwatch.testing.evaluation.score import car_scores, score_table, scores


def row(truth, cars, low, high, **more):
    return {
        "stratum": "C",
        "facility": True,
        "judged": True,
        "clear": True,
        "refusal": None,
        "fill": truth / 100.0,
        "truth_cars": truth,
        "truth_m": truth * 14.0,
        "cars": cars,
        "cars_low": low,
        "cars_high": high,
        "cars_25": cars - 0.5,
        "cars_75": cars + 0.5,
        "cars_10": cars - 1.0,
        "cars_90": cars + 1.0,
        "occupied_m": None if cars is None else cars * 14.0,
        "occupied_m_low": None if low is None else low * 14.0,
        "occupied_m_high": None if high is None else high * 14.0,
        "by_persistence": truth + 4,
        "by_brightness": 10.0,
        "by_bound": truth + 0.5,
    } | more


def test_errors_are_those_worked_out_by_hand():
    """Counts 12, 9, 20 of 10, 10, 16: errors 2, -1, 4."""
    found = scores(pd.DataFrame([row(10, 12, 9, 15), row(10, 9, 8, 10), row(16, 20, 18, 22)]))

    assert found["n"] == 3
    assert found["mae"] == pytest.approx(7 / 3)
    assert found["bias"] == pytest.approx(5 / 3)
    assert found["wape"] == pytest.approx(7 / 36)
    assert found["wape_m"] == pytest.approx(7 / 36)
    assert found["cover_90"] == pytest.approx(2 / 3)
    assert found["cover_80"] == pytest.approx(1 / 3)
    assert found["cover_50"] == 0.0
    # Widths 6, 2 and 4, and 2 cars outside at 20 a car.
    assert found["interval_score"] == pytest.approx((6 + 2 + 4 + 40) / 3)
    # The best constant is the median, 10.
    assert found["constant"] == pytest.approx(2.0)
    assert found["persistence"] == pytest.approx(4.0)
    assert found["brightness"] == pytest.approx(2.0)
    assert found["bound"] == pytest.approx(0.5)


def test_refusals_are_shares_of_clear_scenes_and_cost_no_error():
    """One of two clear scenes refused is one half; a refused cloudy scene is nobody's fault."""
    blank = dict.fromkeys(
        ("cars", "cars_low", "cars_high", "occupied_m", "cars_25", "cars_75", "cars_10", "cars_90")
    )
    none = row(5, 5, 5, 5) | blank | {"refusal": "haze"}
    found = scores(pd.DataFrame([row(5, 5, 4, 6), none, none | {"clear": False}]))

    assert found["refused"] == 0.5
    assert found["n"] == 1
    assert found["mae"] == 0.0


def test_tables_leave_out_sidings_and_burn_in():
    """Only judged facility rows are scored, one line a group."""
    rows = [row(5, 6, 4, 7), row(5, 50, 4, 7, facility=False), row(5, 60, 4, 7, judged=False)]
    table = score_table(pd.DataFrame([*rows, row(8, 8, 7, 9, stratum="B")]), ["stratum"])

    assert table["n"].tolist() == [1, 1]
    assert table["mae"].tolist() == [0.0, 1.0]


def test_single_car_scores():
    """Of 10 true cars 9 were matched by 12 found ones; one siding of two is exact."""
    cars = pd.DataFrame({"true": [6, 4], "found": [8, 4], "matched": [5, 4]})
    found = car_scores(cars)

    assert found["recall"] == pytest.approx(0.9)
    assert found["precision"] == pytest.approx(0.75)
    assert found["exact"] == 0.5
    assert found["total_error"] == pytest.approx(0.2)
    assert found["siding_mae"] == 1.0


def test_nothing_counted_is_no_number():
    """An empty group scores NaN, which reaches no goal."""
    found = scores(pd.DataFrame([row(1, 1, 1, 1)]).iloc[:0])

    assert all(math.isnan(v) for name, v in found.items() if name != "n")
