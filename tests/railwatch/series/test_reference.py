import dataclasses
import datetime as dt

import pytest

from railwatch.errors import IntegrityError, OperatorError
from railwatch.series.reference import (
    Reference,
    add_reference,
    in_force,
    read_references,
)
from railwatch.store import Store

GIVEN = Reference("tumangang", dt.date(2023, 10, 5), 73, "B. Analyst", "PSScene 20231005")
NOON = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def store(tmp_path):
    return Store.open(str(tmp_path))


class TestReference:
    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"cars": -1.0}, "count"),
            ({"cars": float("nan")}, "count"),
            ({"area_id": "Tuman/gang"}, "area"),
            ({"who": " "}, "who"),
            ({"source": "two\nlines"}, "source"),
            ({"siding_id": ""}, "siding"),
            ({"date": dt.date(1950, 1, 1)}, "date"),
        ],
        ids=str,
    )
    def test_refuses_by_field(self, change, field):
        """The error names the field that is wrong."""
        with pytest.raises(OperatorError, match=f"^reference: {field}: "):
            dataclasses.replace(GIVEN, **change)


class TestStore:
    def test_comes_back(self, store):
        """What was added is read back, with the time of adding."""
        add_reference(store, GIVEN, NOON)
        (kept,) = read_references(store, "tumangang")

        assert (kept, kept.recorded_at) == (GIVEN, NOON)

    def test_twice_is_once(self, store):
        """Adding the same again changes nothing and says so."""
        first = add_reference(store, GIVEN, NOON)
        second = add_reference(store, GIVEN, NOON + dt.timedelta(days=1))

        assert (first, second) == (True, False)
        assert len(read_references(store, "tumangang")) == 1

    def test_areas_are_apart(self, store):
        """An area whose name begins like another's keeps its own references."""
        add_reference(store, dataclasses.replace(GIVEN, area_id="tumangang-north"), NOON)

        assert read_references(store, "tumangang") == []

    def test_later_correction_holds(self, store):
        """The same person's later count of the same day and place replaces the earlier one."""
        corrected = dataclasses.replace(GIVEN, cars=71)
        other = dataclasses.replace(GIVEN, who="C. Analyst")
        for minute, reference in enumerate([GIVEN, other, corrected]):
            add_reference(store, reference, NOON + dt.timedelta(minutes=minute))
        kept = read_references(store, "tumangang")

        assert len(kept) == 3
        assert in_force(kept) == [corrected, other]

    def test_future_is_refused(self, store):
        """Nobody has counted tomorrow's cars."""
        with pytest.raises(OperatorError, match=r"reference: date: .* future"):
            add_reference(store, GIVEN, dt.datetime(2023, 10, 4, tzinfo=dt.UTC))

    @pytest.mark.parametrize("replaced", [(b"73", b"37"), (b'"cars"', b'"cas"'), (b"{", b"")])
    def test_tampering_shows(self, store, replaced):
        """An object that is no longer what its name says is not used."""
        add_reference(store, GIVEN, NOON)
        (key,) = store.list("areas-config/tumangang/references")
        store.put(key, store.get(key).replace(*replaced, 1))

        with pytest.raises(IntegrityError, match="areas-config/tumangang/references/2023-10-05"):
            read_references(store, "tumangang")
