"""Railway ways from OpenStreetMap extracts: `.osm.pbf` and XML, Overpass JSON, or GeoJSON.

Only what the map says: ids, tags, nodes. What becomes a siding is decided in `area_import`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from railwatch.area_json import Json, JsonText, number
from railwatch.errors import AreaError, OperatorError

MAX_EXTRACT_BYTES = 512 * 1024 * 1024
"""Node positions of a larger extract do not fit in a laptop's memory; cut it first."""

MAX_JSON_BYTES = 16 * 1024 * 1024

_OSMIUM_SUFFIXES = (".pbf", ".osm", ".osm.gz", ".osm.bz2")


@dataclass(frozen=True, slots=True)
class RailWay:
    """One way of the map, or a part of it where the extract lacks nodes."""

    id: int
    tags: dict[str, str]
    nodes: tuple[Hashable, ...]
    """Identities of its nodes: OSM ids, or positions where the extract has no ids."""
    coordinates: tuple[tuple[float, float], ...]
    """(longitude, latitude) of its nodes, degrees."""


def read_rail_ways(path: Path) -> list[RailWay]:
    """Read the ways tagged `railway` of an extract, ordered by id.

    Raises
    ------
    AreaError
        The extract cannot be read, is too large, or holds no railway.
    OperatorError
        It is `.osm.pbf` or XML and the extra `osm` is not installed.
    """
    if path.name.lower().endswith(_OSMIUM_SUFFIXES):
        ways = list(_osmium_ways(path))
    else:
        ways = list(_json_ways(path))
    if not ways:
        raise AreaError(
            str(path), "", "holds no way tagged railway; take another extract, all tags kept"
        )
    return sorted(ways, key=lambda way: (way.id, way.coordinates))


def _osmium_ways(path: Path) -> Iterator[RailWay]:
    try:
        import osmium
    except ModuleNotFoundError as exc:
        raise OperatorError(
            f"{path}: reading OpenStreetMap extracts needs the extra osm: "
            "pip install 'railwatch[osm]'"
        ) from exc
    if not path.is_file():
        raise AreaError(str(path), "", "is not a file; name an .osm.pbf extract")
    if path.stat().st_size > MAX_EXTRACT_BYTES:
        raise AreaError(
            str(path), "", "is larger than 512 MiB; cut it first with `osmium extract --bbox`"
        )
    kinds = osmium.osm.NODE | osmium.osm.WAY
    try:
        ways = osmium.FileProcessor(str(path), kinds).with_locations()
        for way in ways.with_filter(osmium.filter.KeyFilter("railway")):
            if isinstance(way, osmium.osm.Way):
                places = [
                    (node.ref, node.lon, node.lat) if node.location.valid() else None
                    for node in way.nodes
                ]
                yield from _parts(way.id, dict(way.tags), places)
    except (RuntimeError, OSError) as exc:
        raise AreaError(str(path), "", f"is not readable as OpenStreetMap data: {exc}") from exc


def _json_ways(path: Path) -> Iterator[RailWay]:
    document = JsonText.read(path, MAX_JSON_BYTES).parse()
    if isinstance(document, dict) and isinstance(document.get("elements"), list):
        yield from _overpass_ways(document["elements"])
    elif isinstance(document, dict) and isinstance(document.get("features"), list):
        yield from _geojson_ways(document["features"])
    else:
        raise AreaError(str(path), "", "is neither Overpass JSON (elements) nor GeoJSON (features)")


def _overpass_ways(elements: Json) -> Iterator[RailWay]:
    rows = [row for row in _list(elements) if isinstance(row, dict)]
    positions = {
        row.get("id"): _lon_lat(row.get("lon"), row.get("lat"))
        for row in rows
        if row.get("type") == "node" and isinstance(row.get("id"), int)
    }
    for row in rows:
        tags = _tags(row.get("tags"))
        if row.get("type") != "way" or "railway" not in tags or not isinstance(row["id"], int):
            continue
        nodes = _list(row.get("nodes"))
        shape = _list(row.get("geometry"))
        if len(shape) == len(nodes):
            found = [
                _lon_lat(point.get("lon"), point.get("lat")) if isinstance(point, dict) else None
                for point in shape
            ]
        else:
            found = [positions.get(node) if isinstance(node, int) else None for node in nodes]
        places = [
            (node, *position) if position is not None and isinstance(node, int) else None
            for node, position in zip(nodes, found, strict=True)
        ]
        yield from _parts(row["id"], tags, places)


def _geojson_ways(features: Json) -> Iterator[RailWay]:
    for feature in _list(features):
        if not isinstance(feature, dict):
            continue
        geometry = feature.get("geometry")
        tags = _tags(feature.get("properties"))
        way_id = _way_id(feature.get("id"), tags.get("@id"), tags.get("osm_id"))
        if "railway" not in tags or way_id is None or not isinstance(geometry, dict):
            continue
        if geometry.get("type") != "LineString":
            continue
        places = []
        for point in _list(geometry.get("coordinates")):
            position = (
                _lon_lat(point[0], point[1]) if isinstance(point, list) and point[1:] else None
            )
            places.append(position and ((round(position[0], 7), round(position[1], 7)), *position))
        yield from _parts(way_id, tags, places)


def _parts(
    way_id: int, tags: dict[str, str], places: Iterable[tuple[Hashable, float, float] | None]
) -> Iterator[RailWay]:
    """Cut a way where a node has no position; leave out nodes on top of the one before."""
    part: list[tuple[Hashable, float, float]] = []
    for place in [*places, None]:
        if place is not None:
            if not part or part[-1][1:] != place[1:]:
                part.append(place)
            continue
        if len(part) > 1:
            yield RailWay(
                way_id,
                tags,
                tuple(node for node, _, _ in part),
                tuple((lon, lat) for _, lon, lat in part),
            )
        part = []


def _way_id(*candidates: Json) -> int | None:
    """Take the first that is a way's number: 4760753, "4760753" or "way/4760753"."""
    for candidate in candidates:
        digits = str(candidate).removeprefix("way/")
        if digits.isascii() and digits.isdigit() and len(digits) < 20:
            return int(digits)
    return None


def _tags(value: Json) -> dict[str, str]:
    return {k: str(v) for k, v in value.items()} if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _lon_lat(lon: Json, lat: Json) -> tuple[float, float] | None:
    x, y = number(lon), number(lat)
    return None if x is None or y is None else (x, y)
