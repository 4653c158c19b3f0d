"""The facility's row: the sum of its units, and when there is none."""

from __future__ import annotations

import datetime as dt

import numpy as np

from railwatch.count import QUANTILE_LEVELS, Refusal, ResolutionClass
from railwatch.detector.tally import Heading, UnitNumbers, rows
from railwatch.scene import Scene

SCENE = Scene(
    "scene",
    "sentinel-2-l2a",
    dt.datetime(2023, 10, 5, 2, tzinfo=dt.UTC),
    "sentinel-2a",
    10.0,
    ("blue",),
)
HEADING = Heading("yard", SCENE, ResolutionClass.C, "set", "detector", 1.0, None)
THREE = np.full(len(QUANTILE_LEVELS), 3.0)


def _unit(name: str, metres: float, refusal: Refusal | None = None) -> UnitNumbers:
    return UnitNumbers(name, THREE, 14.0 * THREE, metres, metres, refusal=refusal)


def test_the_facility_is_the_sum_of_its_units() -> None:
    facility = rows(HEADING, [_unit("a", 600.0), _unit("b", 400.0)])[0]
    assert (facility.cars, facility.visible_m) == (6.0, 1000.0)


def test_a_yard_of_which_a_third_is_under_cloud_has_no_number() -> None:
    """What stands under the cloud may be more than all the rest."""
    facility, seen, hidden = rows(HEADING, [_unit("a", 600.0), _unit("b", 400.0, Refusal.CLOUD)])
    assert (facility.cars, facility.refusal) == (None, Refusal.CLOUD)
    assert (seen.cars, seen.refusal) == (3.0, None)
    assert (hidden.cars, hidden.refusal) == (None, Refusal.CLOUD)


def test_a_short_track_under_cloud_leaves_the_facility_its_number() -> None:
    facility = rows(HEADING, [_unit("a", 900.0), _unit("b", 100.0, Refusal.CLOUD)])[0]
    assert (facility.cars, facility.visible_m, facility.total_m) == (3.0, 900.0, 1000.0)


def test_tracks_under_a_roof_are_never_part_of_the_sum() -> None:
    facility = rows(HEADING, [_unit("a", 300.0), _unit("b", 700.0, Refusal.INVISIBLE)])[0]
    assert (facility.cars, facility.refusal) == (3.0, None)
