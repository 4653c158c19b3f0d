"""What of a scene is fit for counting: cloud, and roofs that masks take for it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from railwatch.detector.observation import Corridor, clear_pixels
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
