"""From the catalog's items to scenes: one a pass, in its newest processing.

The catalog lists an acquisition once a processing baseline and once a tile of Sentinel-2's grid. A
Process request mosaics what lies in its time window, so all tiles of one pass make one scene here,
asked and paid for once. Which processing the service shows is decided by the window and its order,
for it shows the newest *sensed* first, and CDSE dates the older processing a second later.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import shapely
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from railwatch.acquisition import newest_versions
from railwatch.scene import Rejection, Scene
from railwatch.sources import Found
from railwatch.sources.sentinel_hub.collection import Collection

_S2 = re.compile(
    r"^S2[A-Z]_MSIL(?:1C|2A)_(?P<datatake>\d{8}T\d{6})_N(?P<baseline>\d{4})_R(?P<orbit>\d{3})"
    r"_T(?P<tile>\d{2}[A-Z]{3})_(?P<made>\d{8}T\d{6})"
)
_S1 = re.compile(r"^S1(?P<unit>[A-Z])_\w{2}_GRD\w_\w{4}_\d{8}T\d{6}_\d{8}T\d{6}_(?P<orbit>\d{6})_")
_S1_FIRST_ORBIT = {"A": 73, "B": 27, "C": 172}
"""Absolute orbit at which each Sentinel-1 began to count relative orbits; a cycle has 175.

