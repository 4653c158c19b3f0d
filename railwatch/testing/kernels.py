"""Compiling the kernels ahead of their first use: `python -m railwatch.testing.kernels`.

Numba compiles a kernel when it is first called and keeps the code beside its source. A run on a new
environment would do that in every process at once, which costs more than counting a year of scenes;
so the environment's builder calls this, which counts a yard of each class once.
"""

from __future__ import annotations

import tempfile

import numpy as np

from railwatch.detector.survey import detect_area
from railwatch.detector.window import footprint_for
from railwatch.injection import Light, draw_consist, imprint
from railwatch.record import Ingested, Record
from railwatch.scene import MaskClass, SceneRaster
from railwatch.store import Store
from railwatch.testing.small_yard import AREA, SIDINGS, SmallYard, small_scene
from railwatch.track import Track

SHARP = ("blue", "green", "red")


def compile_all() -> None:
    """Call every kernel once with the types it is used with."""
    with tempfile.TemporaryDirectory() as folder:
        SmallYard(Store.open(f"{folder}/blurred")).arrive(0, 1, 2, 4)
        _sharp(Store.open(f"{folder}/sharp"))


def _sharp(store: Store) -> None:
    """Count a scene of noise at 0.5 m, and draw a train into it."""
    scene = small_scene(0, collection="sharp", gsd_m=0.5, bands=SHARP)
    footprint = footprint_for(SIDINGS, scene.gsd_m, scene.bands)
    dice = np.random.default_rng(0)
    values = dice.integers(900, 1500, (len(SHARP), *footprint.grid.shape), dtype=np.uint16)
    mask = np.full(footprint.grid.shape, MaskClass.CLEAR, dtype=np.uint8)
    with Record.open(store, AREA.id, write=True) as record:
        record.add([Ingested(scene, footprint, SceneRaster(SHARP, values, mask))])
        detect_area(record, AREA)
    track = Track.of(next(iter(SIDINGS)), footprint.grid.crs)
    train = draw_consist(dice, 2, from_m=20.0)
    imprint(footprint.grid, SHARP, [(track, train)], Light(150.0, 40.0, 90.0, 10.0))


if __name__ == "__main__":
    compile_all()
