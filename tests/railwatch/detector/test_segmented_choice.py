"""Of two shifts that profiles cannot tell apart, the one under which tracks are seen is taken."""

import datetime as dt

import numpy as np
import pyproj
import pytest

from railwatch.detector import segmented_evidence as evidence
from railwatch.detector import segmented_snap as snapping
from railwatch.detector.segmented_choice import choose
from railwatch.detector.segmented_sight import Sight
from railwatch.grid import Grid
from railwatch.siding import Siding

EAST, NORTH, LENGTH_M = 632_000.0, 4_697_000.0, 240.0
GRID = Grid(32652, 0.5, EAST - 50.0, NORTH + 50.0, (200, 700))


@pytest.fixture
def sight():
    """A siding of 240 m from west to east."""
    back = pyproj.Transformer.from_crs(32652, 4326, always_xy=True)
    ends = [back.transform(EAST + s, NORTH) for s in (0.0, LENGTH_M)]
    return Sight.of(Siding("a", tuple(ends)), GRID, None, dt.date(2024, 1, 1))


def profiled(sight, *peaks):
    """Chunks whose profiles show something at each (offset, log evidence)."""
    cells = len(sight.chainage_m)
    at = sight.chainage_m[snapping.chunk_middles(cells)]
    points = np.column_stack(sight.track.xy(at, 0.0))
    score = np.full((len(at), len(snapping.OFFSETS_M)), -3.9)
    for offset, high in peaks:
        score[:, np.abs(snapping.OFFSETS_M - offset) < 0.3] = high
    normals = np.tile([0.0, 1.0], (len(at), 1))
    return snapping.Chunks(points, normals, score, np.zeros_like(score))


def track_at(*places):
    """A judge to whom a track lies `places` metres left of the siding as drawn, none elsewhere."""

    def judge(_sight, offset_m, _shift, _cells):
        there = np.min([np.abs(offset_m - place) for place in places], axis=0) < 1.0
        cover = np.full((4, len(offset_m)), 0.001)
        cover[np.where(there, evidence.EMPTY, evidence.NONE), np.arange(len(offset_m))] = 0.997
        return evidence.Evidence(np.log(cover), np.zeros((10, len(offset_m))))

    return judge


def test_the_place_where_a_track_is_seen_beats_a_better_profile(sight):
    """Profiles prefer dirt 2.5 m south; a track is seen 2.5 m north."""
    chunks = [profiled(sight, (-2.5, -0.1), (2.5, -0.4))]

    best, other = choose([sight], chunks, track_at(2.5))

    assert best.dy_m == pytest.approx(2.5, abs=0.5)
    assert best.confidence > 0.95
    assert other.dy_m == pytest.approx(-2.5, abs=0.5)


def test_two_places_where_tracks_are_seen_leave_doubt(sight):
    """Tracks to either side, one siding: nothing tells which one it is."""
    chunks = [profiled(sight, (-2.5, -0.2), (2.5, -0.2))]

    found = choose([sight], chunks, track_at(-2.5, 2.5))

    assert len(found) == 2
    assert 0.3 < found[0].confidence < 0.7


def test_a_track_no_profile_shows_is_looked_for(sight):
    """Profiles show dirt only; the track lies 6 m north of where it is drawn."""
    chunks = [profiled(sight, (-2.5, -0.2), (0.0, -0.4))]

    best = choose([sight], chunks, track_at(6.0))[0]

    assert best.dy_m == pytest.approx(6.0, abs=0.6)
