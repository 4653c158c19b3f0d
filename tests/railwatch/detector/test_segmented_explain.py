"""Explaining all sidings of a scene together."""

import numpy as np
import pytest

from railwatch.detector import segmented_evidence as evidence
from railwatch.detector import segmented_explain as explaining


def reading(odds):
    """40 m of track whose middle 13 m look like a roof by log odds `odds`, the rest bare."""
    cells = np.arange(160)
    middle = (cells >= 54) & (cells < 106)
    share = 1.0 / (1.0 + np.exp(-np.where(middle, odds, -6.0)))
    cover = np.full((evidence.COVERS, len(cells)), 1e-4)
    cover[evidence.ROOF], cover[evidence.EMPTY] = share, 1.0 - share
    return explaining.path_evidence(np.log(cover), np.ones(len(cells), dtype=np.bool_))


def counts(draws):
    return np.bincount(draws.draw, minlength=draws.number)


def test_doubtful_cars_of_a_scene_come_and_go_together():
    """Two sidings with one doubtful car each: both are more often there, or not, than by chance."""
    pairs = [explaining.explain([reading(odds)] * 2) for odds in np.arange(0.0, 6.0, 0.5)]
    first, second = min(pairs, key=lambda pair: abs(counts(pair[0]).mean() - 0.5))

    both = np.cov(counts(first), counts(second))

    assert both[0, 1] > 0.3 * np.sqrt(both[0, 0] * both[1, 1])


@pytest.mark.parametrize(("odds", "cars"), [(12.0, 1), (-6.0, 0)])
def test_plain_cars_are_there_whatever_is_doubted(odds, cars):
    """No reading of the scene takes a plain car away or adds one to bare track."""
    (draws,) = explaining.explain([reading(odds)])

    assert set(counts(draws).tolist()) == {cars}
