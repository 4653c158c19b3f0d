"""Whole cars, coupling gaps and empty track explained from cell evidence."""

import itertools
import math

import numpy as np
import pytest

from railwatch.detector import segmented_path as path
from railwatch.detector.segmented_strip import STEP_M

FLAT = path.length_prior(np.empty(0), np.empty(0))


def evidence(length_m, cars):
    """Cells that plainly say roof inside `cars`, gap between close ones, and empty elsewhere."""
    chainage = (np.arange(round(length_m / STEP_M)) + 0.5) * STEP_M
    car = np.full(len(chainage), -1.0)
    gap = np.full(len(chainage), -1.0)
    for begin, end in cars:
        car[(chainage > begin) & (chainage < end)] = 1.0
    for (_, end), (begin, _) in itertools.pairwise(cars):
        if begin - end < 2.8:
            gap[(chainage > end) & (chainage < begin)] = 1.0
    return car, gap


@pytest.mark.parametrize(
    "cars",
    [
        [],
        [(20.0, 32.0)],
        [(20.0, 32.75), (34.0, 46.75), (48.0, 60.75)],
        [(5.0, 30.0), (30.5, 39.5), (42.0, 60.0), (75.0, 90.0)],
    ],
)
def test_plain_evidence_gives_exactly_the_cars(cars):
    """Ends fall on the cells where the evidence changes, for none, one and mixed strings."""
    begin, end = path.draw_strings(*evidence(100.0, cars), FLAT, 5).best()

    assert [(a * STEP_M, b * STEP_M) for a, b in zip(begin, end, strict=True)] == cars


def test_draws_follow_the_exact_probability():
    """On 10 m at most one car fits: its probability is a sum over all its places and lengths."""
    cells = round(10.0 / STEP_M)
    car = np.full(cells, 0.12)
    gap = np.full(cells, -5.0)
    start = STEP_M / 120.0
    shortest = path.CAR_CELLS[0]
    odds = 0.0
    for begin in range(cells):
        for end in range(begin + shortest, cells + 1):
            after = cells - end
            stay = 1.0 if after <= path.EMPTY_CELLS else (1 - start) ** (after - path.EMPTY_CELLS)
            # empty cells before, the start, the car, the uncoupling, empty cells after
            ways = (1 - start) ** begin * start * 0.15 * stay
            odds += ways * math.exp(0.12 * (end - begin)) / len(FLAT)
    expected = odds / (odds + (1 - start) ** cells)

    drawn = path.draw_strings(car, gap, FLAT, 4000)
    share = len(np.unique(drawn.draw[drawn.draw > 0])) / 3999

    assert share == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 3999))


def test_lengths_already_found_decide_where_a_gap_is_unclear():
    """Two bodies of 12.5 m are told from one of 26 m when the siding holds others of 12.5 m."""
    car = np.full(round(60.0 / STEP_M), -1.0)
    gap = np.full(len(car), -1.0)
    car[80:184] = 1.0  # 26 m of roof, with a gap in the middle that hardly shows
    car[130:134], gap[130:134] = -0.3, 0.3
    like = path.length_prior(np.full(8, 12.5), np.ones(8))

    alone = path.draw_strings(car, gap, FLAT, 2).best()
    among = path.draw_strings(car, gap, like, 2).best()

    assert len(alone[0]) == 1
    assert list(zip(*among, strict=True)) == [(80, 130), (134, 184)]


def test_equal_evidence_gives_equal_draws():
    """Draws are a pure function of their evidence."""
    car, gap = evidence(100.0, [(20.0, 32.0), (33.0, 45.0)])
    first, second = (path.draw_strings(0.05 * car, 0.05 * gap, FLAT, 50) for _ in range(2))

    assert np.array_equal(first.begin, second.begin)
    assert np.array_equal(first.draw, second.draw)
