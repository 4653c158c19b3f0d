"""Reading the record for publication: its content, and its evidence scene by scene.

Everything that publishing asks of a `Record` is asked here. Scenes are read in batches, since a
publication walks through them in order, and what was read last is kept for the next object.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from railwatch.area import Area
from railwatch.count import FACILITY, Car, Count
from railwatch.detection import Detection
from railwatch.grid import Grid
from railwatch.publication.content import (
    Content,
    Listed,
    SceneReader,
    Sensitivity,
    Statement,
    StatementKind,
)
from railwatch.record import Record, SceneEntry, Status
from railwatch.scene import SceneRaster
from railwatch.series import Record as SeriesRecord
from railwatch.series import Scale, assess, surges, with_records
from railwatch.series.conformal import adjust, calibrated
from railwatch.series.reference import Reference, in_force

if TYPE_CHECKING:
    import xarray as xr

BATCH = 32
"""Scenes whose evidence is read at a time."""

STRIDE = 8
"""Scenes passed over at most, refused ones, by one who walks through them."""

BATCHES = 4
"""Batches kept: blocks of occupancy reach over two, and those of strips follow behind."""

AHEAD_BYTES = 16 << 20
"""Pixels read at a time: scenes that follow are wanted next, and many small reads are slow."""

KEPT_BYTES = 96 << 20
"""Pixels kept in memory at most: a chip and two arrays are made of each window."""


def content_of(
    record: Record,
    area: Area,
    detector: str,
    *,
    references: Iterable[Reference] = (),
    sensitivity: Sensitivity | None = None,
    counts: Iterable[Count] | None = None,
) -> Content:
    """Read what a publication of `area` says now: put right by references, then judged.

    Parameters
    ----------
    record
        Of the area, open for reading or writing.
    area
        Whose current siding set is published.
    detector
        Fingerprint of the detector whose counts are published.
    references
        What analysts counted there by eye; corrected ones are passed over.
    sensitivity
        How small a change would be seen, where that was measured.
    counts
        What to say instead of the detector's counts in the record.
    """
    snapshot = record.state_digest(area.sidings.digest)
    references = in_force(list(references))
    found = record.counts(area.sidings.digest, detector) if counts is None else counts
    adjusted = adjust(sorted(found, key=_order), references)
    scale = calibrated(adjusted)
    inputs = record.inputs(area.sidings.digest, detector)
    records = assess(adjusted, scale=scale)
    judged = with_records(adjusted, judged=records)
    return Content(
        area=area,
        detector=detector,
        snapshot=snapshot,
        listed=tuple(
            listed(entry, inputs.get(entry.item_id, ""))
            for entry in record.entries()
            if entry.status in _LISTED
        ),
        counts=tuple(dataclasses.replace(count, snapshot=snapshot) for count in judged),
        reader=RecordReader(record, area.sidings.digest, detector),
        records=tuple(records),
        statements=surge_statements(judged, scale, records),
        references=tuple(references),
        sensitivity=sensitivity,
    )


_LISTED = {Status.INGESTED, Status.REJECTED}
"""Superseded versions of an acquisition are not listed: the version that counts is."""


def listed(entry: SceneEntry, inputs: str) -> Listed:
    """Take over what a publication says of an entry; `inputs` its counts rest on."""
    return Listed(
        item_id=entry.item_id,
        scene=entry.scene,
        rejection=entry.rejection if entry.status is Status.REJECTED else None,
        detail=entry.detail,
        checksum=entry.checksum,
        inputs=inputs,
        spent_pu=entry.spent_pu,
    )


def _order(count: Count) -> tuple[float, str, bool, str]:
    """By time, scene, facility first."""
    acquired = count.acquired.timestamp()
    return (acquired, count.scene_id, count.siding_id != FACILITY, count.siding_id)


def surge_statements(
    counts: Sequence[Count],
    scale: Scale | None = None,
    judged: Sequence[SeriesRecord] | None = None,
) -> tuple[Statement, ...]:
    """State when each confirmed record began."""
    return tuple(
        Statement(
            StatementKind.SURGE,
            surge.likely,
            surge.sentence,
            scene_id=surge.confirmed_id,
            probability=surge.probability,
        )
        for surge in surges(counts, scale=scale, judged=judged)
    )


class RecordReader:
    """Evidence of a record, one detector and siding set: a `SceneReader`."""

    def __init__(self, record: Record, siding_set: str, detector: str) -> None:
        self._record = record
        self._key = (siding_set, detector)
        self._detections: OrderedDict[tuple[str, int], dict[str, Detection]] = OrderedDict()
        self._pixels: OrderedDict[tuple[str, int, int], SceneRaster] = OrderedDict()
        self._held = 0
        self._asked = ("", 0)
        """Cube and place of the detection that was read last."""

    @cached_property
    def _cubes(self) -> dict[str, list[str]]:
        """Scene ids by cube key, by time."""
        found: dict[str, list[str]] = {}
        for entry in self._record.entries():
            if entry.status is Status.INGESTED:
                found.setdefault(entry.cube_key, []).append(entry.item_id)
        return found

    @cached_property
    def _places(self) -> dict[str, tuple[str, int]]:
        """(cube key, place in time) by scene id."""
        return {
            scene_id: (key, i) for key, ids in self._cubes.items() for i, scene_id in enumerate(ids)
        }

    @cached_property
    def _bands(self) -> dict[str, tuple[str, ...]]:
        """Bands by scene id."""
        return {e.item_id: e.scene.bands for e in self._record.entries() if e.scene is not None}

    @cached_property
    def _datasets(self) -> dict[str, xr.Dataset]:
        """Lazy cube by key."""
        return {key: self._record.cube(key) for key in self._cubes}

    def grid(self, cube_key: str) -> Grid:
        """Grid of a cube."""
        return self._record.footprint(cube_key).grid

    def pixels(self, scene_id: str, rows: slice, columns: slice) -> SceneRaster:
        """Pixels of one scene in a window of its grid."""
        key = (scene_id, rows.start, columns.start)
        if key not in self._pixels:
            self._read_pixels(scene_id, rows, columns)
        return self._pixels[key]

    def _read_pixels(self, scene_id: str, rows: slice, columns: slice) -> None:
        """Read a window of a scene and of those after it, and let go of what was read long ago."""
        cube_key, place = self._places[scene_id]
        cube = self._datasets[cube_key]
        each = 2 * cube.sizes["band"] * (rows.stop - rows.start) * (columns.stop - columns.start)
        ahead = self._cubes[cube_key][place : place + max(1, AHEAD_BYTES // max(each, 1))]
        window = cube.isel(time=slice(place, place + len(ahead)), y=rows, x=columns)
        values, mask = window["values"].to_numpy(), window["mask"].to_numpy()
        order = [str(band) for band in cube["band"].to_numpy()]
        for i, scene in enumerate(ahead):
            bands = self._bands[scene]
            planes = values[i] if list(bands) == order else values[i, [*map(order.index, bands)]]
            raster = SceneRaster(bands, np.ascontiguousarray(planes), mask[i])
            self._pixels[scene, rows.start, columns.start] = raster
            self._held += raster.values.nbytes
        while self._held > KEPT_BYTES and len(self._pixels) > len(ahead):
            self._held -= self._pixels.popitem(last=False)[1].values.nbytes

    def detection(self, scene_id: str) -> Detection:
        """Occupancy, cars and strips of one scene."""
        cube_key, place = self._places[scene_id]
        for key, held in self._detections.items():
            if scene_id in held:
                self._detections.move_to_end(key)
                return held[scene_id]
        # Who walks gets what follows along; who looks at one scene here and there only that.
        cube_before, place_before = self._asked
        walking = cube_before == cube_key and 0 < place - place_before <= STRIDE
        self._asked = cube_key, place
        found = self._read(self._cubes[cube_key][place : place + (BATCH if walking else 1)])
        self._detections[cube_key, place] = found
        if len(self._detections) > BATCHES:
            self._detections.popitem(last=False)
        return found[scene_id]

    @cached_property
    def _cars(self) -> dict[str, tuple[Car, ...]]:
        """Cars of all scenes: few, and kept in one place."""
        return self._record.cars(*self._key)

    def _read(self, scene_ids: list[str]) -> dict[str, Detection]:
        """Read a batch."""
        occupancy = self._record.occupancy(*self._key, scene_ids)
        strips = self._record.strips(*self._key, scene_ids)
        return {
            scene_id: Detection(
                scene_id,
                (),
                occupancy=occupancy.get(scene_id, ()),
                cars=self._cars.get(scene_id, ()),
                strips=strips.get(scene_id, ()),
            )
            for scene_id in scene_ids
        }


_: type[SceneReader] = RecordReader
