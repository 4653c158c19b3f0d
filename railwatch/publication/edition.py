"""An edition: all objects of one publication folder, built from its content.

Objects are made one after another and handed on, so the whole folder is never in memory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from railwatch import __version__
from railwatch.count import ResolutionClass
from railwatch.detector.resolution import resolution_class
from railwatch.publication import evidence, feed, geojson, parquet, stac
from railwatch.publication.content import (
    Content,
    Listed,
    canonical,
    publisher_fingerprint,
    utc,
)
from railwatch.publication.cube import PIXELS, cube_name
from railwatch.publication.evidence import SVG, WEBP, Names, Picture
from railwatch.publication.history import Manifest
from railwatch.publication.parquet import Row
from railwatch.publication.pointer import LINKS
from railwatch.publication.report import area_page
from railwatch.publication.report.payload import Pictures
from railwatch.publication.zarr import Block, Encoded, Tree

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


class Held:
    """What the publication before holds already, and what each of it is made of."""

    def __init__(self, before: Manifest | None, get: Callable[[str], bytes]) -> None:
        self.evidence = frozenset(before.evidence if before else ())
        self.made_of = before.blocks if before else {}
        self._stamps = before.objects if before else {}
        self._get = get
        self._paths: dict[str, list[str]] = {}
        for path in self._stamps:
            array, found, chunk = path.partition("/c/")
            if found:
                prefix = f"{array}/c/{chunk.split('/')[0]}"
                self._paths.setdefault(prefix, []).append(path)

    def paths(self, prefix: str) -> list[str]:
        """Objects of a block."""
        return self._paths.get(prefix, [])

    def block(self, prefix: str) -> Encoded | None:
        """Read a block's objects, by key below the tree; None where one is not what was written."""
        found: Encoded = {}
        for path in self.paths(prefix):
            try:
                data = self._get(path)
            except KeyError:
                return None
            if stamp(data) != self._stamps[path]:
                return None
            found[path.removeprefix(f"{CUBE}/")] = data
        return found


def stamp(data: bytes) -> tuple[int, str]:
    """Size and SHA-256 of an object, as a manifest holds them."""
    return len(data), hashlib.sha256(data).hexdigest()


def parts(
    content: Content, rows: Sequence[Row], pictures: Pictures, tree: Tree, held: Held
) -> Iterator[Part | Same]:
    """Build every object of the folder that is not in the one before.

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
    held
        What the publication before holds.
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
    made_of = items(content, pictures)
    for listed in content.used:
        path = item_path(listed)
        if held.made_of.get(path) == made_of[path]:
            yield Same(path)
            continue
        said = stac.item(content, listed, _item_assets(pictures.names[listed.item_id]))
        yield Part(path, _json(said), GEOJSON)
    for key, data in tree.objects():
        yield Part(f"{CUBE}/{key}", data, JSON if key.endswith("zarr.json") else OCTETS)
    yield Part("report/index.html", area_page(content, rows, pictures), HTML)


def item_path(listed: Listed) -> str:
    """Where a scene's item is in the folder."""
    return f"stac/items/{listed.slug}.json"


def items(content: Content, pictures: Pictures) -> dict[str, str]:
    """Name what each scene's item is made of, by its path."""
    same = content.area.id, content.siding_set, content.detector, publisher_fingerprint()
    found = {}
    for listed in content.used:
        if listed.scene is not None:
            scene = listed.scene
            said = [
                [*same, __version__, listed.checksum, listed.inputs],
                [scene.id, scene.collection, scene.platform, scene.gsd_m, scene.acquired],
                [scene.digest, astuple(pictures.names[listed.item_id])],
                stac.summary(content, scene.id),
            ]
            found[item_path(listed)] = hashlib.sha256(canonical(said)).hexdigest()[:16]
    return found


def scene_parts(
    content: Content, pictures: Pictures, tree: Tree, held: Held
) -> Iterator[Part | Picture | Same]:
    """Give evidence that is new and the blocks of the published Zarr in one walk over the scenes.

    Walking once is what makes each scene's pixels be read once. Unchanged blocks are those of the
    folder before: nobody reads them. One that has grown takes its first rows from there.
    """
    cubes: dict[str, list[Listed]] = {}
    for listed in content.used:
        if listed.scene is not None:
            cubes.setdefault(cube_name(listed.scene.cube_key), []).append(listed)
    for block in sorted(tree.blocks(), key=lambda block: (_cube(block), block.start)):
        if block.array == f"{_cube(block)}/{PIXELS}":
            for listed in cubes[_cube(block)][block.start : block.stop]:
                yield from new_pictures(content, listed, pictures, held.evidence)
        prefix = f"{CUBE}/{block.prefix}"
        known = held.made_of.get(prefix)
        if known == block.digest:
            yield from (Same(path) for path in held.paths(prefix))
            continue
        rows = block.rows_known(known) if known else 0
        there = held.block(prefix) if rows else None
        made = block.make() if there is None else block.make(there, rows)
        for path, data in made.items():
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
