"""Trials: the harness finds the errors that a counter is known to make."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from railwatch.area import load_area
from railwatch.count import FACILITY, Car, ResolutionClass
from railwatch.testing.evaluation import STRATA, build_site, judge, oracle, try_site
from railwatch.testing.evaluation.goal import Verdict
from railwatch.testing.evaluation.stratum import (
    SURGE_CARS,
    Stratum,
    draw_site_parameters,
    surge_window,
)
from railwatch.testing.evaluation.trial import Trial, match
from railwatch.testing.scenery import SENTINEL2, TruthCar, draw_place

TINY = Stratum("tiny", ResolutionClass.B, SENTINEL2, 1, 1, 130, 80, 5, (2,), 20.0)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return build_site(TINY, 11, tmp_path_factory.mktemp("site"))


def test_a_site_is_what_its_user_would_have(site):
    """The area file reads, asks for the rendered sidings, and truth is not in the archive."""
    area = load_area(site.area)

    assert area.id == site.id
    assert [s.id for s in area.sidings] == [s.id for s in site.place.sidings]
    assert not list(site.archive.rglob("*truth*"))
    assert len(site.truth.scenes) == len(list(site.archive.rglob("*.json"))) > 24


def test_an_oracle_makes_no_error_and_a_biased_one_its_bias(site):
    """Adding three cars shows as a bias and MAE of three, outside intervals of one."""
    right = try_site(site, oracle)
    wrong = try_site(site, partial(oracle, bias=3.0))
    counted = right.rows[right.rows["facility"] & right.rows["cars"].notna()]
    biased = wrong.rows[wrong.rows["facility"] & wrong.rows["cars"].notna()]

    assert (counted["cars"] == counted["truth_cars"]).all()
    assert (biased["cars"] - biased["truth_cars"]).tolist() == [3.0] * len(biased)
    assert not (biased["cars_low"] <= biased["truth_cars"]).any()


@pytest.mark.slow
def test_a_site_and_seed_give_the_same_truth(site, tmp_path):
    """Building a site again gives what it gave before."""
    assert build_site(TINY, 11, tmp_path).truth == site.truth


def test_verdicts_need_numbers():
    """Strata that were not tried reach no goal, and every goal is named once."""
    blank = trial_of_nothing()
    verdicts = judge([blank])
    names = [v.name for v in verdicts]

    assert len(names) == len(set(names)) >= 13 + len(STRATA)
    assert not any(v.reached for v in verdicts if np.isnan(v.value))
    assert isinstance(verdicts[0], Verdict)


def trial_of_nothing():
    rows = pd.DataFrame(
        [
            {
                "stratum": "none",
                "facility": True,
                "judged": True,
                "clear": True,
                "refusal": None,
                **dict.fromkeys(("truth_cars", "truth_m", "by_persistence"), 0.0),
                **dict.fromkeys(
                    (
                        "cars",
                        "cars_low",
                        "cars_high",
                        "cars_25",
                        "cars_75",
                        "cars_10",
                        "cars_90",
                        "occupied_m",
                        "occupied_m_low",
                        "occupied_m_high",
                        "by_brightness",
                        "by_bound",
                    ),
                    np.nan,
                ),
            }
        ]
    )
    claims = {"stratum": "none", "surge": False, "years": 0.0, "false_records": 0}
    return Trial(rows, pd.DataFrame(), pd.DataFrame([claims | {"called_by_scene": None}]))


def truth_car(middle):
    return TruthCar("t", middle - 7.0, middle + 7.0, "gondola", True, False, True, False)


def test_cars_match_one_to_one_within_three_metres():
    """Two detections of one car are one match, and four metres away is none."""
    there = (truth_car(10.0), truth_car(24.0), truth_car(38.0))
    here = [Car("t", m - 6.0, m + 6.0, (), 1.0) for m in (10.5, 11.0, 26.0, 42.0)]

    assert match(there, here) == 2
    assert match((), here) == 0


def test_a_surge_fills_the_yard_after_a_quiet_past():
    """Before it the level stays below 20 cars; from the full day on it is that of Tumangang."""
    stratum = next(s for s in STRATA if s.surge)
    for seed in range(5):
        _, use, _, days = draw_site_parameters(stratum, seed, days=1825)
        begins, full = surge_window(days[-1])

        assert max(use.level(d) for d in days if d < begins) <= 20.0
        assert use.level(full) == pytest.approx(SURGE_CARS)
        assert use.wander < 0.2


def test_every_stratum_draws_places_that_can_be_built():
    """No seed draws a ladder that does not fit or a yard too short for its cars."""
    for stratum in STRATA:
        for seed in range(3):
            draw, use, _, days = draw_site_parameters(stratum, seed, days=stratum.quick_days)
            place = draw_place(replace(draw, ring_m=30.0))
            room = sum(b - a for a, b in place.spans)

            assert room > 14.0 * max(use.level(d) for d in days) * 0.9
            assert FACILITY not in [s.id for s in place.sidings]
