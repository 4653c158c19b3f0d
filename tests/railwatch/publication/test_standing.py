"""How the latest counts compare is said whether or not a record is called."""

import dataclasses
import datetime as dt
import math
import statistics

import pytest

from railwatch.count import FACILITY, QUANTILE_LEVELS, ResolutionClass
from railwatch.publication.standing import standings
from railwatch.series import RecordStatus
from railwatch.testing.five_years import FiveYears, place


@pytest.fixture(scope="module")
def row():
    """A facility row at 10 m to make others from."""
    counts = FiveYears(place(), 6).counts
    return next(c for c in counts if c.siding_id == FACILITY and c.refusal is None)


def on(row, day, cars, spread=1e-3):
    """The row on another day, with so many cars give or take a normal spread."""
    normal = statistics.NormalDist(cars, spread)
    return dataclasses.replace(
        row,
        scene_id=f"scene-{day}",
        acquired=dt.datetime(2023, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=day),
        cars=float(cars),
        cars_low=cars - 1.645 * spread,
        cars_high=cars + 1.645 * spread,
        quantiles=tuple(normal.inv_cdf(level) for level in QUANTILE_LEVELS),
    )


def test_names_what_may_have_been_as_high(row):
    """Of 10, 40 and 40 certain cars the earlier 40 was surely at least as high as the last."""
    (standing,) = standings([on(row, 0, 10), on(row, 10, 40), on(row, 100, 40)])

    assert [rival.count.scene_id for rival in standing.rivals] == ["scene-10", "scene-0"]
    assert standing.rivals[0].probability == pytest.approx(1.0)
    assert standing.rivals[1].probability == pytest.approx(0.0)
    assert standing.title == "Not a record."
    assert "11 January 2023 (40 railcars" in standing.sentence


def test_the_probability_of_a_rival_is_that_of_two_normals(row):
    """40 and 43 cars, both give or take 5: P(40 >= 43) = Phi((-3 + 1/2) / (5 sqrt 2))."""
    (standing,) = standings([on(row, 0, 40, 5.0), on(row, 200, 43, 5.0)])
    expected = 0.5 * (1 + math.erf((-3 + 0.5) / (5 * math.sqrt(2)) / math.sqrt(2)))

    assert standing.rivals[0].probability == pytest.approx(expected, abs=0.01)
    assert standing.title == "Not called a record."
    assert "(40 railcars, 32–48; P\N{NO-BREAK SPACE}= .3" in standing.sentence


def test_a_shut_gate_is_named(row):
    """High above two others is no record, because two are not a history."""
    (standing,) = standings([on(row, 0, 3), on(row, 10, 4), on(row, 20, 60)])

    assert standing.record.status is RecordStatus.WITHHELD
    assert "fewer than 20 comparable observations" in standing.sentence


def test_a_record_says_what_it_stands_above(row):
    """Thirty quiet days and one with sixty cars."""
    quiet = [on(row, 10 * i, 3 + i % 3) for i in range(30)]
    (standing,) = standings([*quiet, on(row, 300, 60)])

    assert standing.title == "Record by this scene alone."
    assert "above all 30 comparable counts since 1 January 2023" in standing.sentence


def test_classes_are_compared_apart(row):
    """One sharp scene among coarse ones has nothing to be compared with."""
    sharp = dataclasses.replace(on(row, 20, 60), resolution_class=ResolutionClass.A, gsd_m=0.5)
    found = standings([on(row, 0, 3), on(row, 10, 4), sharp])

    assert [standing.count.scene_id for standing in found] == ["scene-20", "scene-10"]
    assert found[0].title == "Nothing to compare with yet."
