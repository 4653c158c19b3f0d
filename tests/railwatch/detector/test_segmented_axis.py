"""Profiles across the track, summed up along it."""

import numpy as np
import pytest

from railwatch.detector import segmented_axis as axes


def test_profiles_sum_up_what_lies_along_a_row():
    """Brightness 1 and 3 in turn along one row: mean 2, spread 1, least 1, most 3."""
    wide = np.zeros((3, 9, axes.CHUNK_CELLS), np.float32)
    wide[0, 4, 0::2], wide[0, 4, 1::2] = 1.0, 3.0
    wide[1, 4] = 0.5

    mean, first, _, spread, least, most, across, along, seen = axes.profiles(wide)[0, 4]

    assert (mean, first, spread, least, most, seen) == pytest.approx((2.0, 0.5, 1.0, 1.0, 3.0, 1.0))
    assert (across, along) == pytest.approx((0.0, 0.0))
    # Beside it brightness changes by the row's mean of 2 over the two cells around.
    assert axes.profiles(wide)[0, 3, 6] == pytest.approx(2.0)


def test_what_was_not_seen_counts_as_the_median():
    """Half a row missing: its mean falls to half, and so does the share that was seen."""
    wide = np.ones((3, 9, axes.CHUNK_CELLS), np.float32)
    wide[:, 4, : axes.CHUNK_CELLS // 2] = np.nan

    profile = axes.profiles(wide)[0, 4]

    assert (profile[0], profile[-1]) == (0.5, 0.5)


def test_a_short_last_chunk_is_summed_by_its_own_length():
    """A strip of one and a half chunks of ones has means of one in both."""
    wide = np.ones((3, 5, axes.CHUNK_CELLS * 3 // 2), np.float32)

    assert axes.profiles(wide)[:, 2, 0] == pytest.approx([1.0, 1.0])
