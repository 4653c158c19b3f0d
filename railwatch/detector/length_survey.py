"""Surveying a cube of class B or C: observations first, then counts block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from railwatch.area import Area
from railwatch.count import ResolutionClass
from railwatch.detection import Detection, Occupancy, Strip
from railwatch.detector.block import sight_of
from railwatch.detector.each import Each, batched
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.detector.length import BURN_IN, LengthCounter, UnitResult
from railwatch.detector.lookout import Lookout
from railwatch.detector.observation import Observation
from railwatch.detector.tally import Heading, UnitNumbers, rows
from railwatch.record import Record
from railwatch.scene import Scene

SCENES_A_UNIT = 4
_NONE = np.zeros(0)


class LengthSurvey:
    """Detects the scenes of one cube by occupied length."""

    def __init__(
        self,
        record: Record,
        area: Area,
        cube_key: str,
        scenes: Sequence[Scene],
        level: ResolutionClass,
    ) -> None:
        self.area = area
        self.scenes = scenes
        self.level = level
        self.lookout = Lookout.over(record, area, cube_key, scenes[:BURN_IN])

    def detections(self, wanted: Sequence[int], each: Each) -> Iterator[tuple[int, Detection]]:
        """Detect scenes by their number in the cube."""
        seen: dict[str, Observation] = {}
        for _, batch in each(self.lookout.observe, batched(self.scenes, SCENES_A_UNIT)):
            seen |= {one.scene.id: one for one in batch}
        observations = [seen[scene.id] for scene in self.scenes]
        usable = [o.scene.id for o in observations if o.refusal is None]
        place = {scene_id: index for index, scene_id in enumerate(usable)}
        indices = [place[self.scenes[i].id] for i in wanted if self.scenes[i].id in place]
        counters = [
            LengthCounter(
                block, self.area.sidings, self.level, self.scenes[0].gsd_m, observations, number
            )
            for number, block in enumerate(self.lookout.blocks)
        ]
        found: dict[tuple[int, int], list[UnitResult]] = {}
        for number, counter in enumerate(counters):
            units = counter.segments(indices)
            for unit, results in each(counter.count, units):
                found |= {
                    (number, index): result for index, result in zip(unit, results, strict=True)
                }
        for i in wanted:
            one = observations[i]
            if one.refusal is not None:
                yield i, self._refused(one)
                continue
            blocks = [found[number, place[one.scene.id]] for number in range(len(counters))]
            yield i, self._counted(one, blocks)

    def _heading(self, one: Observation) -> Heading:
        return Heading(
            self.area.id,
            one.scene,
            self.level,
            self.area.sidings.digest,
            detector_fingerprint(),
            one.clear_fraction,
            one.registration,
        )

    def _counted(self, one: Observation, blocks: list[list[UnitResult]]) -> Detection:
        """Put together what the blocks say of a usable scene."""
        units = [unit for block in blocks for unit in block]
        numbers = [
            UnitNumbers(u.id, u.cars, u.metres, u.visible_m, u.total_m, u.state, u.refusal)
            for u in units
        ]
        occupancy = tuple(
            Occupancy(u.id, u.chainage_m.astype(np.float32), u.probability.astype(np.float32))
            for u in units
        )
        strips = tuple(
            Strip(
                "+".join(block.group.members[m].id for m in block.own),
                one.bands,
                block.chainage.astype(np.float32),
                block.offset.astype(np.float32),
                strip,
            )
            for block, strip in zip(self.lookout.blocks, one.strips, strict=True)
        )
        return Detection(
            one.scene.id,
            rows(self._heading(one), numbers),
            one.registration,
            occupancy,
            strips=strips,
        )

    def _refused(self, one: Observation) -> Detection:
        """Give every unit of a scene that says nothing the scene's reason."""
        units = []
        for block in self.lookout.blocks:
            sight = sight_of(block, self.area.sidings, one.scene.acquired.date())
            for unit_id, members in block.units(each_siding=self.level is ResolutionClass.B):
                visible = sum(sight.visible_m[m] for m in members)
                total = sum(sight.total_m[m] for m in members)
                units.append(
                    UnitNumbers(unit_id, _NONE, _NONE, visible, total, refusal=one.refusal)
                )
        return Detection(one.scene.id, rows(self._heading(one), units), one.registration)
