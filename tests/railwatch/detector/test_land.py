"""The land beside a block: veils are told from crops, and taken off track and land alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from railwatch.detector.land import (
    LEAK_SD,
    grass_reach,
    habit_of,
    learnt_leak,
    spread_over,
    veil_of,
)

LOOK = np.array([0.06, 0.08, 0.08, 0.22])
"""Land: blue, green, red, near infrared."""
BANDS = ("blue", "green", "red", "nir")
STEP_M = 5.0
CELLS = 160
SEEN = np.ones((2, CELLS), dtype=np.bool_)


def _fields(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Draw a date's crops: fields of 150 m that gain green leaves or lose them, and noise."""
    growth = np.repeat(rng.normal(0.0, 1.0, (2, 6)), 30, axis=1)[:, :CELLS]
    leaves = np.array([-0.006, -0.004, -0.015, 0.05])
    return leaves[:, None, None] * growth + rng.normal(0.0, 0.002, (4, 2, CELLS))


def _wisp(most: float) -> npt.NDArray[np.float64]:
    """Give a wisp's opacity: 300 m long in the middle of the block, the same on both sides."""
    along = STEP_M * (np.arange(CELLS) - CELLS / 2)
    return np.tile(most * np.exp(-0.5 * (along / 120.0) ** 2), (2, 1))


@pytest.fixture(scope="module")
def dates() -> npt.NDArray[np.float64]:
    """Forty dates without a veil."""
    rng = np.random.default_rng(5)
    return np.stack([_fields(rng) for _ in range(40)])


def test_a_wisp_over_changing_fields_is_measured(dates: npt.NDArray[np.float64]) -> None:
    """A veil of a tenth, grey at .33, is found to a fifth, though it pulls towards another grey."""
    habit = habit_of(dates, np.ones((40, 2, CELLS), dtype=np.bool_), LOOK, BANDS, STEP_M)
    opacity = _wisp(0.1)
    veiled = _fields(np.random.default_rng(6)) + opacity * (0.33 - LOOK[:, None, None])
    found = veil_of(veiled, SEEN, LOOK, habit, STEP_M)
    brightened = found * (0.4 - LOOK[0])
    true = opacity * (0.33 - LOOK[0])
    assert float(np.max(np.abs(brightened - true))) < 0.2 * float(np.max(true))


def test_fields_make_no_veil(dates: npt.NDArray[np.float64]) -> None:
    """On dates of crops alone the opacity found is below one in a hundred, and mostly none."""
    habit = habit_of(dates, np.ones((40, 2, CELLS), dtype=np.bool_), LOOK, BANDS, STEP_M)
    rng = np.random.default_rng(7)
    found = [veil_of(_fields(rng), SEEN, LOOK, habit, STEP_M) for _ in range(20)]
    assert max(float(np.abs(one).max()) for one in found) < 0.01
    assert sum(not one.any() for one in found) >= 12


def test_dates_under_a_veil_do_not_teach_that_veils_are_usual(
    dates: npt.NDArray[np.float64],
) -> None:
    """With one date in ten veiled the habit stays that of the others."""
    stained = dates.copy()
    stained[::10] += _wisp(0.12) * (0.33 - LOOK[:, None, None])
    seen = np.ones((40, 2, CELLS), dtype=np.bool_)
    habit = habit_of(stained, seen, LOOK, BANDS, STEP_M)
    veiled = _fields(np.random.default_rng(8)) + _wisp(0.1) * (0.33 - LOOK[:, None, None])
    found = veil_of(veiled, SEEN, LOOK, habit, STEP_M)
    most = float(np.max(found)) * float(0.4 - LOOK[0])
    assert most == pytest.approx(0.1 * float(0.33 - LOOK[0]), rel=0.3)


def test_a_side_that_was_not_seen_is_filled_by_the_other(
    dates: npt.NDArray[np.float64],
) -> None:
    """Where the land on the right is hidden, the left tells of the veil."""
    habit = habit_of(dates, np.ones((40, 2, CELLS), dtype=np.bool_), LOOK, BANDS, STEP_M)
    veiled = _fields(np.random.default_rng(9)) + _wisp(0.1) * (0.33 - LOOK[:, None, None])
    half = SEEN.copy()
    half[1] = False
    veiled[:, 1] = 0.0
    found = veil_of(veiled, half, LOOK, habit, STEP_M)
    np.testing.assert_allclose(found[1], found[0])
    assert float(np.max(found)) > 0.06


