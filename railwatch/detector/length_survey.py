"""Surveying a cube of class B or C: how each scene looks on its own, then counts block by block.

A scene is looked at once and remembered (`sightings`), and what a checkpoint has learnt of a block
is kept as state, named by a digest of what it is learnt from. So a new scene costs the reading of
its own tiles and one scoring, however long the history is; and what is missing or damaged is made
again from the record, with equal bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from railwatch.area import Area
from railwatch.count import ResolutionClass
from railwatch.detection import Detection, Occupancy, Strip
from railwatch.detector.block import sight_of
from railwatch.detector.each import Each, batched
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.detector.leg import Leg, Legs
from railwatch.detector.length import (
    BURN_IN,
    WINDOW,
    UnitResult,
    checkpoint_of,
    checkpoints,
    window,
)
from railwatch.detector.observation import Observation, optical
from railwatch.detector.sightings import Sightings, digest_of
from railwatch.detector.tally import Heading, UnitNumbers, rows
from railwatch.record import Record, SceneEntry

SCENES_AT_ONCE = 32
"""Scenes looked at before the next decision: enough to keep workers busy."""
STRETCH_BYTES = 96 << 20
"""Strips held in memory from which on scenes are counted before more are looked at."""
_NONE = np.zeros(0)

Usable = Sequence[int]
"""Numbers of a series' usable scenes, in order: a scene's place among them counts."""


class LengthSurvey:
    """Detects the scenes of one cube by occupied length."""

    def __init__(
        self,
        record: Record,
        area: Area,
        cube_key: str,
        entries: Sequence[SceneEntry],
        level: ResolutionClass,
        *,
        remembering: bool = True,
    ) -> None:
        """Take scenes in order of acquisition."""
        self.area = area
        self.level = level
        self._states = replace(record.states, kept=remembering)
        self.seen = Sightings(record, area, cube_key, entries, self._states)
        self._kind = f"knowledge/{digest_of(cube_key)}"

    def inputs(self, each: Each) -> list[str]:
        """For each scene the digest of what its count rests on.

        That is the scenes up to it. Counts of the burn-in, which lasts until `BURN_IN` scenes are
        usable, rest on all of it.
        """
        inputs = [""] * len(self.seen.scenes)
        for series in self._series:
            chain = ""
            for i in series:
                chain = inputs[i] = digest_of(chain, self.seen.rests_on[i])
            early = self._burn_in(series, each)
            for i in early:
                inputs[i] = inputs[early[-1]]
        return inputs

    def detections(self, wanted: Sequence[int], each: Each) -> Iterator[tuple[int, Detection]]:
        """Detect scenes by their number in the cube, each as soon as all its blocks are counted."""
        learnt = False
        for series in self._series:
            usable: list[int] = []
            for stretch in self._stretches(series, set(wanted), usable, each):
                yield from ((i, self._refused(i)) for i in stretch if not self.seen.usable(i))
                legs, known = self._legs([i for i in stretch if self.seen.usable(i)], usable)
                learnt |= not all(leg.known for leg in legs)
                yield from self._counted(legs, known, usable, each)
                self.seen.release(usable[:-WINDOW])
        if learnt:
            self._states.drop_others(self._kind, self._names())
        self.seen.shelf.clear()

    @cached_property
    def _series(self) -> list[list[int]]:
        """Numbers of the scenes that can be compared: those that show the same bands."""
        found: dict[tuple[str, ...], list[int]] = {}
        for i, scene in enumerate(self.seen.scenes):
            found.setdefault(optical(scene.bands), []).append(i)
        return list(found.values())

    def _burn_in(self, series: Sequence[int], each: Each) -> list[int]:
        """Numbers of the scenes until enough are usable, or of all."""
        early: list[int] = []
        usable = 0
        for batch in batched(series, SCENES_AT_ONCE):
            self.seen.look(batch, each)
            for i in batch:
                early.append(i)
                usable += self.seen.usable(i)
                if usable == BURN_IN:
                    return early
        return early

    def _stretches(
        self, series: Sequence[int], wanted: set[int], usable: list[int], each: Each
    ) -> Iterator[list[int]]:
        """Wanted scenes in order, as many at a time as memory bears; `usable` grows up to them.

        The burn-in is never cut: its counts rest on all of it.
        """
        stretch: list[int] = []
        last = max(wanted & set(series), default=-1)
        for batch in batched(series, SCENES_AT_ONCE):
            if batch[0] > last and len(usable) >= BURN_IN:
                break
            self.seen.look(batch, each)
            usable += [i for i in batch if self.seen.usable(i)]
            stretch += [i for i in batch if i in wanted]
            if len(usable) >= BURN_IN and len(stretch) * self._scene_bytes >= STRETCH_BYTES:
                yield stretch
                stretch = []
        if stretch:
            yield stretch

    @cached_property
    def _scene_bytes(self) -> int:
        """Strips of one scene."""
        samples = sum(len(b.offset) * len(b.chainage) for b in self.seen.lookout.blocks)
        return max(1, 4 * samples * max(len(optical(s.bands)) for s in self.seen.scenes))

    # Legs

    def _legs(self, wanted: Sequence[int], usable: Usable) -> tuple[list[Leg], dict[str, bytes]]:
        """Cut usable scenes into what is handed to workers; and what is known already, by name."""
        place = {number: index for index, number in enumerate(usable)}
        runs: dict[int, list[int]] = {}
        for number in wanted:
            runs.setdefault(checkpoint_of(place[number], len(usable)), []).append(place[number])
        legs: list[Leg] = []
        known: dict[str, bytes] = {}
        for mark, run in runs.items():
            for block in range(len(self.seen.lookout.blocks)):
                name = self._name(usable, mark, block)
                data = self._states.get(name)
                if data is not None:
                    known[name] = data
                places = sorted({*run, *(() if data is not None else window(mark))})
                observations = {index: self.seen[usable[index]] for index in places}
                names = {index: self.seen.rests_on[usable[index]] for index in places}
                there = data is not None
                legs.append(Leg(block, mark, name, there, tuple(run), observations, names))
        return legs, known

    def _name(self, usable: Usable, mark: int, block: int) -> str:
        """Name of what a checkpoint knows of a block: a digest of all it is learnt from."""
        scenes = (self.seen.rests_on[usable[index]] for index in window(mark))
        return f"{self._kind}/{digest_of(str(block), str(mark), *scenes)}"

    def _names(self) -> set[str]:
        """Names of all that the checkpoints of what was looked at know."""
        names: set[str] = set()
        for series in self._series:
            usable = [i for i in series if self.seen.known(i) and self.seen.usable(i)]
            names |= {
                self._name(usable, mark, block)
                for mark in checkpoints(len(usable))
                for block in range(len(self.seen.lookout.blocks))
            }
        return names

    def _counted(
        self, legs: Sequence[Leg], known: dict[str, bytes], usable: Usable, each: Each
    ) -> Iterator[tuple[int, Detection]]:
        lookout, shelf = self.seen.lookout, self.seen.shelf
        found: dict[int, dict[int, list[UnitResult]]] = {}
        counting = Legs(lookout, self.level, self._states, shelf, known)
        for leg, results in each(counting.count, legs):
            for index, units in results.items():
                blocks = found.setdefault(index, {})
                blocks[leg.block] = units
                if len(blocks) == len(lookout.blocks):
                    yield usable[index], self._detection(usable[index], found.pop(index))

    # Rows

    def _detection(self, number: int, blocks: Mapping[int, list[UnitResult]]) -> Detection:
        """Put together what the blocks say of a usable scene."""
        one = self.seen[number]
        units = [unit for block in sorted(blocks) for unit in blocks[block]]
        numbers = [
            UnitNumbers(u.id, u.cars, u.metres, u.visible_m, u.total_m, u.state, u.refusal)
            for u in units
        ]
        occupancy = tuple(
            Occupancy(u.id, u.chainage_m.astype(np.float32), u.probability.astype(np.float32))
            for u in units
        )
        counted = range(len(self.seen.lookout.blocks))
        seen = [self.seen.strips([number], block)[number] for block in counted]
        strips = tuple(
            Strip(
                "+".join(block.group.members[m].id for m in block.own),
                one.bands,
                block.chainage.astype(np.float32),
                block.offset.astype(np.float32),
                strip,
            )
            for block, strip in zip(self.seen.lookout.blocks, seen, strict=True)
        )
        return Detection(
            one.scene.id,
            rows(self._heading(one), numbers),
            one.registration,
            occupancy,
            strips=strips,
            sighting=self.seen.sighting(number),
        )

    def _refused(self, number: int) -> Detection:
        """Give every unit of a scene that says nothing the scene's reason."""
        one = self.seen[number]
        units = []
        for block in self.seen.lookout.blocks:
            sight = sight_of(block, self.area.sidings, one.scene.acquired.date())
            for unit_id, members in block.units(each_siding=self.level is ResolutionClass.B):
                visible = sum(sight.visible_m[m] for m in members)
                total = sum(sight.total_m[m] for m in members)
                units.append(
                    UnitNumbers(unit_id, _NONE, _NONE, visible, total, refusal=one.refusal)
                )
        return Detection(
            one.scene.id,
            rows(self._heading(one), units),
            one.registration,
            sighting=self.seen.sighting(number),
        )

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
