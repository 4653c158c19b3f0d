"""Scenes, footprints and pixels made up on the spot, for tests that need no real look of them.

Pixels are noise that depends on the scene's day and the pieces wanted, and on nothing else, so the
same scene fetched twice gives equal bytes. `railwatch.testing.scenery` renders scenes that look
like something.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from railwatch.errors import RailwatchError
from railwatch.grid import PIECE_PX, TILE_PX, Grid
from railwatch.record import Footprint
from railwatch.scene import NODATA, MaskClass, Scene, SceneRaster

START = dt.datetime(2024, 1, 1, 2, tzinfo=dt.UTC)
"""Sensing time of the scene of day 0."""

_SCENE = Scene("", "made", START, "made-1", 10.0, ("red", "nir"))


def made_scene(day: float, scene_id: str = "", **changed: Any) -> Scene:
    """Return the scene of a day; `changed` are fields of `Scene` that are to be others."""
    named = scene_id or f"day-{day:g}"
    acquired = START + dt.timedelta(days=day)
    said: dict[str, Any] = {"id": named, "acquired": acquired} | changed
    return replace(_SCENE, **said)


def made_footprint(rows: int = 2, cols: int = 2, *, unwanted: int | None = -1) -> Footprint:
    """Return a grid of `rows` x `cols` tiles of 10 m; the tile numbered `unwanted` is left out."""
    tiles = np.ones((rows, cols), dtype=np.bool_)
    if unwanted is not None:
        tiles.flat[unwanted] = False
    shape = (rows * TILE_PX, cols * TILE_PX)
    return Footprint(Grid(32652, 10.0, 640.0 * 800, 640.0 * 7000, shape), tiles)


def made_raster(
    seed: int, footprint: Footprint, bands: tuple[str, ...] = ("red", "nir")
) -> SceneRaster:
    """Return noise in the wanted pieces and no data elsewhere."""
    rng = np.random.default_rng(seed)
    rows, cols = footprint.grid.shape
    piece = np.ones((PIECE_PX, PIECE_PX), dtype=np.bool_)
    wanted = np.kron(footprint.pieces, piece)[:rows, :cols]
    noise = rng.integers(0, 4000, (len(bands), rows, cols), dtype=np.uint16)
    classes = rng.integers(0, 3, (rows, cols), dtype=np.uint8)
    return SceneRaster(
        bands,
        np.where(wanted, noise, NODATA),
        np.where(wanted, classes, np.uint8(MaskClass.NODATA)),
    )


class MadeSource:
    """Fetches noise; asking for a scene of `broken` raises what stands there."""

    def __init__(self, broken: Mapping[str, RailwatchError] | None = None) -> None:
        self.broken = dict(broken or {})
        self.fetched: list[str] = []
        """Ids asked for, in order."""

    def fetch(self, scene: Scene, grid: Grid, pieces: npt.NDArray[np.bool_]) -> SceneRaster:
        """Return the noise of the scene's day."""
        self.fetched.append(scene.id)
        if scene.id in self.broken:
            raise self.broken[scene.id]
        return made_raster(seed_of(scene), Footprint.of_pieces(grid, pieces), scene.bands)


def seed_of(scene: Scene) -> int:
    """Seed of a made scene's noise: its hours since day 0, and its version."""
    hours = round((scene.acquired - START).total_seconds() / 3600)
    return abs(hours) * 1000 + sum(scene.processed.encode()) % 1000
