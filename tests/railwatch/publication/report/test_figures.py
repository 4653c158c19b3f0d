"""What the page opens with is what the counts say."""

import dataclasses
import datetime as dt

import pytest

from railwatch.count import FACILITY
from railwatch.publication.parquet import count_rows
from railwatch.publication.report.figures import answer, cards
from railwatch.testing.five_years import FiveYears, place

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def shown(content):
    rows = count_rows(content, NOW, [])
    return [row for row in rows if row["siding_id"] == FACILITY]


@pytest.fixture(scope="module")
def coarse():
    """Six scenes at 10 m."""
    return FiveYears(place(), 6).content()


def with_sharp(content, cars):
    """The series with a sharp scene twenty minutes after its last count."""
    last = [count for count in content.facility if count.refusal is None][-1]
    sharp = FiveYears(place(), 25).listed[24]
    listed = dataclasses.replace(
        sharp,
        scene=dataclasses.replace(sharp.scene, acquired=last.acquired + dt.timedelta(minutes=20)),
    )
    counted = next(
        count
        for count in FiveYears(place(), 25, seed=1).content().facility
        if count.scene_id == sharp.item_id
    )
    counted = dataclasses.replace(
        counted,
        acquired=listed.scene.acquired,
        refusal=None,
        occupied_m=700.0,
        occupied_m_low=690.0,
        occupied_m_high=710.0,
        cars=float(sum(cars) / 2),
        cars_low=float(cars[0]),
        cars_high=float(cars[1]),
    )
    return dataclasses.replace(
        content, listed=(*content.listed, listed), counts=(*content.counts, counted)
    )


def test_ten_metres_say_metres_first(coarse):
    """No car is seen at 10 m: the figure is length, the cars are an inference."""
    said = answer(coarse, shown(coarse))

    assert said["figure"].endswith("m of track occupied")
    assert said["second"].startswith("About ")
    assert "rendered imagery at 10 m" in said["quote"]


def test_the_sharpest_of_a_day_speaks_and_the_others_stand_beside(coarse):
    """The sharp scene's cars come first; that the two sensors contradict each other is said."""
    made = with_sharp(coarse, (300, 320))
    said = answer(made, shown(made))

    assert said["figure"] == "310\N{NO-BREAK SPACE}railcars"
    assert said["interval"] == "300\N{EN DASH}320"
    assert said["beside"][0].startswith("The same day at 10 m: ")
    assert said["beside"][0].endswith("do not meet: at least one of them is wrong.")


def test_a_figure_is_never_shown_for_a_place_without_counts(coarse):
    """All refused: no figure, and the cards say how often none came."""
    none = [dict(row, occupied_m=None, cars=None, refusal="cloud") for row in shown(coarse)]

    assert answer(coarse, none) is None
    assert cards(none)[-1]["figure"] == f"0 of {len(none)} counted"


def test_the_highest_says_how_many_others_reach_it():
    """Of 50, 90 and 100 m, give or take 15, one other interval reaches the highest."""
    made = [
        {
            "occupied_m": metres,
            "occupied_m_low": metres - 15.0,
            "occupied_m_high": metres + 15.0,
            "resolution_class": "C",
            "gsd_m": 10.0,
            "refusal": None,
            "acquired": NOW,
        }
        for metres in (50.0, 90.0, 100.0)
    ]

    (highest, _) = cards(made)
    assert highest["title"] == "Highest of 3 counts at 10 m"
    assert highest["interval"] == "85\N{EN DASH}115 m"
    assert highest["note"].endswith("The interval of one other reaches it.")
