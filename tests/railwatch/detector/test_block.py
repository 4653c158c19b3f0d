"""Blocks: which tracks are inferred together, and main lines beside them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyproj
import pytest

from railwatch.detector.block import blocks_of, sight_of
from railwatch.siding import Siding, SidingKind, SidingSet

DAY = dt.date(2023, 5, 1)
_TO_LON_LAT = pyproj.Transformer.from_crs(32652, 4326, always_xy=True)


def _sidings(*lines: tuple[str, SidingKind, float, float, float]) -> SidingSet:
    """Lay straight tracks to the east: id, kind, metres north, from and to metres east."""
    made = []
    for siding_id, kind, north, start, stop in lines:
        east = np.linspace(630_000.0 + start, 630_000.0 + stop, 12)
        lon, lat = _TO_LON_LAT.transform(east, np.full(12, 4_697_000.0 + north))
        points = tuple(zip(lon.tolist(), lat.tolist(), strict=True))
        made.append(Siding(siding_id, points, kind=kind))
    return SidingSet(tuple(sorted(made, key=lambda siding: siding.id)))


YARD = [(f"y{n}", SidingKind.YARD, 5.0 * n, 0.0, 600.0) for n in range(6)]


def test_a_main_line_beside_a_yard_is_carried_and_not_counted() -> None:
    """A line 7 m off the outer track has a lane where it runs beside the yard, in no unit."""
    main = ("m", SidingKind.MAIN, 32.0, -900.0, 400.0)
    (block,) = [b for b in blocks_of(_sidings(*YARD, main), 10.0) if b.group.counted]
    assert [track.id for track in block.passing] == ["m"]
    assert block.lanes[-1] == (6,)
    runs = block.member[-1] >= 0
    # From the axis' produced start to 400 m: the block itself reaches no farther than its yard.
    assert block.chainage[runs].max() == pytest.approx(400.0, abs=6.0)
    assert len(block.chainage) * block.cell_m < 700.0
    apart = np.abs(block.lane_offset[-1, runs][:, None] - block.lane_offset[:-1, runs].T)
    np.testing.assert_allclose(apart.min(axis=1), 7.0, atol=0.1)
    ((unit_id, members),) = block.units(each_siding=False)
    assert unit_id == "y0+y1+y2+y3+y4+y5"
    assert 6 not in members


def test_trains_may_pass_on_the_whole_main_line_but_stand_only_in_the_yard() -> None:
    """Cells of the main line are open to trains; lengths that may be occupied are the yard's."""
    sidings = _sidings(*YARD, ("m", SidingKind.MAIN, 32.0, 0.0, 600.0))
    (block,) = [b for b in blocks_of(sidings, 10.0) if b.group.counted]
    sight = sight_of(block, sidings, DAY)
    middle = int(np.argmin(np.abs(block.chainage - 300.0)))
    assert int(sight.allowed[middle]) == 0b1111111
    assert sum(sight.total_m[m] for m in block.own) == pytest.approx(3600.0, abs=1.0)


def test_a_distant_main_line_is_left_out() -> None:
    """At 40 m no light of it reaches the yard."""
    main = ("m", SidingKind.MAIN, 65.0, 0.0, 600.0)
    (block,) = [b for b in blocks_of(_sidings(*YARD, main), 10.0) if b.group.counted]
    assert block.passing == ()
    assert len(block.lanes) == 6


def test_a_yard_of_seven_tracks_is_cut_so_that_the_main_line_fits() -> None:
    """No block holds more lanes than can be inferred together, and each track is in one."""
    yard = [*YARD, ("y6", SidingKind.YARD, 30.0, 0.0, 600.0)]
    sidings = _sidings(*yard, ("m", SidingKind.MAIN, 37.0, 0.0, 600.0))
    blocks = [b for b in blocks_of(sidings, 10.0) if b.group.counted]
    assert sorted(m for b in blocks for m in b.own) == list(range(7))
    assert all(len(b.lanes) <= 7 for b in blocks)
    assert [len(b.passing) for b in blocks if 6 in b.own] == [1]
