"""Stretches of track as sets of points, and what is seen of them on a day."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwatch.siding import HiddenStretch, Siding
from railwatch.stretch import Stretches, existing_stretches, visible_stretches

LINE = ((130.60, 42.42), (130.61, 42.42))
EDGES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=6)
CELLS = np.arange(20) + 0.5


@given(EDGES, EDGES)
def test_agree_with_sets_of_cells(some, others):
    """Union, difference and length agree with counting unit cells one by one."""
    a, b = Stretches.union(some), Stretches.union(others)

    in_a = {c for c in CELLS if any(low < c < high for low, high in some)}
    in_b = {c for c in CELLS if any(low < c < high for low, high in others)}
    assert set(CELLS[a.contains(CELLS)]) == in_a
    assert set(CELLS[a.minus(b).contains(CELLS)]) == in_a - in_b
    assert a.minus(b).length_m == len(in_a - in_b)


def test_short_pieces_can_be_left_out():
    """Pieces too short for a car are no place to stand."""
    pieces = Stretches(((0.0, 10.0), (20.0, 60.0)))

    assert pieces.longer_than(13.0) == Stretches(((20.0, 60.0),))


def test_refuses_overlap():
    """Stretches are disjoint and in order."""
    with pytest.raises(ValueError, match="disjoint"):
        Stretches(((0.0, 10.0), (5.0, 20.0)))


def test_a_canopy_hides_from_the_day_it_stands():
    """Before its first day and after its last a hidden stretch is seen."""
    canopy = HiddenStretch(100.0, 448.0, dt.date(2024, 12, 1), dt.date(2025, 5, 1))
    siding = Siding("a", LINE, hidden=(canopy,))
    usable = Stretches(((50.0, 700.0),))

    seen = [
        visible_stretches(siding, usable, day).length_m
        for day in (dt.date(2024, 11, 30), dt.date(2024, 12, 1), dt.date(2025, 5, 2))
    ]

    assert seen == [650.0, 302.0, 650.0]


def test_a_roofed_track_counts_in_total_only():
    """An invisible siding has length and nothing seen."""
    siding = Siding("a", LINE, visible=False)
    usable = Stretches(((50.0, 700.0),))
    day = dt.date(2024, 1, 1)

    assert existing_stretches(siding, usable, day).length_m == 650.0
    assert visible_stretches(siding, usable, day).length_m == 0.0


def test_a_lifted_track_has_no_length():
    """After its last day a siding neither holds nor shows cars."""
    siding = Siding("a", LINE, valid_to=dt.date(2020, 1, 1))
    usable = Stretches(((50.0, 700.0),))

    assert existing_stretches(siding, usable, dt.date(2020, 1, 1)).length_m == 650.0
    assert existing_stretches(siding, usable, dt.date(2020, 1, 2)) == Stretches()
    assert visible_stretches(siding, usable, dt.date(2020, 1, 2)) == Stretches()
