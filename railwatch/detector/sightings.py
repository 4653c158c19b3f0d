"""Sightings: how each scene of a cube looks on its own, looked at once and remembered.

What was seen is kept in the record with the scene's count (strips are evidence there anyway), under
a digest of what it rests on. Strips are in memory only while something is made of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property

from railwatch.area import Area
from railwatch.detection import Sighting
from railwatch.detector.each import Each, batched
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.detector.lookout import Lookout, scene_of
from railwatch.detector.observation import Observation
from railwatch.record import Record, SceneEntry, States, parcel

SCENES_A_UNIT = 4
REFERENCE_SCENES = 24
"""First scenes of a cube that make the reference."""


def digest_of(*said: str) -> str:
    """Sixteen hex digits over some words."""
    return hashlib.sha256("\0".join(said).encode()).hexdigest()[:16]


class Sightings:
    """Scenes of one cube by their number, in order of acquisition."""

    def __init__(
        self,
        record: Record,
        area: Area,
        cube_key: str,
        entries: Sequence[SceneEntry],
        states: States,
    ) -> None:
        """Take scenes in order of acquisition; nothing is remembered without state."""
        self._record = record
        self._states = states
        self._area = area
        self._cube_key = cube_key
        self._entries = tuple(entries)
        self.scenes = tuple(scene_of(entry) for entry in entries)
        first = [entry.contents for entry in entries[:REFERENCE_SCENES]]
        about = digest_of(area.sidings.digest, detector_fingerprint(), cube_key, *first)
        self._bearings = f"bearings/{digest_of(cube_key)}/{about}"
        self.rests_on = tuple(digest_of(about, entry.contents) for entry in entries)
        """For each scene the digest of all that looking at it rests on."""
        self._held: dict[int, Observation] = {}
        """With strips."""
        self._known = self._remembered() if states.kept else {}
        """Of every scene that was looked at."""

    @cached_property
    def lookout(self) -> Lookout:
        """What looks at the scenes."""
        first = self._entries[:REFERENCE_SCENES]
        kept = (self._states, self._bearings)
        return Lookout.over(self._record, self._area, self._cube_key, first, kept)

    def look(self, numbers: Iterable[int], each: Each) -> None:
        """Look at those of the scenes that nobody has looked at."""
        new = [i for i in numbers if i not in self._known]
        if not new:
            return
        place = {self.scenes[i].id: i for i in new}
        units = batched([self._entries[i] for i in new], SCENES_A_UNIT)
        for _, batch in each(self.lookout.observe, units):
            for one in batch:
                self._held[place[one.scene.id]] = one
        for i in new:
            one = self._held[i]
            said = parcel.words(replace(one, strips=()), {"scene": one.scene})
            self._known[i] = Sighting(self.rests_on[i], one.refusal is None, said)

    def known(self, number: int) -> bool:
        """Whether a scene was looked at."""
        return number in self._known

    def usable(self, number: int) -> bool:
        """Whether a scene that was looked at can be counted."""
        return self._known[number].usable

    def hold(self, numbers: Iterable[int]) -> None:
        """Bring strips of scenes that were looked at into memory, where they are not."""
        missing = [i for i in numbers if i not in self._held]
        key = (self._area.sidings.digest, detector_fingerprint())
        found = self._record.strips(*key, [self.scenes[i].id for i in missing if self.usable(i)])
        for i in missing:
            strips = tuple(strip.values for strip in found.get(self.scenes[i].id, ()))
            self._held[i] = replace(self._recalled(i), strips=strips)

    def release(self, numbers: Iterable[int]) -> None:
        """Let go of strips."""
        for i in numbers:
            self._held.pop(i, None)

    def __getitem__(self, number: int) -> Observation:
        """Observation of a scene; with strips only if they are held."""
        return self._held[number] if number in self._held else self._recalled(number)

    def sighting(self, number: int) -> Sighting:
        """Give what is to be kept of a scene that was looked at."""
        return self._known[number]

    def _recalled(self, number: int) -> Observation:
        said = self._known[number].said
        return parcel.from_words(Observation, said, {"scene": self.scenes[number]})

    def _remembered(self) -> dict[int, Sighting]:
        """Read what the record says of scenes, as far as it rests on what is there today."""
        kept = self._record.sightings(self._area.sidings.digest, detector_fingerprint())
        return {
            i: one
            for i, scene in enumerate(self.scenes)
            if (one := kept.get(scene.id)) and one.rests_on == self.rests_on[i]
        }
