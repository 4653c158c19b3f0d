"""The figures inside the page: contract 4's rows by column, as small as JSON makes them."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from railwatch.count import FACILITY
from railwatch.publication import feed, geojson
from railwatch.publication.content import Content, Listed
from railwatch.publication.evidence import Names, chip
from railwatch.publication.frame import Frame
from railwatch.publication.parquet import Row, is_rendered
from railwatch.publication.report.figures import speaking
from railwatch.scene import Scene, SceneRaster

MAX_ROWS = 14_000
"""So many rows go into the page, about 1.2 MB; older siding rows beyond it are in the Parquet."""

MAP_PIXELS = 1100
"""Greatest width of the map's picture, pixels."""
MAP_QUALITY = 70

NUMBERS = {
    "m": "occupied_m",
    "ml": "occupied_m_low",
    "mh": "occupied_m_high",
    "c": "cars",
    "cl": "cars_low",
    "ch": "cars_high",
    "clear": "clear_fraction",
    "v": "visible_m",
}
"""Short name in the page by column."""

DECIMALS = {"clear": 2, "c": 2, "cl": 2, "ch": 2, "v": 0}


_NOON = dt.time(12, tzinfo=dt.UTC)
"""Where a day's reference count stands on the time axis."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What the page's script reads."""

    json: str
    left_out: int
    """Siding rows that were too many for the page."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What the page knows of evidence without holding it."""

    frames: Mapping[str, Frame]
    """By cube key."""
    names: Mapping[str, Names]
    """By scene id."""


def payload(content: Content, rows: Sequence[Row], pictures: Pictures) -> Payload:
    """Spell everything the page shows before evidence is opened."""
    kept = _kept(rows)
    order, scenes = _scenes(content, kept)
    sidings = [FACILITY, *sorted({row["siding_id"] for row in kept} - {FACILITY})]
    refusals = sorted({row["refusal"] for row in kept if row["refusal"] is not None})
    columns: dict[str, list[Any]] = {
        "s": [order[row["scene_id"]] for row in kept],
        "k": [sidings.index(row["siding_id"]) for row in kept],
        "g": [row["resolution_class"] for row in kept],
        "r": [None if row["refusal"] is None else refusals.index(row["refusal"]) for row in kept],
    }
    for short, name in NUMBERS.items():
        columns[short] = [_short(row[name], DECIMALS.get(short, 1)) for row in kept]
    opened = speaking([row for row in kept if row["siding_id"] == FACILITY])
    said = {
        "area": content.area.id,
        "members": {key: content.members.get(key, ()) for key in sidings},
        "names": {siding.id: siding.name for siding in content.area.sidings if siding.name},
        "sidings": sidings,
        "refusals": refusals,
        "scenes": scenes,
        "rows": columns,
        "statements": [
            {
                "kind": s.kind.value,
                "t": s.when.timestamp(),
                "scene": order.get(s.scene_id or ""),
                "sentence": s.sentence,
            }
            for s in feed.statements(content)
        ],
        "latest": _latest(content),
        "evidence": [_evidence(pictures.names.get(scene_id)) for scene_id in order],
        "frames": {
            key: {"width": frame.width, "height": frame.height, "lines": frame.lines()}
            for key, frame in pictures.frames.items()
        },
        "map": _map(content, pictures),
        "open": None if opened is None else order[opened["scene_id"]],
        "sensitivity": _sensitivity(content),
        "references": [
            {
                "day": reference.date.isoformat(),
                "t": int(dt.datetime.combine(reference.date, _NOON).timestamp()),
                "k": reference.siding_id,
                "c": reference.cars,
                "by": f"{reference.who}, {reference.source}",
            }
            for reference in content.references
        ],
    }
    return Payload(
        json.dumps(said, separators=(",", ":"), ensure_ascii=False, allow_nan=False),
        len(rows) - len(kept),
    )


def _evidence(named: Names | None) -> list[str | None] | None:
    """File names of a scene's chip, overlay and strips."""
    return None if named is None else [named.chip, named.overlay, named.strips]


def _map(content: Content, pictures: Pictures) -> dict[str, Any]:
    """Choose the ground the map is drawn on: the latest scene that gave metres, at its sharpest."""
    counted = [
        listed.scene
        for listed in content.used
        if listed.scene is not None
        and (row := content.facility_by_scene.get(listed.item_id)) is not None
        and row.occupied_m is not None
    ]
    if not counted:
        return {"frame": "", "images": [], "caption": ""}
    ground = max(counted, key=lambda scene: (-scene.gsd_m, scene.acquired))
    frame = pictures.frames[ground.cube_key]
    # A sharp scene is stored beside the tracks alone: the latest coarser one shows the rest.
    wider = [scene for scene in counted if scene.gsd_m > ground.gsd_m and len(scene.bands) > 2]
    images = [_image(content, scene, pictures, frame) for scene in (*wider[-1:], ground)]
    return {
        "frame": ground.cube_key,
        "images": images,
        "caption": f"ground: {ground.id}, {ground.acquired:%Y-%m-%d}",
    }


