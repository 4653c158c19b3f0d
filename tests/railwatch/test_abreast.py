"""Tracks abreast, against a plain search over points."""

import numpy as np
import pytest

from railwatch.abreast import beside
from railwatch.track import Track

STRAIGHT = Track("a", np.array([[0.0, 0.0], [300.0, 0.0]]))
OBLIQUE = Track("b", np.array([[250.0, 30.0], [50.0, 10.0], [20.0, 40.0]]))


def test_offsets_are_distances_to_the_nearest_point():
    """Distance, side and place on the other track agree with trying every centimetre of it."""
    (there, _) = beside([STRAIGHT, OBLIQUE], reach_m=25.0, step_m=10.0)
    every = np.arange(0, OBLIQUE.length_m, 0.01)
    x, y = OBLIQUE.xy(every, 0.0)

    distances = [np.hypot(x - s, y).min() for s in there.chainage]
    nearest = [every[np.hypot(x - s, y).argmin()] for s in there.chainage]

    np.testing.assert_allclose(there.offset, distances, atol=0.01)
    np.testing.assert_allclose(there.other_chainage, nearest, atol=0.02)
    assert there.offset.max() <= 25.0


def test_the_way_back_has_the_other_sign():
    """The oblique track runs west, so the straight one lies to its left as well."""
    there, back = beside([STRAIGHT, OBLIQUE], reach_m=25.0, step_m=10.0)

    assert (there.track, there.other, back.track, back.other) == (0, 1, 1, 0)
    assert (there.offset > 0).all()
    assert (back.offset > 0).all()


def test_alignment_is_the_cosine_between_the_tracks():
    """Twenty metres up in two hundred across is a slope of 0.1."""
    (there, _) = beside([STRAIGHT, OBLIQUE], reach_m=25.0, step_m=10.0)
    middle = (there.chainage > 80) & (there.chainage < 180)

    np.testing.assert_allclose(there.aligned[middle], 1 / np.hypot(1, 0.1), atol=1e-6)


def test_runs_part_at_gaps():
    """A run ends where the next sample is farther than the gap."""
    (there, _) = beside([STRAIGHT, OBLIQUE], reach_m=25.0, step_m=10.0)
    kept = there.only((there.chainage < 90) | (there.chainage > 140))

    lengths = [len(kept.chainage[run]) for run in kept.runs(gap_m=15.0)]

    assert lengths == [int(np.sum(kept.chainage < 90)), int(np.sum(kept.chainage > 140))]


@pytest.mark.parametrize("tracks", [[], [STRAIGHT]])
def test_nothing_beside_nobody(tracks):
    """No tracks, or one alone, give an empty table."""
    assert beside(tracks, reach_m=25.0, step_m=10.0) == []
