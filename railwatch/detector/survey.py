"""A survey: counting every scene of an area's record that has no count resting on today's inputs.

Work is cut into units that any worker can do; results are put together and written in transactions
of bounded size. A class's survey knows what a count of its kind rests on: single cars on their own
scene, lengths on the scenes up to theirs, so that a late scene makes exactly the later ones be
counted again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from railwatch.area import Area
from railwatch.count import ResolutionClass
from railwatch.detection import Detection
from railwatch.detector.car_survey import CarSurvey
from railwatch.detector.each import Each, here
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.detector.length_survey import LengthSurvey
from railwatch.detector.lookout import scene_of
from railwatch.detector.presence_survey import PresenceSurvey
from railwatch.detector.resolution import resolution_class
from railwatch.record import Record, SceneEntry, Status

log = logging.getLogger(__name__)

TRANSACTION_BYTES = 64 << 20
"""Evidence from which on what was found is committed before the rest: bounds memory."""


def _quietly(_scenes: int) -> None:
    """Report progress to nobody."""


def detect_area(
    record: Record,
    area: Area,
    *,
    each: Each = here,
    advance: Callable[[int], None] = _quietly,
) -> int:
    """Count the scenes of an area that need it and write what was found; returns how many.

    Parameters
    ----------
    record
        Open for writing.
    each
        How units are spread over workers.
    advance
        Called with the number of scenes done since it was last called.
    """
    known = record.inputs(area.sidings.digest, detector_fingerprint())
    counted = 0
    for cube_key, entries in _by_cube(record).items():
        survey = _survey_of(record, area, cube_key, entries)
        inputs = survey.inputs(each)
        wanted = [i for i, e in enumerate(entries) if known.get(e.item_id) != inputs[i]]
        advance(len(entries) - len(wanted))
        if not wanted:
            continue
        log.info("%s: %s: counting %d of %d scenes", area.id, cube_key, len(wanted), len(entries))
        done: list[Detection] = []
        for i, found in survey.detections(wanted, each):
            done.append(replace(found, inputs=inputs[i]))
            advance(1)
            if sum(_bytes(one) for one in done) >= TRANSACTION_BYTES:
                record.put_detections(area.sidings.digest, detector_fingerprint(), done)
                counted, done = counted + len(done), []
        record.put_detections(area.sidings.digest, detector_fingerprint(), done)
        counted += len(done)
    return counted


def _bytes(found: Detection) -> int:
    """Size of the evidence of a scene."""
    return sum(strip.values.nbytes for strip in found.strips)


def detect_scene(record: Record, area: Area, scene_id: str) -> Detection:
    """Count one scene anew from stored pixels alone, and write nothing.

    Raises
    ------
    KeyError
        The scene is not among those that count.
    """
    for cube_key, entries in _by_cube(record).items():
        for i, entry in enumerate(entries):
            if entry.item_id == scene_id:
                survey = _survey_of(record, area, cube_key, entries, remembering=False)
                inputs = survey.inputs(here)
                ((_, found),) = survey.detections([i], here)
                return replace(found, inputs=inputs[i])
    raise KeyError(scene_id)


def _by_cube(record: Record) -> dict[str, list[SceneEntry]]:
    cubes: dict[str, list[SceneEntry]] = {}
    for entry in record.entries():
        if entry.status is Status.INGESTED:
            cubes.setdefault(entry.cube_key, []).append(entry)
    return dict(sorted(cubes.items()))


class Survey(Protocol):
    """Detects scenes of one cube, by resolution class."""

    def inputs(self, each: Each) -> Sequence[str]:
        """For each scene the digest of what its count rests on; may look at scenes to tell."""
        ...

    def detections(self, wanted: Sequence[int], each: Each) -> Iterator[tuple[int, Detection]]:
        """Detect scenes by their number in the cube, in any order."""
        ...


def _survey_of(
    record: Record,
    area: Area,
    cube_key: str,
    entries: Sequence[SceneEntry],
    *,
    remembering: bool = True,
) -> Survey:
    """Choose how a cube is detected: what its GSD and bands let physics say.

    Parameters
    ----------
    remembering
        Use what is kept of earlier surveys, and keep what this one learns.
    """
    first = scene_of(entries[0])
    level = resolution_class(first.gsd_m, first.bands)
    if level is ResolutionClass.A:
        return CarSurvey(record.store, area, tuple(entries))
    if level is ResolutionClass.D:
        return PresenceSurvey(record, area, cube_key, entries)
    if level is None:
        raise ValueError(f"{cube_key}: nothing can be counted at {first.gsd_m:g} m")
    return LengthSurvey(record, area, cube_key, entries, level, remembering=remembering)
