"""Findings: what one detector made of the scenes for one siding set.

    detections/{siding set}/{detector}
        scenes  (slot) JSON     scene id, registration, places of its evidence
        counts  (slot) JSON     its rows of contract 4
        cars    (slot) JSON     single cars, at class A
        occupancy/..., strips/...                   see `evidence`

A scene has one slot, and is written over when it is counted again: a late scene changes what later
ones are compared with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import zarr
from numpy.dtypes import StringDType

from railwatch.detection import Detection, Sighting
from railwatch.record import chunk, evidence, wording
from railwatch.record.repository import SLOTS

COLUMNS = ("scenes", "counts", "cars")
CHUNK = 32
"""Scenes a chunk of JSON holds: what a commit of one scene reads and writes again."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Where a scene's findings are."""

    scene_id: str
    slot: int
    registration: dict[str, Any] | None
    occupancy: str | None
    """Path of its layout."""
    strips: str | None
    inputs: str
    """Digest of the scenes the findings rest on."""
    sighting: Sighting | None = None


def path_of(siding_set: str, detector: str) -> str:
    """Group of the findings of a siding set and detector."""
    return f"detections/{siding_set.replace('/', '%2F')}/{detector.replace('/', '%2F')}"


def index(store: Any, path: str) -> dict[str, Finding]:
    """Where each scene's findings are; empty where there are none."""
    count = _rows(store, path) or 0
    keys = [_key(path, "scenes", number) for number in range(-(-count // CHUNK))]
    there = dict(chunk.get(store, keys))
    found = [
        replace(one, slot=number * CHUNK + one.slot)
        for number, key in enumerate(keys)
        for one in _understood(there[key], key)
    ]
    return {one.scene_id: one for one in found}


@lru_cache(maxsize=128)
def _understood(said: bytes, key: str) -> tuple[Finding, ...]:
    """Take a chunk of scenes apart, slots counted from its first.

    A survey and a publication each ask several times, and most chunks of a history never change.
    """
    texts = enumerate(chunk.text_decoded(said, key))
    return tuple(_finding(place, json.loads(text)) for place, text in texts if text)


def _finding(place: int, said: dict[str, Any]) -> Finding:
    return Finding(
        said["id"],
        place,
        said["registration"],
        said["occupancy"],
        said["strips"],
        said["inputs"],
        Sighting(*said["sighting"]) if "sighting" in said else None,
    )


def write(store: Any, path: str, detections: Sequence[Detection]) -> None:
    """Put the findings of scenes in place of any that were there."""
    if _rows(store, path) is None:
        _create(zarr.open_group(store, mode="a"), path)
    slots = {scene_id: finding.slot for scene_id, finding in index(store, path).items()}
    chunks: dict[str, bytes] = {}
    rows: dict[int, tuple[str, ...]] = {}
    made: dict[str, str] = {}
    """Places of layouts met before: thousands of scenes share one."""
    for detection in detections:
        slot = slots.setdefault(detection.scene_id, len(slots))
        places: dict[str, str | None] = {"occupancy": None, "strips": None}
        for kind, packed in (
            ("occupancy", evidence.packed_occupancy(detection.occupancy)),
            ("strips", evidence.packed_strips(detection.strips)),
        ):
            if packed is not None:
                layout = f"{kind}/{packed.digest}"
                if layout not in made:
                    made[layout] = evidence.ensure(store, f"{path}/{kind}", packed)
                place = made[layout]
                chunks |= [evidence.encoded(place, slot, packed)]
                places[kind] = place
        said: dict[str, Any] = {
            "id": detection.scene_id,
            "registration": wording.registration_to_json(detection.registration),
            "inputs": detection.inputs,
            **places,
        }
        if detection.sighting is not None:
            one = detection.sighting
            said["sighting"] = [one.rests_on, one.usable, one.said]
        rows[slot] = (
            json.dumps(said, ensure_ascii=False),
            wording.counts_to_json(detection.counts),
            wording.cars_to_json(detection.cars),
        )
    chunk.put(store, chunks)
    _write_rows(store, path, rows, len(slots))


def column(store: Any, path: str, name: str) -> list[str]:
    """Return one JSON column by slot; empty where there are no findings.

    Reads chunks themselves: zarr asks for the metadata of each group and array first.
    """
    count = _rows(store, path) or 0
    keys = [_key(path, name, number) for number in range(-(-count // CHUNK))]
    there = {key: chunk.text_decoded(said, key) for key, said in chunk.get(store, keys)}
    return [text for key in keys for text in there.get(key, [""] * CHUNK)][:count]


def _rows(store: Any, path: str) -> int | None:
    """How many scenes have a slot; None where nothing was ever found."""
    meta = _meta(path)
    for _, said in chunk.get(store, [meta]):
        return int(json.loads(said)["attributes"]["rows"])
    return None


def _meta(path: str) -> str:
    return f"{path}/scenes/zarr.json"


def _key(path: str, name: str, number: int) -> str:
    return f"{path}/{name}/c/{number}"


def _create(root: zarr.Group, path: str) -> None:
    group = root.create_group(path)
    for name in COLUMNS:
        made = group.create_array(
            name,
            shape=(SLOTS,),
            chunks=(CHUNK,),
            dtype=StringDType(),
            fill_value="",
            compressors=chunk.text_codecs(),
        )
        made.attrs["rows"] = 0


def _write_rows(store: Any, path: str, rows: dict[int, tuple[str, ...]], count: int) -> None:
    """Write rows by slot into their chunks, each of which is read and written once."""
    touched = sorted({slot // CHUNK for slot in rows})
    keys = {_key(path, name, number): number for name in COLUMNS for number in touched}
    there = dict(chunk.get(store, [*keys, _meta(path)]))
    meta = json.loads(there[_meta(path)])
    meta["attributes"]["rows"] = count
    written = {_meta(path): json.dumps(meta).encode()}
    for i, name in enumerate(COLUMNS):
        for number in touched:
            key = _key(path, name, number)
            texts = chunk.text_decoded(there[key], key) if key in there else [""] * CHUNK
            for slot, said in rows.items():
                if slot // CHUNK == number:
                    texts[slot % CHUNK] = said[i]
            written[key] = chunk.text_encoded(texts, CHUNK)
    chunk.put(store, written)
