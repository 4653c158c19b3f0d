"""The STAC 1.1 catalog: a collection an area, an item a scene, assets for every published object.

Documents are made with pystac and link each other relatively, so the tree can be copied, served
from a bucket or read from a folder. The two extensions named (processing, projection) are the ones
whose fields are used.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pystac
import shapely

from railwatch import __version__
from railwatch.errors import IntegrityError
from railwatch.publication.content import Content, Listed, slug
from railwatch.publication.pointer import CATALOG, MISREAD

PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"
PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"

PARQUET = "application/vnd.apache.parquet"
ZARR = "application/vnd.zarr; version=3"
NDJSON = "application/x-ndjson"

ITEM_MARGIN_DEG = 0.001
"""Added around the sidings for an item's footprint, about 100 m."""


def collection(content: Content, assets: dict[str, tuple[str, str, str]]) -> dict[str, Any]:
    """Describe the area.

    Parameters
    ----------
    content
        What is published.
    assets
        (href, media type, title) of each published object, by key.
    """
    times = [row.scene.acquired for row in content.used if row.scene]
    interval: list[list[dt.datetime | None]] = [
        [min(times, default=None), max(times, default=None)]
    ]
    made = pystac.Collection(
        id=content.area.id,
        title=content.area.name,
        description=f"Railcars standing on sidings of {_plain(content.area.name)}, by scene.",
        extent=pystac.Extent(
            pystac.SpatialExtent([list(footprint(content).bounds)]),
            pystac.TemporalExtent(interval),
        ),
        license="other",
        keywords=["railway", "railcars", "change detection"],
        providers=[
            pystac.Provider(
                "railwatch",
                roles=[pystac.ProviderRole.PROCESSOR],
                extra_fields={"processing:software": {"railwatch": __version__}},
            )
        ],
        summaries=pystac.Summaries(
            {"platform": sorted({row.scene.platform for row in content.used if row.scene})}
        ),
        stac_extensions=[PROCESSING],
        extra_fields={
            "railwatch:siding_set": content.siding_set,
            "railwatch:detector": content.detector,
            "railwatch:snapshot": content.snapshot,
            "railwatch:publication": content.id,
        },
    )
    for key, (href, media_type, title) in assets.items():
        made.add_asset(key, pystac.Asset(href, title=title, media_type=media_type, roles=["data"]))
    said = made.to_dict(include_self_link=False)
    said["links"] = [
        {"rel": "root", "href": "../../../../../catalog.json", "type": "application/json"},
        {"rel": "parent", "href": "../../../../../catalog.json", "type": "application/json"},
        *[
            {"rel": "item", "href": f"items/{row.slug}.json", "type": "application/geo+json"}
            for row in content.used
        ],
    ]
    return said


def item(
    content: Content, listed: Listed, assets: dict[str, tuple[str, str, str]]
) -> dict[str, Any]:
    """Describe one scene and what was made of it.

    Says nothing that a new scene changes, so that those of all others stay as they are: what else
    it is made of must be in `edition.items`.

    Raises
    ------
    ValueError
        The listed scene never reached the cube, so there is nothing to describe.
    """
    scene = listed.scene
    if scene is None:
        raise ValueError(f"{listed.item_id}: only scenes in the cube have an item")
    ground = footprint(content)
    made = pystac.Item(
        id=slug(scene.id),
        geometry=json.loads(shapely.to_geojson(ground)),
        bbox=list(ground.bounds),
        datetime=scene.acquired.astimezone(dt.UTC),
        properties={
            "platform": scene.platform,
            "gsd": scene.gsd_m,
            "proj:code": f"EPSG:{content.area.sidings.utm.to_epsg()}",
            "processing:software": {"railwatch": __version__},
            "processing:lineage": (
                f"Counted by detector {content.detector} on siding set {content.siding_set}; "
                "the collection names the state of the record."
            ),
            "railwatch:scene_id": scene.id,
            "railwatch:source_collection": scene.collection,
            "railwatch:scene_digest": scene.digest,
            "railwatch:raster_checksum": listed.checksum,
            "railwatch:inputs": listed.inputs,
            **summary(content, scene.id),
        },
        collection=content.area.id,
        stac_extensions=[PROCESSING, PROJECTION],
    )
    for key, (href, media_type, title) in assets.items():
        role = "overview" if media_type.startswith("image/") else "data"
        made.add_asset(key, pystac.Asset(href, title=title, media_type=media_type, roles=[role]))
    said = made.to_dict(include_self_link=False)
    said["links"] = [
        {"rel": "root", "href": "../../../../../../catalog.json", "type": "application/json"},
        {"rel": "parent", "href": "../collection.json", "type": "application/json"},
        {"rel": "collection", "href": "../collection.json", "type": "application/json"},
    ]
    return said


def catalog(areas: dict[str, str]) -> dict[str, Any]:
    """Write the root: one child an area.

    Parameters
    ----------
    areas
        Publication id by area id.
    """
    made = pystac.Catalog(
        id="railwatch",
        title="Railcars standing on sidings",
        description="Counts of standing railcars from satellite time series, an area a collection.",
    )
    said = made.to_dict(include_self_link=False)
    said["links"] = [
        {"rel": "root", "href": "./catalog.json", "type": "application/json"},
        *[
            {
                "rel": "child",
                "href": f"./areas/{area}/publications/{publication}/stac/collection.json",
                "type": "application/json",
                "title": area,
            }
            for area, publication in sorted(areas.items())
        ],
    ]
    return said


def children(data: bytes) -> dict[str, str]:
    """Read publication id by area id back from the root.

    Raises
    ------
    IntegrityError
        It is no catalog of areas.
    """
    found = {}
    try:
        for link in json.loads(data)["links"]:
            if link["rel"] == "child":
                parts = str(link["href"]).split("/")
                found[parts[2]] = parts[4]
    except MISREAD as exc:
        raise IntegrityError(
            f"{CATALOG}: not a catalog of areas ({exc}): railwatch verify --store ... --repair "
            "makes it again"
        ) from exc
    return found


def footprint(content: Content) -> shapely.Polygon:
    """Box around the sidings, WGS84."""
    points = np.asarray([p for siding in content.area.sidings for p in siding.coordinates])
    west, south = points.min(axis=0) - ITEM_MARGIN_DEG
    east, north = points.max(axis=0) + ITEM_MARGIN_DEG
    west, south, east, north = (round(float(v), 6) for v in (west, south, east, north))
    return shapely.box(west, south, east, north)


def summary(content: Content, scene_id: str) -> dict[str, Any]:
    """Facility figures of one scene."""
    count = content.facility_by_scene.get(scene_id)
    if count is None:
        return {}
    return {
        "railwatch:occupied_m": count.occupied_m,
        "railwatch:occupied_m_interval": [count.occupied_m_low, count.occupied_m_high],
        "railwatch:cars": count.cars,
        "railwatch:cars_interval": [count.cars_low, count.cars_high],
        "railwatch:refusal": None if count.refusal is None else count.refusal.value,
    }


def _plain(text: str) -> str:
    """Text that a CommonMark reader shows as it is."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+-.!|&" else c for c in text)
