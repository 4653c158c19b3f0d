"""What is worth telling somebody."""

import datetime as dt

from flows import happening
from flows.happening import ALWAYS_CLOUDY, RECORD_CONFIRMED, Published, cloudy

START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def rows(refused, counted_first=True, days_apart=7):
    """One counted scene, then so many refused ones."""
    said = [(None, 100.0)] if counted_first else []
    said += [("cloud", None)] * refused
    return [
        {
            "siding_id": "*",
            "scene_id": f"s{n}",
            "acquired": START + dt.timedelta(days=n * days_apart),
            "refusal": refusal,
            "occupied_m": metres,
        }
        for n, (refusal, metres) in enumerate(said)
    ]


def test_eight_refusals_over_45_days_are_news():
    """Seven weeks of clouds: yes; seven scenes, or eight within a month: no."""
    assert cloudy(rows(8)) == "no count from 8 scenes in a row since 2024-01-08: cloud"
    assert cloudy(rows(7)) is None
    assert cloudy(rows(8, days_apart=4)) is None


def test_one_count_ends_the_streak():
    """Only the newest scenes in a row matter."""
    ended = [*rows(8), {**rows(0)[0], "acquired": START + dt.timedelta(days=90)}]

    assert cloudy(ended) is None


def test_only_what_is_new_is_told(monkeypatch):
    """A record told before is not told again; a streak is told when it becomes one."""
    told = []
    monkeypatch.setattr(happening, "_emit", lambda *said: told.append(said))
    before = Published({"a": "first record"}, None)
    after = Published({"a": "first record", "b": "second record"}, "cloudy since May")

    after.tell_from(before, "yard")
    after.tell_from(after, "yard")

    assert told == [
        (RECORD_CONFIRMED, "yard", "second record"),
        (ALWAYS_CLOUDY, "yard", "cloudy since May"),
    ]
