"""How far a scene lies off along its tracks, from where tracks end."""

import numpy as np
import pytest

from railwatch.detector.segmented_ends import MOVES_M, Ends, along

LENGTH_M = 300.0
PRIOR = -0.5 * (MOVES_M / 3.5) ** 2
CHAINAGE = np.arange(-30.0 + 0.125, LENGTH_M + 30.0, 0.25)


def ends(begins_m, finishes_m, *, lag_m=0.0, ahead=True):
    """A siding on which track shows from `begins_m` to `finishes_m`, fading over 8 m a side."""
    begin = (CHAINAGE - begins_m - lag_m) / 4.0
    finish = (finishes_m - lag_m - CHAINAGE) / 4.0
    return Ends.of(CHAINAGE, LENGTH_M, -3.0 * np.tanh(np.minimum(begin, finish)), ahead=ahead)


@pytest.mark.parametrize("lag_m", [-6.0, 0.0, 8.0])
def test_both_ends_tell_the_move_however_late_they_show(lag_m):
    """A scene moved 5 m forward, its tracks seen to begin late, early or where they do."""
    move, sigma = along([ends(5.0, LENGTH_M + 5.0, lag_m=lag_m)] * 4, PRIOR)

    assert move == pytest.approx(5.0, abs=0.8)
    assert sigma < 1.5


def test_a_siding_drawn_in_reverse_votes_alike():
    """Drawn the other way its chainages mirror, and `ahead` says so."""
    drawn = ends(4.0, LENGTH_M + 4.0)
    reverse = ends(-4.0, LENGTH_M - 4.0, ahead=False)

    assert along([reverse] * 4, PRIOR) == pytest.approx(along([drawn] * 4, PRIOR), abs=0.2)


def test_where_no_end_shows_the_likeliest_shift_is_none():
    """2 m found so far in that direction are taken back, and the error is that of any scene."""
    blank = Ends.of(CHAINAGE, LENGTH_M, np.full(len(CHAINAGE), np.nan), ahead=True)

    move, sigma = along([blank], -0.5 * ((MOVES_M + 2.0) / 3.5) ** 2)

    assert move == pytest.approx(-2.0, abs=0.1)
    assert sigma == pytest.approx(3.5, abs=0.3)
