"""Surveying a cube of class D: radar says whether something stands there, never how many.

Rails and cars are corner reflectors; a standing train brightens a stretch of track against the
same stretch on other dates of the same orbit. Speckle and orbit geometry leave a coarse length at
best, so cars are never given (method.md 2.3 step 10).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from railwatch.area import Area
from railwatch.count import QUANTILE_LEVELS, BaselineState, Refusal, ResolutionClass
from railwatch.detection import Detection, Occupancy
from railwatch.detector.block import Block, sight_of
from railwatch.detector.each import Each, batched
from railwatch.detector.energy import track_samples
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.detector.length import BURN_IN
from railwatch.detector.lookout import Lookout, scene_of
from railwatch.detector.order import half_sample_mode
from railwatch.detector.sightings import digest_of
from railwatch.detector.strip_sampling import sample
from railwatch.detector.tally import Heading, UnitNumbers, rows
from railwatch.record import Record, SceneEntry
from railwatch.scene import SceneRaster

F64 = npt.NDArray[np.float64]

LEAST_DATES = 8
"""Earlier dates of one orbit below which its empty level is not known."""
RISE_DB = 3.0
"""Brightening that speckle of 4.4 looks over three cells reaches once in a hundred."""
SCENES_A_UNIT = 8
_NONE = np.zeros(0)


class PresenceSurvey:
    """Detects radar scenes, each against earlier ones of its own orbit."""

    def __init__(
        self, record: Record, area: Area, cube_key: str, entries: Sequence[SceneEntry]
    ) -> None:
        """Take scenes in order of acquisition."""
        self.area = area
        self.entries = tuple(entries)
        self.scenes = tuple(scene_of(entry) for entry in entries)
        self.lookout = Lookout(record.store, area, record.footprint(cube_key).grid)

    def inputs(self, _each: Each) -> list[str]:
        """For each scene the digest of what its count rests on: the scenes up to it.

        Counts of the burn-in rest on all of it.
        """
        chain, inputs = self.area.sidings.digest, []
        for entry in self.entries:
            chain = digest_of(chain, entry.contents)
            inputs.append(chain)
        first = inputs[min(BURN_IN, len(inputs)) - 1]
        return [first if i < BURN_IN else chain for i, chain in enumerate(inputs)]

    def detections(self, wanted: Sequence[int], each: Each) -> Iterator[tuple[int, Detection]]:
        """Detect scenes by their number in the cube."""
        level: dict[str, list[F64]] = {}
        for unit, profiles in each(self.profiles, batched(self.entries, SCENES_A_UNIT)):
            level |= {entry.item_id: one for entry, one in zip(unit, profiles, strict=True)}
        for i in wanted:
            yield i, self._detection(i, level)

    def profiles(self, entries: tuple[SceneEntry, ...]) -> list[list[F64]]:
        """Backscatter along each block, dB: for each scene one (cell,) array a block."""
        with Record.open(self.lookout.store, self.area.id) as record:
            return [
                [self._profile(record.raster(entry)[1], block) for block in self.lookout.blocks]
                for entry in entries
            ]

    def _profile(self, raster: SceneRaster, block: Block) -> F64:
        clear = np.ones(raster.mask.shape, dtype=np.bool_)
        strip = sample(raster.values, clear, self.lookout.grid, *block.ground).astype(np.float64)
        on = track_samples(block, 0.5 * self.lookout.grid.gsd_m + 1.6)
        power = np.where(on, np.square(strip), np.nan)
        count = np.isfinite(power).sum(axis=1)
        mean = np.nansum(power, axis=1) / np.maximum(count, 1)
        decibel = 10.0 * np.log10(np.maximum(mean, 1e-6))
        decibel[count == 0] = np.nan
        smooth = np.stack([np.convolve(d, np.ones(3) / 3.0, mode="same") for d in decibel])
        return np.asarray(smooth.mean(axis=0))

    def _detection(self, i: int, level: dict[str, list[F64]]) -> Detection:
        scene = self.scenes[i]
        reach = max(i, min(BURN_IN, len(self.scenes)) - 1)
        past = [s for s in self.scenes[: reach + 1] if s.orbit == scene.orbit and s.id != scene.id]
        units, occupancy = [], []
        for number, block in enumerate(self.lookout.blocks):
            sight = sight_of(block, self.area.sidings, scene.acquired.date())
            ((unit_id, members),) = block.units(each_siding=False)
            visible = sum(sight.visible_m[m] for m in members)
            total = sum(sight.total_m[m] for m in members)
            here = level[scene.id][number]
            if len(past) < LEAST_DATES or not np.isfinite(here).any():
                reason = Refusal.HISTORY if np.isfinite(here).any() else Refusal.NODATA
                units.append(UnitNumbers(unit_id, _NONE, _NONE, visible, total, refusal=reason))
                continue
            stack = np.stack([level[s.id][number] for s in past])
            rise = here - half_sample_mode(stack)
            probability = 1.0 / (1.0 + np.exp(-2.0 * (rise - RISE_DB)))
            on = sight.visible.any(axis=0) & np.isfinite(rise)
            metres = self._metres(block, probability[on], visible)
            units.append(UnitNumbers(unit_id, _NONE, metres, visible, total, BaselineState.MODE))
            occupancy.append(
                Occupancy(
                    unit_id,
                    block.chainage[on].astype(np.float32),
                    probability[on].astype(np.float32),
                )
            )
        clear = float(np.mean([np.isfinite(one).mean() for one in level[scene.id]]))
        heading = Heading(
            self.area.id,
            scene,
            ResolutionClass.D,
            self.area.sidings.digest,
            detector_fingerprint(),
            clear,
            None,
        )
        return Detection(scene.id, rows(heading, units), None, tuple(occupancy))

    def _metres(self, block: Block, probability: F64, visible_m: float) -> F64:
        """Quantiles of occupied metres: cells agree over a resolution cell, two to four of them."""
        mean = block.cell_m * float(probability.sum())
        spread = block.cell_m * float(np.sqrt(4.0 * (probability * (1.0 - probability)).sum()))
        spread += 0.2 * mean + 2.0 * block.cell_m
        metres = mean + spread * ndtri(np.asarray(QUANTILE_LEVELS))
        return np.asarray(np.clip(metres, 0.0, max(visible_m, mean)))