ESA, Sentinel-1 product specification: relative = (absolute - first) mod 175 + 1.
"""
_MOST_ID = 200
_ODD = (ValueError, LookupError, TypeError, AttributeError, OverflowError, ShapelyError)
"""What reading an item raises where its values are of other types and sizes than they should be."""


def scenes_of(
    items: Iterable[Mapping[str, Any]], collection: Collection, place: BaseGeometry
) -> list[Found]:
    """Turn the catalog's items into scenes, one a pass, ordered by (acquired, id).

    Parameters
    ----------
    items
        In any order; repeated items count once.
    collection
        Where they are from.
    place
        What is watched, WGS84; of several tiles the one that covers most of it names the scene.
    """
    scenes: dict[str, Scene] = {}
    outlines: dict[str, BaseGeometry] = {}
    rejected: dict[str, Found] = {}
    for item in items:
        item_id = str(item.get("id", ""))[:_MOST_ID]
        try:
            scenes[item_id] = _scene(item, collection)
            # A footprint that crosses itself could not be cut with the place.
            outlines[item_id] = shapely.make_valid(shape(_plain(item["geometry"])))
        except _ODD as exc:
            scenes.pop(item_id, None)
            detail = f"{type(exc).__name__}: {exc}"
            rejected[item_id] = Found(item_id, None, Rejection.BAD_ITEM, detail)
    kept, superseded = newest_versions(scenes.values())
    older: dict[str, list[Scene]] = defaultdict(list)
    for old, new in superseded.items():
        older[new].append(scenes[old])
    passes: dict[str, list[Scene]] = defaultdict(list)
    for scene in kept:
        passes[_pass_of(scene)].append(scene)
    merged = [
        _merged(tiles, [s for t in tiles for s in older[t.id]], outlines, place)
        for tiles in passes.values()
    ]
    return sorted([*rejected.values(), *merged], key=_order)


def period_of(scene: Scene) -> tuple[dt.datetime, dt.datetime]:
    """Earliest and latest sensing time of the scene's tiles.

    A deployment that lists whole seconds cuts the rest off, so the last second is taken whole.
    """
    said = scene.properties
    start = dt.datetime.fromisoformat(str(said.get("sh:from", scene.acquired.isoformat())))
    end = dt.datetime.fromisoformat(str(said.get("sh:to", scene.acquired.isoformat())))
    return start, end if end.microsecond else end + dt.timedelta(milliseconds=999)


def selection_of(scene: Scene, collection: Collection) -> dict[str, Any]:
    """Write the request's `dataFilter`: the scene's window and which tile lies on top."""
    start, end = period_of(scene)
    selection: dict[str, Any] = {
        "timeRange": {"from": _moment(start), "to": _moment(end)},
        "mosaickingOrder": str(scene.properties.get("sh:order", "leastRecent")),
    }
    if collection.radar:
        selection |= {"acquisitionMode": "IW", "polarization": "DV", "resolution": "HIGH"}
    return selection


def _scene(item: Mapping[str, Any], collection: Collection) -> Scene:
    """Read one item."""
    item_id, said = item["id"], item["properties"]
    if not isinstance(item_id, str) or not re.fullmatch(rf"[\w.:\-]{{1,{_MOST_ID}}}", item_id):
        raise ValueError("id: letters, digits and . : - _ only")
    acquired = dt.datetime.fromisoformat(said["datetime"])
    if acquired.tzinfo is None:
        acquired = acquired.replace(tzinfo=dt.UTC)
    box = [float(v) for v in item["bbox"]]
    properties: dict[str, object] = {"bbox": box}
    if "eo:cloud_cover" in said:
        properties["eo:cloud_cover"] = float(said["eo:cloud_cover"])
    orbit, processed = None, ""
    if name := _S2.match(item_id):
        orbit, processed = f"R{name['orbit']}", f"N{name['baseline']}_{name['made']}"
        properties |= {"s2:mgrs_tile": name["tile"], "sh:pass": name["datatake"]}
    elif name := _S1.match(item_id):
        first = _S1_FIRST_ORBIT.get(name["unit"])
        state = {"ascending": "asc", "descending": "desc"}.get(str(said.get("sat:orbit_state")))
        relative = "" if first is None else f"R{(int(name['orbit']) - first) % 175 + 1:03d}"
        orbit = "-".join(part for part in (state, relative) if part) or None
        properties["sh:pass"] = name["orbit"]
    return Scene(
        item_id,
        collection.id,
        acquired.astimezone(dt.UTC),
        str(said.get("platform", "unknown")).lower(),
        collection.gsd_m,
        tuple(collection.bands),
        orbit=orbit,
        processed=processed,
        properties=properties,
    )


def _pass_of(scene: Scene) -> str:
    """Name the pass a scene belongs to: datatake or orbit, else the scene alone."""
    named = scene.properties.get("sh:pass")
    return f"{scene.platform} {named}" if named else scene.id


def _merged(
    tiles: list[Scene],
    older: list[Scene],
    outlines: Mapping[str, BaseGeometry],
    place: BaseGeometry,
) -> Found:
    """Make one scene of the tiles of a pass."""

    def covers(scene: Scene) -> tuple[float, str]:
        part = shapely.intersection(outlines[scene.id], place)
        return (-round(float(shapely.area(part)), 9), scene.id)

    named = min(tiles, key=covers)
    times = [tile.acquired for tile in tiles]
    clouds = [c for t in tiles if isinstance(c := t.properties.get("eo:cloud_cover"), float)]
    merged = replace(
        named,
        properties={
            **named.properties,
            **({"eo:cloud_cover": min(clouds)} if clouds else {}),
            "sh:items": sorted(t.id for t in tiles),
            "sh:from": min(times).isoformat(),
            "sh:to": max(times).isoformat(),
        },
    )
    order = _order_that_hides(older, tiles, merged)
    if order is None:
        detail = f"{older[0].id}: lies in the same time window, so it cannot be told apart"
        return Found(named.id, None, Rejection.BAD_ITEM, detail)
    return Found(named.id, replace(merged, properties={**merged.properties, "sh:order": order}))


def _order_that_hides(older: list[Scene], tiles: list[Scene], merged: Scene) -> str | None:
    """Choose the mosaicking order that puts the newest processing on top; None: neither does."""
    start, end = period_of(merged)
    mine = {t.properties.get("s2:mgrs_tile"): t.acquired for t in tiles}
    inside = [s for s in older if start <= s.acquired <= end]
    leads = [s.acquired - mine[s.properties.get("s2:mgrs_tile")] for s in inside]
    if all(lead > dt.timedelta(0) for lead in leads):
        return "leastRecent"
    return "mostRecent" if all(lead < dt.timedelta(0) for lead in leads) else None


def _plain(geometry: Mapping[str, Any]) -> dict[str, Any]:
    """Leave the `crs` member out, which the catalog adds to its geometries."""
    return {"type": geometry["type"], "coordinates": geometry["coordinates"]}


def _order(found: Found) -> tuple[dt.datetime, str]:
    """Sort by (acquired, id); what is no scene comes first."""
    earliest = dt.datetime.min.replace(tzinfo=dt.UTC)
    return (found.scene.acquired if found.scene else earliest, found.item_id)


def _moment(moment: dt.datetime) -> str:
    """Write a time as the service takes it, with milliseconds."""
    text = moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return f"{text}Z"