@pytest.mark.parametrize("leaves", [(0.027, 0.066, 0.0315, 0.36), (0.033, 0.054, 0.0385, 0.44)])
def test_a_summer_that_no_date_showed_makes_no_veil(
    dates: npt.NDArray[np.float64], leaves: tuple[float, ...]
) -> None:
    """Fields of 450 m turn half green, others less green, as on no date learnt from; leaves differ.

    Of an opacity of .02 ballast of .14 would show 5e-3, half of what a train changes.
    """
    habit = habit_of(dates, np.ones((40, 2, CELLS), dtype=np.bool_), LOOK, BANDS, STEP_M)
    summer = _fields(np.random.default_rng(10))
    gained = 0.5 * (np.array(leaves) - LOOK)
    summer[:, :, :90] += gained[:, None, None]
    summer[:, 0, 100:] -= 0.5 * gained[:, None]
    found = veil_of(summer, SEEN, LOOK, habit, STEP_M)
    assert float(found.min()) == 0.0
    assert float(found.max()) < 0.02


def test_too_little_land_believes_in_no_veil() -> None:
    """Without land to learn from nothing is taken off."""
    seen = np.zeros((3, 2, CELLS), dtype=np.bool_)
    habit = habit_of(np.zeros((3, 4, 2, CELLS)), seen, LOOK, BANDS, STEP_M)
    assert not veil_of(np.full((4, 2, CELLS), 0.1), SEEN, LOOK, habit, STEP_M).any()


def test_opacity_between_the_sides_is_interpolated() -> None:
    """Land lies at offsets 0-1 on the right and 7-8 on the left; the middle sees the mean."""
    side = np.zeros((2, 9, 3), dtype=np.bool_)
    side[0, 7:] = True
    side[1, :2] = True
    spread = spread_over(np.array([[0.2, 0.2, 0.2], [0.0, 0.1, 0.2]]), side)
    np.testing.assert_allclose(spread[4], [0.1, 0.15, 0.2])
    np.testing.assert_allclose(spread[0], [0.0, 0.1, 0.2])
    np.testing.assert_allclose(spread[8], [0.2, 0.2, 0.2])


def test_what_leaves_lend_the_bed_is_unsure_until_dates_have_shown_it() -> None:
    """Without a date that departs the spread is the prior's; a date of summer makes it small."""
    residual = np.zeros((3, 1, 4, CELLS))
    land = np.zeros((3, 1, 2, CELLS))
    weight = np.ones((3, CELLS))
    _, before = learnt_leak(residual, land, weight, np.zeros((2, 4, CELLS)))
    np.testing.assert_allclose(before, LEAK_SD**2)
    land[1] = 0.3  # both sides alike: only their sum is told, each keeps half of its variance
    _, after = learnt_leak(residual, land, weight, np.zeros((2, 4, CELLS)))
    assert np.all(after > 0.5 * LEAK_SD**2)
    land[1, :, 0], land[2, :, 1] = 0.3, 0.3
    land[1, :, 1] = 0.0
    _, told = learnt_leak(residual, land, weight, np.zeros((2, 4, CELLS)))
    # The ridge of .01 against squares of .09: a tenth is left.
    np.testing.assert_allclose(told, LEAK_SD**2 / 10.0)


def test_grass_reaches_the_first_tracks_of_a_yard_and_not_the_last() -> None:
    """It fades by half its length's power; of a wide yard only the edge follows the land."""
    across = np.arange(21)[:, None] * np.ones((1, 3), dtype=np.int64)
    side = np.stack([across >= 19, across <= 1])
    # 45 m from either edge of the land; 20 m from the one and 70 m from the other.
    for row, left, right in ((10, 45.0, 45.0), (5, 70.0, 20.0)):
        found = grass_reach(across == row, side, STEP_M)[:, 0]
        expected = np.exp(-2.0 * (np.array([left, right]) - 18.0) / 5.0)
        np.testing.assert_allclose(found, expected)
    wide = (across >= 5) & (across <= 15)
    assert grass_reach(wide, side, STEP_M)[1, 0] < 0.3 * found[1]
