"""Where shadows fall and tops lean along a siding, as far as a class A scene's metadata say.

What lies dark on an empty track is a load or a neighbour's shadow, and where the sun stands tells
which. A scene without sun angles still says when it was taken.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyproj

from railwatch.detector.segmented_evidence import Slant
from railwatch.grid import Grid
from railwatch.scene import Scene
from railwatch.sun import sun_position

Array = npt.NDArray[np.float64]

_LEAST_SUN_DEG = 6.0
"""A lower sun is a wrong time: nobody orders such scenes."""
_TOP_M = 3.4
"""Usual height of a car's top (method.md 3.1), metres."""


@dataclass(frozen=True, slots=True)
class SceneLight:
    """Vectors over the ground (east, north), metres by metre of height; None where unknown."""

    sun: Array | None
    """From a point towards the sun."""
    lean: Array | None
    """By which a top is seen displaced from its foot."""

    @classmethod
    def of(cls, scene: Scene, grid: Grid) -> SceneLight:
        """Read a scene's angles; the sun's follow from its time where they are missing."""
        sun = scene.sun_azimuth_deg, scene.sun_elevation_deg
        if None in sun and scene.acquired.time() != dt.time():  # midnight: a day without a time
            west, south, east, north = grid.bounds
            to_map = pyproj.Transformer.from_crs(grid.crs, 4326, always_xy=True)
            place = to_map.transform((west + east) / 2, (south + north) / 2)
            sun = sun_position(scene.acquired, *place)
        azimuth, elevation = sun
        towards = None
        if azimuth is not None and elevation is not None and elevation > _LEAST_SUN_DEG:
            towards = _vector(azimuth, 1.0 / math.tan(math.radians(elevation)))
        lean = None
        if scene.view_off_nadir_deg is not None and scene.view_off_nadir_deg < 1.0:
            lean = np.zeros(2)
        elif scene.view_off_nadir_deg is not None and scene.view_azimuth_deg is not None:
            off = math.tan(math.radians(scene.view_off_nadir_deg))
            lean = _vector(scene.view_azimuth_deg, -off)
        return cls(towards, lean)

    def along(self, ahead: Array) -> Slant:
        """Turn into each cell's own direction; `ahead` is (cell, xy), unit vectors."""
        left = np.column_stack([-ahead[:, 1], ahead[:, 0]])
        sun, lean = (
            None if v is None else np.column_stack([ahead @ v, left @ v]).astype(np.float32)
            for v in (self.sun, self.lean)
        )
        return Slant(sun, lean)

    @property
    def top_m(self) -> Array:
        """(xy,) metres by which cars' tops are seen off their feet; nothing where unknown."""
        return np.zeros(2) if self.lean is None else self.lean * _TOP_M


def _vector(azimuth_deg: float, length: float) -> Array:
    turned = math.radians(azimuth_deg)
    return length * np.array([math.sin(turned), math.cos(turned)])
