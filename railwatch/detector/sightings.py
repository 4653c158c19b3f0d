"""Sightings: how each scene of a cube looks on its own, looked at once and remembered.

What was seen is kept in the record with the scene's count (strips are evidence there anyway), under
a digest of what it rests on. Until then strips lie on the cube's shelf.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from railwatch.area import Area
from railwatch.detection import Sighting
from railwatch.detector.each import Each, batched
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.detector.lookout import Lookout, scene_of
from railwatch.detector.observation import Observation
from railwatch.detector.shelf import F32, Shelf
from railwatch.record import Record, SceneEntry, States, parcel

SCENES_A_UNIT = 4
REFERENCE_SCENES = 24
"""First scenes of a cube that make the reference."""


def digest_of(*said: str) -> str:
    """Sixteen hex digits over some words."""
    return hashlib.sha256("\0".join(said).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Glance:
    """A few scenes for a worker to look at."""

    unit: str
    """Name of the scenes together."""
    names: tuple[str, ...]
    """Of each scene, the digest of what looking at it rests on."""
    entries: tuple[SceneEntry, ...]


@dataclass(frozen=True)
class Glances:
    """Looks at scenes and puts their strips on the shelf; pickles to a worker."""

    lookout: Lookout
    shelf: Shelf

    def look(self, glance: Glance) -> list[Observation]:
        """Look at a few scenes; observations come back without strips."""
        seen = self.lookout.observe(glance.entries)
        strips = {n: one.strips for n, one in zip(glance.names, seen, strict=True) if one.strips}
        self.shelf.put(glance.unit, strips)
        return [replace(one, strips=()) for one in seen]


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
        self.shelf = Shelf(record, area.sidings.digest, f"strips/{digest_of(cube_key)}")
        self._seen: dict[int, Observation] = {}
        """Without strips."""
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
        glances = [self._glance(batch) for batch in batched(new, SCENES_A_UNIT)]
        place = {self.rests_on[i]: i for i in new}
        for glance, batch in each(Glances(self.lookout, self.shelf).look, glances):
            for name, one in zip(glance.names, batch, strict=True):
                self._seen[place[name]] = one
        for i in new:
            one = self._seen[i]
            said = parcel.words(one, {"scene": one.scene})
            self._known[i] = Sighting(self.rests_on[i], one.refusal is None, said)

    def _glance(self, numbers: Sequence[int]) -> Glance:
        names = tuple(self.rests_on[i] for i in numbers)
        unit = digest_of(*names)
        self.shelf.expect(unit, names)
        return Glance(unit, names, tuple(self._entries[i] for i in numbers))

    def known(self, number: int) -> bool:
        """Whether a scene was looked at."""
        return number in self._known

    def usable(self, number: int) -> bool:
        """Whether a scene that was looked at can be counted."""
        return self._known[number].usable

    def strips(self, numbers: Iterable[int], block: int) -> dict[int, F32]:
        """Give strips of one block in scenes that were looked at and can be counted."""
        listed = list(numbers)
        wanted = {self.rests_on[i]: self.scenes[i].id for i in listed}
        found = self.shelf.take(wanted, block)
        return {i: found[self.rests_on[i]] for i in listed}

    def release(self, numbers: Iterable[int]) -> None:
        """Let go of strips in memory."""
        self.shelf.release(self.rests_on[i] for i in numbers)

    def __getitem__(self, number: int) -> Observation:
        """Observation of a scene, without its strips."""
        if number not in self._seen:
            said = self._known[number].said
            given = {"scene": self.scenes[number]}
            self._seen[number] = parcel.from_words(Observation, said, given)
        return self._seen[number]

    def sighting(self, number: int) -> Sighting:
        """Give what is to be kept of a scene that was looked at."""
        return self._known[number]

    def _remembered(self) -> dict[int, Sighting]:
        """Read what the record says of scenes, as far as it rests on what is there today."""
        kept = self._record.sightings(self._area.sidings.digest, detector_fingerprint())
        return {
            i: one
            for i, scene in enumerate(self.scenes)
            if (one := kept.get(scene.id)) and one.rests_on == self.rests_on[i]
        }
