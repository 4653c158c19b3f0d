"""Maps: the sidings with their latest state, and single cars, as GeoJSON (RFC 7946, WGS84)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyproj

from railwatch.count import FACILITY, Car, Count
from railwatch.publication.content import Content, utc
from railwatch.siding import HiddenStretch

Feature = dict[str, Any]
"""One GeoJSON feature."""

DECIMALS = 7
"""Of a degree: 1 cm."""

SIDING_COLUMNS: dict[str, str] = {
    "siding_id": "string",
    "name": "string",
    "kind": "string",
    "valid_from": "string",
    "valid_to": "string",
    "visible": "bool",
    "counted_as": "string",
    "acquired": "time",
    "scene_id": "string",
    "resolution_class": "string",
    "occupied_m": "float",
    "occupied_m_low": "float",
    "occupied_m_high": "float",
    "visible_m": "float",
    "occupied_share": "float",
    "cars": "float",
    "cars_low": "float",
    "cars_high": "float",
    "last_refusal": "string",
    "siding_set": "string",
    "detector": "string",
}
"""Properties of a siding, by type; `counted_as` is the `siding_id` of the row they come from."""

STATE = tuple(name for name in SIDING_COLUMNS if name not in {"siding_id", "name", "kind"})[3:-3]
"""Properties that come from the latest count."""

CAR_COLUMNS: dict[str, str] = {
    "siding_id": "string",
    "scene_id": "string",
    "acquired": "time",
    "from_m": "float",
    "to_m": "float",
    "probability": "float",
    "kind": "string",
    "tarp": "bool",
}
"""Properties of a car, by type."""


def collection(features: list[Feature]) -> dict[str, Any]:
    """Wrap features."""
    return {"type": "FeatureCollection", "features": features}


def siding_features(content: Content) -> list[Feature]:
    """Give every siding the latest count that covers it; its group's where it has none of its own.

    A refused scene says nothing new about a siding, so the state is that of the last scene that
    gave metres, and `last_refusal` names the reason if a later scene was refused.
    """
    latest: dict[str, Count] = {}
    refused: dict[str, Count] = {}
    for count in content.counts:
        if count.siding_id == FACILITY:
            continue
        for member in content.members.get(count.siding_id, ()):
            if count.occupied_m is None:
                refused[member] = count
            else:
                latest[member] = count
                refused.pop(member, None)
    return [
        {
            "type": "Feature",
            "id": siding.id,
            "geometry": {
                "type": "LineString",
                "coordinates": [list(p) for p in siding.coordinates],
            },
            "properties": {
                "siding_id": siding.id,
                "name": siding.name,
                "kind": siding.kind.value,
                "valid_from": None if siding.valid_from is None else str(siding.valid_from),
                "valid_to": None if siding.valid_to is None else str(siding.valid_to),
                "visible": siding.visible,
                "hidden": [_stretch(stretch) for stretch in siding.hidden],
                **_state(latest.get(siding.id)),
                "last_refusal": _refusal(refused.get(siding.id)),
                "siding_set": content.siding_set,
                "detector": content.detector,
            },
        }
        for siding in content.area.sidings
    ]


def _stretch(stretch: HiddenStretch) -> dict[str, Any]:
    """Say where no satellite sees the track, as area files do."""
    said = {"from_m": stretch.from_m, "to_m": stretch.to_m}
    days = {"since": stretch.since, "until": stretch.until}
    return said | {name: str(day) for name, day in days.items() if day is not None}


def _state(count: Count | None) -> dict[str, Any]:
    """Properties that come from a count; all null where there is none."""
    if count is None:
        return dict.fromkeys(STATE)
    share = None
    if count.occupied_m is not None and count.visible_m > 0:
        share = count.occupied_m / count.visible_m
    return {
        "counted_as": count.siding_id,
        "acquired": utc(count.acquired),
        "scene_id": count.scene_id,
        "resolution_class": count.resolution_class.value,
        "occupied_m": count.occupied_m,
        "occupied_m_low": count.occupied_m_low,
        "occupied_m_high": count.occupied_m_high,
        "visible_m": count.visible_m,
        "occupied_share": share,
        "cars": count.cars,
        "cars_low": count.cars_low,
        "cars_high": count.cars_high,
    }


def _refusal(count: Count | None) -> str | None:
    """Reason code of a refused count."""
    return None if count is None or count.refusal is None else count.refusal.value


def car_features(
    content: Content, scene_id: str, acquired: str, cars: Iterable[Car]
) -> list[Feature]:
    """Outline every car of one scene."""
    to_wgs84 = pyproj.Transformer.from_crs(content.area.sidings.utm, 4326, always_xy=True)
    return [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [_ring(car, to_wgs84)]},
            "properties": {
                "siding_id": car.siding_id,
                "scene_id": scene_id,
                "acquired": acquired,
                "from_m": car.from_m,
                "to_m": car.to_m,
                "probability": car.probability,
                "kind": car.kind,
                "tarp": car.tarp,
            },
        }
        for car in cars
    ]


def _ring(car: Car, to_wgs84: pyproj.Transformer) -> list[list[float]]:
    """Outline in degrees, closed and counter-clockwise as RFC 7946 asks."""
    x, y = np.asarray(car.outline, dtype=np.float64).T
    if float(np.sum((np.roll(x, -1) - x) * (np.roll(y, -1) + y))) > 0:
        x, y = x[::-1], y[::-1]
    lon, lat = to_wgs84.transform(x, y)
    ring = [
        [round(float(a), DECIMALS), round(float(b), DECIMALS)]
        for a, b in zip(lon, lat, strict=True)
    ]
    return ring if ring[0] == ring[-1] else [*ring, ring[0]]
