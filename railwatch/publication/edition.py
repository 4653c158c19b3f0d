"""An edition: all objects of one publication folder, built from its content.

Objects are made one after another and handed on, so the whole folder is never in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from railwatch.count import ResolutionClass
from railwatch.detector.resolution import resolution_class
from railwatch.publication import evidence, feed, geojson, parquet, stac
from railwatch.publication.content import Content, Listed, utc
from railwatch.publication.cube import PIXELS, cube_name
from railwatch.publication.evidence import SVG, WEBP, Names, Picture
from railwatch.publication.history import Manifest
from railwatch.publication.parquet import Row
from railwatch.publication.pointer import LINKS
from railwatch.publication.report import area_page
from railwatch.publication.report.payload import Pictures
from railwatch.publication.zarr import Block, Tree

JSON = "application/json"
GEOJSON = "application/geo+json"
HTML = "text/html; charset=utf-8"
OCTETS = "application/octet-stream"

CUBE = "cube.zarr"
"""Root of the published Zarr in the folder."""


@dataclass(frozen=True, slots=True)
class Part:
    """One object of an edition."""

    path: str
    """Below the publication's folder."""
    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Same:
    """One object that the publication before holds already, byte for byte."""

    path: str
    """Below either folder."""


TITLES: dict[str, tuple[str, str]] = {
    "counts": (stac.PARQUET, "Counts, one row a siding and scene"),
    "sidings": (GEOJSON, "Sidings with their latest state"),
    "sidings_geoparquet": (stac.PARQUET, "Sidings with their latest state, GeoParquet"),
    "cars": (GEOJSON, "Single cars"),
    "cars_geoparquet": (stac.PARQUET, "Single cars, GeoParquet"),
    "events": (stac.NDJSON, "Records, surges and refusal streaks"),
    "cube": (stac.ZARR, "Imagery, strips, occupancy and counts as plain Zarr v3"),
    "report": ("text/html", "Report for people"),
}
"""Media type and title of the assets of an area's STAC collection."""


def parts(content: Content, rows: Sequence[Row], pictures: Pictures, tree: Tree) -> Iterator[Part]:
    """Build every object of the folder.

    Parameters
    ----------
    content
        What is published.
    rows
        Contract 4's rows with their times of publication.
    pictures
        What the evidence beside the folder is called.
    tree
        The published Zarr; its blocks are built apart, by `scene_parts`.
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
        said = stac.item(content, listed, _item_assets(pictures.names[listed.item_id]))
        yield Part(f"stac/items/{listed.slug}.json", _json(said), GEOJSON)
    for key, data in tree.objects():
        yield Part(f"{CUBE}/{key}", data, JSON if key.endswith("zarr.json") else OCTETS)
    yield Part("report/index.html", area_page(content, rows, pictures), HTML)


def scene_parts(
    content: Content, pictures: Pictures, tree: Tree, before: Manifest | None
) -> Iterator[Part | Picture | Same]:
    """Give evidence that is new and the blocks of the published Zarr in one walk over the scenes.

    Walking once is what makes each scene's pixels be read once. Unchanged blocks are those of the
    folder before: nobody reads them.
    """
    have = frozenset(before.evidence if before else ())
    cubes: dict[str, list[Listed]] = {}
    for listed in content.used:
        if listed.scene is not None:
            cubes.setdefault(cube_name(listed.scene.cube_key), []).append(listed)
    held = _held(before)
    for block in sorted(tree.blocks(), key=lambda block: (_cube(block), block.start)):
        if block.array == f"{_cube(block)}/{PIXELS}":
            for listed in cubes[_cube(block)][block.start : block.stop]:
                yield from new_pictures(content, listed, pictures, have)
        prefix = f"{CUBE}/{block.prefix}"
        if before is not None and before.blocks.get(prefix) == block.digest:
            yield from (Same(path) for path in held.get(prefix, []))
        else:
            for path, data in block.make().items():
                yield Part(f"{CUBE}/{path}", data, OCTETS)


def new_pictures(
    content: Content, listed: Listed, pictures: Pictures, have: frozenset[str]
) -> Iterator[Picture]:
    """Draw those pictures of a scene that are not there yet."""
    if listed.scene is not None:
        frame = pictures.frames[listed.scene.cube_key]
        yield from evidence.pictures(content, listed, pictures.names[listed.item_id], frame, have)


def _cube(block: Block) -> str:
    """Group of the cube that a block is of."""
    return block.array.split("/", maxsplit=1)[0]


def _held(before: Manifest | None) -> dict[str, list[str]]:
    """Objects of each block of the publication before, by the block's prefix."""
    held: dict[str, list[str]] = {}
    for path in before.objects if before else ():
        array, found, chunk = path.partition("/c/")
        if found:
            held.setdefault(f"{array}/c/{chunk.split('/')[0]}", []).append(path)
    return held


def _item_assets(named: Names) -> dict[str, tuple[str, str, str]]:
    """Assets of one scene."""
    beside = "../../../../evidence/"
    assets = {
        "counts": ("../../counts.parquet", *TITLES["counts"]),
        "thumbnail": (beside + named.chip, WEBP, "The sidings in this scene"),
    }
    if named.overlay is not None and named.strips is not None:
        assets["detected"] = (beside + named.overlay, SVG, "Occupied track and cars over the chip")
        assets["strips"] = (beside + named.strips, SVG, "Strips along each siding by chainage")
    return assets


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
    """Whether single cars can be seen in it at all."""
    scene = listed.scene
    return scene is not None and resolution_class(scene.gsd_m, scene.bands) is ResolutionClass.A


def _json(said: Any) -> bytes:
    """Spell a document one way."""
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()
