"""What of a scene is fit for counting: cloud, and roofs that masks take for it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from railwatch.detector.observation import Corridor, block_means, clear_pixels, wisps
from railwatch.scene import MaskClass, SceneRaster

ROWS, COLS = 100, 120
TRACK_ROW = 50


@pytest.fixture
def corridor() -> Corridor:
    """Pixels of 10 m with one track along row 50, from edge to edge."""
    apart = np.abs(np.arange(ROWS) - TRACK_ROW)[:, None] * np.ones((1, COLS))
    away = apart > 4
    return Corridor(apart <= 1, away, away & (apart < 20), 10.0)


def _raster(*patches: tuple[int, int, int]) -> SceneRaster:
    """Mask squares as cloud: first row, first column, side."""
    mask = np.full((ROWS, COLS), int(MaskClass.CLEAR), dtype=np.uint8)
    for row, col, side in patches:
        mask[row : row + side, col : col + side] = MaskClass.CLOUD
    return SceneRaster(("blue",), np.full((1, ROWS, COLS), 900, dtype=np.uint16), mask)


def _hidden(clear: npt.NDArray[np.bool_]) -> int:
    """Count pixels of the track that are not clear."""
    return int((~clear[TRACK_ROW]).sum())


def test_roofs_taken_for_cloud_hide_themselves_and_a_pixel_more(corridor: Corridor) -> None:
    """A row of halls 30 m beside the track leaves it clear, and none of the halls is measured."""
    halls = [(TRACK_ROW - 5, col, 3) for col in range(5, 110, 10)]
    clear = clear_pixels(_raster(*halls), corridor)
    assert _hidden(clear) == 0
    # 1.5 pixels of margin, rounded to two: a ring of straight neighbours two deep.
    assert not clear[TRACK_ROW - 7 : TRACK_ROW - 2, 5:8].any()
    assert clear[TRACK_ROW - 8, 6]


def test_cloud_keeps_its_margin(corridor: Corridor) -> None:
    """A cloud of 4 ha, 40 m from the track, hides the track beside it: rows 26-45 and 50 m more."""
    clear = clear_pixels(_raster((26, 40, 20)), corridor)
    # Row 50 lies five rows below row 45: exactly 50 m from the 20 columns of the cloud.
    assert _hidden(clear) == 20


def test_small_fringes_of_a_cloud_keep_the_whole_margin(corridor: Corridor) -> None:
    """The same patch counts as cloud 150 m from a large one, and as a roof far from all."""
    patch = (TRACK_ROW - 5, 60, 3)
    beside = clear_pixels(_raster(patch, (20, 75, 12)), corridor)
    alone = clear_pixels(_raster(patch, (0, 0, 12)), corridor)
    # Bottom row 47 lies 30 m above the track: sqrt(50^2 - 30^2) = 40 m to either side of three.
    assert _hidden(beside) == 4 + 3 + 4
    assert _hidden(alone) == 0


def _rise(corridor: Corridor, *patches: tuple[slice, slice, float]) -> npt.NDArray[np.float32]:
    """Land that rose by these, (y, x), unknown on the tracks."""
    rise = np.random.default_rng(3).normal(0.0, 0.003, (ROWS, COLS)).astype(np.float32)
    for rows, cols, by in patches:
        rise[rows, cols] += by
    rise[~corridor.outside] = np.nan
    return rise


def test_a_wisp_that_the_mask_misses_hides_the_track_below(corridor: Corridor) -> None:
    """Thin cloud 300 m wide across the track hides 30 pixels of it, one block more or less."""
    hidden = wisps(_rise(corridor, (slice(20, 80), slice(40, 70), 0.03)), corridor)
    assert hidden[TRACK_ROW, 44:66].all()
    assert not hidden[TRACK_ROW, :36].any()
    assert not hidden[TRACK_ROW, 74:].any()


def test_a_new_hall_beside_the_track_is_no_wisp(corridor: Corridor) -> None:
    """A blue roof of 80 by 50 m, far brighter than any wisp, hides nothing."""
    hall = (slice(TRACK_ROW + 6, TRACK_ROW + 11), slice(40, 48), 0.15)
    assert not wisps(_rise(corridor, hall), corridor).any()


def test_haze_all_over_is_no_wisp(corridor: Corridor) -> None:
    """What lies over all land alike is the scene's own light."""
    assert not wisps(_rise(corridor, (slice(None), slice(None), 0.05)), corridor).any()


def test_blocks_are_means_of_what_is_known() -> None:
    """Of three rows and five columns in blocks of two; a block without a value is unknown."""
    nan = np.nan
    values = np.array([[1, 3, nan, nan, 5], [5, nan, nan, nan, 7], [2, 4, 6, 8, 9]], np.float32)
    np.testing.assert_allclose(block_means(values, 2), [[3.0, nan, 6.0], [3.0, 7.0, 9.0]])
