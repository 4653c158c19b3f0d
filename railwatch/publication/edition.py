"""An edition: all objects of one publication folder, built from its content.

Objects are made one after another and handed on, so the whole folder is never in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from railwatch.publication import feed, geojson, parquet, stac
from railwatch.publication.content import Content, Listed, utc
from railwatch.publication.parquet import Row
from railwatch.publication.pointer import LINKS
from railwatch.publication.report import area_page

JSON = "application/json"
GEOJSON = "application/geo+json"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Part:
    """One object of an edition."""

    path: str
    """Below the publication's folder."""
    data: bytes
    content_type: str


TITLES: dict[str, tuple[str, str]] = {
    "counts": (stac.PARQUET, "Counts, one row a siding and scene"),
    "sidings": (GEOJSON, "Sidings with their latest state"),
    "sidings_geoparquet": (stac.PARQUET, "Sidings with their latest state, GeoParquet"),
    "cars": (GEOJSON, "Single cars"),
    "cars_geoparquet": (stac.PARQUET, "Single cars, GeoParquet"),
    "events": (stac.NDJSON, "Records, surges and refusal streaks"),
    "report": ("text/html", "Report for people"),
}
"""Media type and title of the assets of an area's STAC collection."""


def parts(content: Content, rows: Sequence[Row]) -> Iterator[Part]:
    """Build every object of the folder.

    Parameters
    ----------
    content
        What is published.
    rows
        Contract 4's rows with their times of publication.
    """
    sidings = geojson.siding_features(content)
    cars = _cars(content)
    yield Part("counts.parquet", parquet.counts_parquet(rows), stac.PARQUET)
    yield Part("sidings.geojson", _json(geojson.collection(sidings)), GEOJSON)
    yield Part("cars.geojson", _json(geojson.collection(cars)), GEOJSON)
    yield Part("sidings.parquet", parquet.geoparquet(sidings, geojson.SIDING_COLUMNS), stac.PARQUET)
    yield Part("cars.parquet", parquet.geoparquet(cars, geojson.CAR_COLUMNS), stac.PARQUET)
    yield Part("events.ndjson", feed.events_ndjson(content), stac.NDJSON)
    assets = {name: (f"../{LINKS[name]}", *TITLES[name]) for name in TITLES}
    yield Part("stac/collection.json", _json(stac.collection(content, assets)), JSON)
    for listed in content.used:
        said = stac.item(content, listed, _item_assets())
        yield Part(f"stac/items/{listed.slug}.json", _json(said), GEOJSON)
    yield Part("report/index.html", area_page(content, rows), HTML)


def _item_assets() -> dict[str, tuple[str, str, str]]:
    """Assets of one scene."""
    return {"counts": ("../../counts.parquet", *TITLES["counts"])}


def _cars(content: Content) -> list[geojson.Feature]:
    """Every car of every scene."""
    found: list[geojson.Feature] = []
    for listed in content.used:
        if listed.scene is not None and _has_cars(listed):
            cars = content.reader.detection(listed.item_id).cars
            when = utc(listed.scene.acquired)
            found += geojson.car_features(content, listed.item_id, when, cars)
    return found


def _has_cars(listed: Listed) -> bool:
    """Whether single cars can be seen in it at all: class A, up to 1 m."""
    return listed.scene is not None and listed.scene.gsd_m <= 1.0


def _json(said: Any) -> bytes:
    """Spell a document one way."""
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()
