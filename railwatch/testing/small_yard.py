"""A small yard for tests of how a record grows: scenes are drawn on the spot, a millisecond each.

Textured land to register on, two lone sidings, a train on either by dice, every fifth scene cloud.
Nothing about how well it is counted can be learnt from it; `railwatch.testing.scenery` is for that.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from railwatch.area import Area
from railwatch.detector.each import Each, here
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.detector.survey import detect_area
from railwatch.detector.window import footprint_for
from railwatch.record import Ingested, Record
from railwatch.scene import MaskClass, Scene, SceneRaster
from railwatch.siding import Siding, SidingSet
from railwatch.store import Store

BANDS = ("blue", "green", "red", "nir")
LON, LAT = 130.61, 42.42
SIDINGS = SidingSet(
    (
        Siding("north", ((LON, LAT + 0.003), (LON + 0.006, LAT + 0.003))),
        Siding("south", ((LON, LAT), (LON + 0.006, LAT))),
    )
)
AREA = Area("small", "Small Yard", SIDINGS)
FOOTPRINT = footprint_for(SIDINGS, 10.0, BANDS)
FIRST = dt.datetime(2023, 1, 1, 2, 11, tzinfo=dt.UTC)


def small_scene(day: int, **changed: Any) -> Scene:
    """Give the scene of a day; `changed` are fields of `Scene` that are to be others."""
    acquired = FIRST + dt.timedelta(days=day)
    scene = Scene(
        f"S2_{day:03}", "sentinel-2-l2a", acquired, "sentinel-2a", 10.0, BANDS, 160.0, 40.0
    )
    return replace(scene, **changed)


def small_raster(day: int) -> SceneRaster:
    """Draw it."""
    rows, cols = FOOTPRINT.grid.shape
    land = np.random.default_rng(0).uniform(0.06, 0.2, (len(BANDS), -(-rows // 4), -(-cols // 4)))
    dice = np.random.default_rng(day + 1)
    values = np.kron(land, np.ones((4, 4)))[:, :rows, :cols]
    values += dice.normal(0.0, 0.003, values.shape)
    for siding in SIDINGS:
        across, along = FOOTPRINT.grid.pixel(*siding.projected(FOOTPRINT.grid.crs).T)
        row, start, stop = (round(float(v)) for v in (across[0], along[0], along[-1]))
        values[:, row - 4 : row + 5, start - 4 : stop + 4] = 0.11
        values[:, row, start:stop] = 0.16
        if dice.random() < 0.6:
            at = int(dice.integers(start, stop - 12))
            values[:, row, at : at + int(dice.integers(3, 12))] = 0.07
    cloudy = day % 5 == 3
    mask = np.full((rows, cols), MaskClass.CLOUD if cloudy else MaskClass.CLEAR, dtype=np.uint8)
    return SceneRaster(BANDS, np.rint(values * 1e4).astype(np.uint16), mask)


@dataclass(frozen=True)
class SmallYard:
    """A record of the yard that grows."""

    store: Store

    def arrive(self, *days: int, each: Each = here) -> int:
        """Put scenes into the record and count what needs it; returns how many were counted."""
        with Record.open(self.store, AREA.id, write=True) as record:
            record.add([Ingested(small_scene(d), FOOTPRINT, small_raster(d)) for d in days])
            return detect_area(record, AREA, each=each)

    def found(self) -> dict[str, list[Any]]:
        """Give all that was found by scene: rows, inputs, and the evidence bit by bit."""
        key = (SIDINGS.digest, detector_fingerprint())
        with Record.open(self.store, AREA.id) as record:
            said: dict[str, list[Any]] = {i: [one] for i, one in record.inputs(*key).items()}
            for count in record.counts(*key):
                said[count.scene_id].append(count)
            for scene_id, registration in record.registrations(*key).items():
                said[scene_id].append(registration)
            for scene_id, tracks in record.occupancy(*key).items():
                said[scene_id] += [(o.siding_id, o.probability.tobytes()) for o in tracks]
            for scene_id, strips in record.strips(*key).items():
                said[scene_id] += [(s.siding_id, s.values.tobytes()) for s in strips]
        return said
