"""Surveying a cube of class A: single cars, each scene on its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from railwatch.area import Area
from railwatch.count import QUANTILE_LEVELS, BaselineState, ResolutionClass
from railwatch.detection import Detection
from railwatch.detector.each import Each
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.detector.lookout import scene_of
from railwatch.detector.segmented import detect_cars
from railwatch.detector.segmented_result import SegmentedResult, SidingCars
from railwatch.detector.sightings import digest_of
from railwatch.detector.tally import Heading, Together, UnitNumbers, rows
from railwatch.fouling import usable_stretches
from railwatch.record import Record, SceneEntry
from railwatch.store import Store

COMMON_SPREAD = 0.05
"""Spread of the logarithm of a facility's count that no reading of its scene shows; chosen on 43
rendered yards kept aside (docs/method/class-a.md)."""
UNSURE_SPREAD = 0.5
"""The same, by the probability that the sidings were put on the wrong tracks."""


@dataclass(frozen=True)
class CarSurvey:
    """Detects scenes sharp enough for single cars."""

    store: Store
    area: Area
    entries: tuple[SceneEntry, ...]

    def inputs(self, _each: Each) -> list[str]:
        """For each scene the digest of what its count rests on: itself."""
        return [digest_of(self.area.sidings.digest, entry.contents) for entry in self.entries]

    def detections(self, wanted: Sequence[int], each: Each) -> Iterator[tuple[int, Detection]]:
        """Detect scenes by their number in the cube."""
        yield from each(self.detect, list(wanted))

    def detect(self, number: int) -> Detection:
        """Detect one scene."""
        entry = self.entries[number]
        scene = scene_of(entry)
        with Record.open(self.store, self.area.id) as record:
            grid, raster = record.raster(entry)
        found = detect_cars(
            raster, grid, self.area.sidings, scene, usable_stretches(self.area.sidings)
        )
        counted = [one for one in found.sidings if one.summed]
        heading = Heading(
            self.area.id,
            scene,
            ResolutionClass.A,
            self.area.sidings.digest,
            detector_fingerprint(),
            _clear(found),
            found.registration,
        )
        return Detection(
            scene.id,
            rows(heading, [_numbers(one) for one in counted], _together(found)),
            found.registration,
            tuple(one.occupancy for one in counted if one.occupancy is not None),
            tuple(car for one in counted for car in one.cars),
        )


def _clear(found: SegmentedResult) -> float:
    visible = sum(one.visible_m for one in found.sidings)
    clear = sum(one.clear_fraction * one.visible_m for one in found.sidings)
    return float(clear / max(visible, 1e-9))


def _together(found: SegmentedResult) -> Together | None:
    """Sum over sidings draw by draw: what is wrong about a scene is wrong on all of them.

    The readings that sidings share do not hold all of it: a shadow taken for cars or a yard snapped
    one track over, which the confidence of snapping tells of, changes the whole sum.
    """
    drawn = len(found.draws)
    if not drawn:
        return None
    share = np.random.Generator(np.random.PCG64(drawn)).permutation(
        (np.arange(drawn) + 0.5) / drawn
    )
    spread = math.hypot(COMMON_SPREAD, UNSURE_SPREAD * (1.0 - found.confidence))
    common = np.exp(spread * ndtri(share))
    return Together(
        np.quantile(np.rint(found.draws * common), QUANTILE_LEVELS),
        np.quantile(found.metres * common, QUANTILE_LEVELS),
    )


def _numbers(one: SidingCars) -> UnitNumbers:
    answered = one.refusal is None and one.occupied_m is not None
    tarps = [car.tarp for car in one.cars if car.tarp is not None]
    return UnitNumbers(
        one.siding_id,
        np.asarray(one.quantiles, dtype=np.float64),
        np.quantile(one.metres, QUANTILE_LEVELS) if answered else np.zeros(0),
        one.visible_m,
        one.total_m,
        BaselineState.SPATIAL if answered else None,
        one.refusal,
        one.clear_fraction,
        float(np.mean(tarps)) if tarps else None,
    )
