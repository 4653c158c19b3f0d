"""Sidings and their digest."""

import datetime as dt

from railwatch.siding import Siding, SidingSet


def test_digest_follows_geometry_and_not_names():
    """Renaming a siding keeps the set's digest; moving it, hiding it or ending it changes it."""
    line = ((130.6, 42.4), (130.61, 42.4))
    plain = SidingSet((Siding("a", line),))
    named = SidingSet((Siding("a", line, name="Track 1"),))
    moved = SidingSet((Siding("a", (line[0], (130.6100001, 42.4))),))
    hidden = SidingSet((Siding("a", line, visible=False),))
    ended = SidingSet((Siding("a", line, valid_to=dt.date(2024, 1, 1)),))

    assert named.digest == plain.digest
    assert len({s.digest for s in (plain, moved, hidden, ended)}) == 4


def test_utm_zone_of_tumangang():
    """Longitude 130.6 E lies in zone 52 north."""
    sidings = SidingSet((Siding("a", ((130.60, 42.42), (130.61, 42.42))),))

    assert sidings.utm.to_epsg() == 32652
