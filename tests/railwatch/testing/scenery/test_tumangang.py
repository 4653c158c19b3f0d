"""The published story: what the demo renders is what was reported (method.md 4.2)."""

import datetime as dt
import itertools
from pathlib import Path

import pytest

from railwatch.area import load_area
from railwatch.siding import SidingKind
from railwatch.testing.scenery.tumangang import (
    DECAMETRE,
    HALF_METRE,
    LAST,
    MOST_BEFORE,
    QUIET_UNTIL,
    REPORTED,
    published_story,
    story_scenes,
    tumangang,
)

AREA = Path(__file__).parents[4] / "infra" / "areas" / "tumangang.yaml"


@pytest.fixture(scope="module")
def story():
    place = tumangang(load_area(AREA).sidings)
    return place, published_story(place)


def standing(story, day):
    place, traffic = story
    here = traffic.at(dt.datetime.combine(day, dt.time(2, 12), dt.UTC))
    sidings = list(place.sidings)
    return sum(
        len(s.consist.vehicles) for s in here if sidings[s.track].kind is not SidingKind.MAIN
    )


def test_at_most_twenty_cars_in_five_years(story):
    """No day before the rise holds more than Beyond Parallel's maximum, and it is not idle."""
    counts = [
        standing(story, dt.date(2018, 10, 5) + dt.timedelta(days=k))
        for k in range((QUIET_UNTIL - dt.date(2018, 10, 5)).days + 1)
    ]

    assert max(counts) <= MOST_BEFORE
    assert sum(counts) / len(counts) > 2.0


def test_the_yard_is_empty_on_14_september_and_holds_73_on_5_october(story):
    """Empty, then a steady rise: 500 m of rows by 24 September, 73 cars at the end."""
    rise = [standing(story, dt.date(2023, 9, d)) for d in range(14, 31)]

    assert rise[0] == 0
    assert rise == sorted(rise)
    assert 36 <= standing(story, dt.date(2023, 9, 24)) <= 40
    assert standing(story, LAST) == 73


def test_reported_trains_stand_on_their_days(story):
    """Every train of a press report is there on its day."""
    for report in REPORTED:
        assert standing(story, report.day) >= sum(report.cars)


def test_no_two_consists_share_track(story):
    """On every fifth day, consists on one track stand apart."""
    place, traffic = story
    for number in range(0, 1826, 5):
        when = dt.datetime(2018, 10, 5, 2, tzinfo=dt.UTC) + dt.timedelta(days=number)
        for track in range(len(place.tracks)):
            ends = sorted(
                (s.consist.from_m, s.consist.from_m + s.consist.length_m)
                for s in traffic.at(when)
                if s.track == track and not s.speed_m_s
            )
            assert all(a[1] < b[0] for a, b in itertools.pairwise(ends))


def test_scenes_span_the_story_and_end_in_the_clear():
    """Five years of passes, the last on 5 October 2023 without cloud, and three sharp days."""
    scenes = story_scenes()
    wide, sharp = scenes[DECAMETRE], scenes[HALF_METRE]

    assert len(wide) > 280
    assert wide[0].acquired.date() <= dt.date(2018, 10, 15)
    assert wide[-1].acquired.date() == LAST == sharp[-1].acquired.date()
    assert wide[-1].cloud == wide[-1].thin_cloud == 0.0
    assert len(sharp) == 3