def _image(content: Content, scene: Scene, pictures: Pictures, frame: Frame) -> list[str | float]:
    """Give a scene's picture and its place in another frame: left, top, width, height, pixels."""
    own = pictures.frames[scene.cube_key]
    gsd_m, west = own.grid.gsd_m, own.grid.west + own.columns.start * own.grid.gsd_m
    north = own.grid.north - own.rows.start * gsd_m
    left = west - frame.grid.west - frame.columns.start * frame.grid.gsd_m
    top = frame.grid.north - frame.rows.start * frame.grid.gsd_m - north
    place = (left, top, own.width * gsd_m, own.height * gsd_m)
    return [_picture(content, scene.id, own), *(round(m / frame.grid.gsd_m, 2) for m in place)]


def _picture(content: Content, scene_id: str, frame: Frame) -> str:
    """Chip as a data URI, thinned to `MAP_PIXELS` across: it is inside the page."""
    raster = content.reader.pixels(scene_id, frame.rows, frame.columns)
    step = max(1, -(-frame.width // MAP_PIXELS))
    thin = SceneRaster(
        raster.bands,
        np.ascontiguousarray(raster.values[:, ::step, ::step]),
        np.ascontiguousarray(raster.mask[::step, ::step]),
    )
    return "data:image/webp;base64," + base64.b64encode(chip(thin, quality=MAP_QUALITY)).decode()


def _kept(rows: Sequence[Row]) -> list[Row]:
    """Every facility row and the newest siding rows, in their order."""
    spare = MAX_ROWS - sum(row["siding_id"] == FACILITY for row in rows)
    others = sum(row["siding_id"] != FACILITY for row in rows)
    skip = max(0, others - max(0, spare))
    kept = []
    for row in rows:
        if row["siding_id"] == FACILITY:
            kept.append(row)
        elif skip:
            skip -= 1
        else:
            kept.append(row)
    return kept


def _scenes(content: Content, rows: Sequence[Row]) -> tuple[dict[str, int], dict[str, list[Any]]]:
    """Index by scene id, and what the page knows of each scene, by column."""
    listed = {row.item_id: row for row in content.listed}
    ids = list(dict.fromkeys(row["scene_id"] for row in rows))
    first = {row["scene_id"]: row for row in reversed(rows)}
    sensors = sorted({first[i]["sensor"] for i in ids if first[i]["sensor"]})
    collections = sorted({row.scene.collection for row in listed.values() if row.scene})
    columns: dict[str, list[Any]] = {
        "id": ids,
        "t": [_seconds(first[i]) for i in ids],
        "sensor": [sensors.index(first[i]["sensor"]) if first[i]["sensor"] else None for i in ids],
        "sensors": sensors,
        "gsd": [first[i]["gsd_m"] for i in ids],
        "cube": [_cube(listed.get(i)) for i in ids],
        "collections": collections,
        "collection": [_place(collections, listed.get(i)) for i in ids],
        "checksum": [listed[i].checksum if i in listed else "" for i in ids],
        "rendered": [int(i in listed and is_rendered(listed[i])) for i in ids],
    }
    return {scene_id: at for at, scene_id in enumerate(ids)}, columns


def _place(collections: Sequence[str], listed: Listed | None) -> int | None:
    """Place of a scene's collection among all of them."""
    return collections.index(listed.scene.collection) if listed and listed.scene else None


def _cube(listed: Listed | None) -> str:
    """Key of the cube a scene is in."""
    return listed.scene.cube_key if listed and listed.scene else ""


def _seconds(row: Row) -> int | None:
    """Sensing time in whole seconds since 1970."""
    return None if row["acquired"] is None else int(row["acquired"].timestamp())


def _latest(content: Content) -> list[dict[str, Any]]:
    """Latest state of each siding for the map and its table."""
    states = []
    for feature in geojson.siding_features(content):
        state = feature["properties"]
        when = state["acquired"]
        states.append(
            {
                "id": state["siding_id"],
                "counted_as": state["counted_as"],
                "t": None if when is None else _stamp(when),
                "m": _short(state["occupied_m"], 1),
                "ml": _short(state["occupied_m_low"], 1),
                "mh": _short(state["occupied_m_high"], 1),
                "visible": _short(state["visible_m"], 1),
                "share": _short(state["occupied_share"], 3),
                "c": _short(state["cars"], 2),
                "cl": _short(state["cars_low"], 2),
                "ch": _short(state["cars_high"], 2),
                "refusal": state["last_refusal"],
            }
        )
    return states


def _stamp(iso: str) -> int:
    """Whole seconds since 1970 of an ISO 8601 time."""
    return int(dt.datetime.fromisoformat(iso).timestamp())


def _sensitivity(content: Content) -> dict[str, Any] | None:
    """Give the curve as lists."""
    curve = content.sensitivity
    if curve is None:
        return None
    return {
        "cars": list(curve.cars),
        "probability": list(curve.probability),
        "low": list(curve.low),
        "high": list(curve.high),
    }


def _short(value: float | None, decimals: int) -> float | int | None:
    """Round for the page; whole numbers lose their point."""
    if value is None:
        return None
    rounded = round(float(value), decimals)
    return int(rounded) if rounded == int(rounded) else rounded
