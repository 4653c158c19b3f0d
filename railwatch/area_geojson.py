"""Sidings from GeoJSON (RFC 7946), read strictly: what is doubtful is refused with a remedy.

A wrong coordinate gives a wrong count in silence, so nothing is mended here: no axis is swapped, no
point dropped, no part joined. Extra properties are the operator's own and are left alone, unless
one looks like a misspelt name that railwatch reads.
"""

from __future__ import annotations

import datetime as dt
import difflib
import itertools
import re
from pathlib import Path

import numpy as np
import pyproj
import shapely

from railwatch.area_json import Json, JsonText, kind, number
from railwatch.area_text import shown
from railwatch.area_yaml import Place
from railwatch.errors import AreaError
from railwatch.siding import HiddenStretch, Siding, SidingKind, SidingSet

MAX_VERTICES = 100_000
MAX_SIDINGS = 2_000
MIN_LENGTH_M = 1.0
MAX_EXTENT_M = 50_000.0
"""One area is one place: its UTM grid is a few kilometres, and 50 km holds the longest yards."""

MAX_LATITUDE = 84.0
"""UTM ends at 84 N and 80 S (Snyder 1987, USGS Professional Paper 1395, p. 57)."""
MIN_LATITUDE = -80.0

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A siding's id: a key in stores and a word in tables; `+` joins the ids of a track group."""

_PROPERTIES = ("id", "name", "kind", "valid_from", "valid_to", "visible", "hidden")
_HIDDEN = ("from_m", "to_m", "since", "until")
_WGS84 = re.compile(
    r"(urn:ogc:def:crs:)?(OGC:(1\.3|1\.3\.0)?:?CRS84|EPSG:[0-9.]*:?4326)"
    r"|https?://www\.opengis\.net/def/crs/(OGC/1\.3/CRS84|EPSG/0/4326)",
    re.IGNORECASE,
)
_WGS84_ELLIPSOID = pyproj.Geod(ellps="WGS84")


def read_sidings(path: Path) -> SidingSet:
    """Read the sidings of an area from a GeoJSON FeatureCollection of LineStrings in WGS84.

    Heights are dropped. A MultiLineString of one part is taken as its part, because desktop GIS
    writes every line so; one of several parts is refused, because chainage needs one line.

    Raises
    ------
    AreaError
        The file or one of its features is not usable; names file, line, field and remedy.
    """
    text = JsonText.read(path)
    root = Place(str(path), "", 1)
    features = _features(text.parse(), root)
    sidings: list[Siding] = []
    seen: dict[str, int] = {}
    vertices = 0
    for index, feature in enumerate(features):
        try:
            siding = _siding(feature, Place(str(path), f"features[{index}]", None))
        except AreaError as exc:
            line = text.feature(index).line
            raise AreaError(exc.file, exc.field, exc.problem, line=line) from exc
        vertices += len(siding.coordinates)
        if vertices > MAX_VERTICES:
            raise text.feature(index).error(
                f"more than {MAX_VERTICES} points by here; simplify the lines to a metre"
            )
        first = seen.setdefault(siding.id.casefold(), index)
        if first != index:
            raise (
                text.feature(index)
                .key("properties.id", text.feature(index).line)
                .error(
                    f"{siding.id!r} already stands in features[{first}] (upper and lower case "
                    "count as the same); give each siding its own id"
                )
            )
        sidings.append(siding)
    _one_place(sidings, root)
    return SidingSet(tuple(sorted(sidings, key=lambda siding: siding.id)))


def _features(document: Json, root: Place) -> list[Json]:
    if not isinstance(document, dict):
        raise root.error(f"must be a FeatureCollection, not {kind(document)}")
    said = document.get("type")
    if said != "FeatureCollection":
        raise root.key("type", 1).error(
            f"must be FeatureCollection, got {shown(said)}; wrap the features in one"
        )
    _check_crs(document.get("crs"), root)
    features = document.get("features")
    if not isinstance(features, list):
        raise root.key("features", 1).error(f"must be a list of features, got {kind(features)}")
    if not features:
        raise root.key("features", 1).error("is empty; draw at least one siding")
    if len(features) > MAX_SIDINGS:
        raise root.key("features", 1).error(
            f"holds {len(features)} sidings, more than {MAX_SIDINGS}; split the area"
        )
    return features


def _check_crs(crs: Json, root: Place) -> None:
    if crs is None:
        return
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not (isinstance(name, str) and _WGS84.fullmatch(name.replace("::", ":"))):
        raise root.key("crs", None).error(
            f"{shown(name or crs)} is not WGS84; export as longitude and latitude (EPSG:4326)"
        )


def _siding(feature: Json, place: Place) -> Siding:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise place.key("type", None).error("must be a Feature with geometry and properties")
    properties = feature.get("properties")
    at = place.key("properties", None)
    if not isinstance(properties, dict):
        raise at.error(f"must be an object with an id, got {kind(properties)}")
    _refuse_misspelt(properties, _PROPERTIES, at)
    valid_from, valid_to = _dates(properties, ("valid_from", "valid_to"), at)
    coordinates = _coordinates(feature.get("geometry"), place.key("geometry", None))
    length_m = _length_m(coordinates)
    return Siding(
        id=_id(properties.get("id"), at.key("id", None)),
        coordinates=coordinates,
        kind=_kind_of_track(properties.get("kind"), at.key("kind", None)),
        name=_name(properties.get("name"), at.key("name", None)),
        valid_from=valid_from,
        valid_to=valid_to,
        visible=_visible(properties.get("visible"), at.key("visible", None)),
        hidden=_hidden(properties.get("hidden"), length_m, at.key("hidden", None)),
    )


def _refuse_misspelt(properties: dict[str, Json], known: tuple[str, ...], at: Place) -> None:
    for name in properties:
        near = difflib.get_close_matches(name[:40], known, n=1, cutoff=0.85)
        if name not in known and near:
            raise at.key(shown(name), None).error(f"unknown property; did you mean {near[0]}?")


def _id(value: Json, at: Place) -> str:
    if value is None:
        raise at.error("is missing; give each siding an id such as yard-1")
    if not isinstance(value, str):
        raise at.error(f'must be text; write "{shown(value)}" in quotes')
    if not ID.fullmatch(value):
        raise at.error(
            f"{shown(value)!r} is no id; use up to 64 letters, digits, points, hyphens and "
            "underscores, a letter or digit first"
        )
    return value


def _name(value: Json, at: Place) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > 200 or shown(value, 200) != value:
        raise at.error("must be one line of text of at most 200 characters")
    return value


def _kind_of_track(value: Json, at: Place) -> SidingKind:
    kinds = [kind.value for kind in SidingKind]
    if value is None:
        return SidingKind.SIDING
    if value not in kinds:
        raise at.error(f"{shown(value)!r} is unknown; one of {', '.join(kinds)}")
    return SidingKind(value)


def _visible(value: Json, at: Place) -> bool:
    if value is None:
        return True
    if not isinstance(value, bool):
        raise at.error(f"must be true or false without quotes, got {shown(value)!r}")
    return value


def _dates(
    properties: dict[str, Json], names: tuple[str, str], at: Place
) -> tuple[dt.date | None, dt.date | None]:
    first, last = (_date(properties.get(name), at.key(name, None)) for name in names)
    if first is not None and last is not None and last < first:
        raise at.key(names[1], None).error(
            f"{last} is before {names[0]} {first}; swap or mend the dates"
        )
    return first, last


def _date(value: Json, at: Place) -> dt.date | None:
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise at.error(f"must be a date such as 2023-10-05, got {shown(value)!r}")
    try:
        return dt.date.fromisoformat(value)
    except ValueError as exc:
        raise at.error(f"{value} is no day of the calendar; mend it") from exc


def _hidden(value: Json, length_m: float, at: Place) -> tuple[HiddenStretch, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise at.error(f"must be a list of stretches with from_m and to_m, got {kind(value)}")
    return tuple(
        _stretch(stretch, length_m, at.item(index, None)) for index, stretch in enumerate(value)
    )


def _stretch(value: Json, length_m: float, at: Place) -> HiddenStretch:
    if not isinstance(value, dict):
        raise at.error(f"must be an object with from_m and to_m, got {kind(value)}")
    for name in value:
        if name not in _HIDDEN:
            raise at.key(shown(name), None).error(f"unknown; known: {', '.join(_HIDDEN)}")
    ends = []
    for name in ("from_m", "to_m"):
        end = number(value.get(name))
        if end is None or not 0 <= end <= length_m + 1.0:
            raise at.key(name, None).error(
                f"must be metres between 0 and the siding's length {length_m:.1f}, "
                f"got {shown(value.get(name))!r}"
            )
        ends.append(end)
    if not ends[0] < ends[1]:
        raise at.key("to_m", None).error(f"{ends[1]:g} is not beyond from_m {ends[0]:g}; swap them")
    since, until = _dates(value, ("since", "until"), at)
    return HiddenStretch(ends[0], ends[1], since, until)


def _coordinates(geometry: Json, at: Place) -> tuple[tuple[float, float], ...]:
    if not isinstance(geometry, dict):
        raise at.error(f"must be a LineString, got {kind(geometry)}")
    said = geometry.get("type")
    points = geometry.get("coordinates")
    place = at.key("coordinates", None)
    if said == "MultiLineString" and isinstance(points, list) and len(points) == 1:
        points = points[0]
        place = place.item(0, None)
    elif said == "MultiLineString":
        parts = len(points) if isinstance(points, list) else 0
        raise at.key("type", None).error(
            f"a MultiLineString of {parts} parts has no single chainage; "
            "write one LineString a part, each with its own id"
        )
    elif said != "LineString":
        raise at.key("type", None).error(
            f"must be LineString (the track's centreline), got {shown(said)}"
        )
    if not isinstance(points, list):
        raise place.error(f"must be a list of positions, got {kind(points)}")
    if len(points) < 2:
        raise place.error(f"holds {len(points)} positions; a line needs two or more")
    if len(points) > MAX_VERTICES:
        raise place.error(f"holds {len(points)} positions; simplify the line to a metre")
    line = tuple(_position(point, place.item(i, None)) for i, point in enumerate(points))
    _check_line(line, place)
    return line


def _position(point: Json, at: Place) -> tuple[float, float]:
    if not isinstance(point, list) or len(point) not in (2, 3):
        size = f"{len(point)} values" if isinstance(point, list) else kind(point)
        raise at.error(f"must be [longitude, latitude] with an optional height, got {size}")
    values: list[float] = []
    for said in point:
        value = number(said)
        if value is None:
            raise at.error(f"must hold finite numbers, got {shown(said)!r}")
        values.append(value)
    lon, lat = values[:2]
    if abs(lon) > 360 and abs(lat) > 90:
        raise at.error(
            f"({lon:g}, {lat:g}) looks like projected metres; export as longitude and latitude "
            "(EPSG:4326)"
        )
    if abs(lat) > 90 and abs(lon) <= 90 and abs(lat) <= 180:
        raise at.error(
            f"latitude {lat:g} is impossible and the pair looks swapped; "
            "GeoJSON writes [longitude, latitude]"
        )
    if not -180 <= lon <= 180 or not -90 <= lat <= 90:
        raise at.error(
            f"({lon:g}, {lat:g}) is not on Earth; longitude is -180..180, latitude -90..90"
        )
    if not MIN_LATITUDE <= lat <= MAX_LATITUDE:
        raise at.error(
            f"latitude {lat:g} is polar, where UTM ends; areas lie between "
            f"{MIN_LATITUDE:g} and {MAX_LATITUDE:g}"
        )
    return lon, lat


def _check_line(line: tuple[tuple[float, float], ...], at: Place) -> None:
    for index, (here, after) in enumerate(itertools.pairwise(line)):
        if here == after:
            raise at.item(index + 1, None).error(
                f"repeats the position before it ({here[0]:g}, {here[1]:g}); delete one"
            )
        if abs(after[0] - here[0]) > 180:
            raise at.item(index + 1, None).error(
                "crosses the antimeridian; cut the siding at longitude 180"
            )
    length_m = _length_m(line)
    if length_m < MIN_LENGTH_M:
        raise at.error(f"is {length_m:.2f} m long; a siding is longer than {MIN_LENGTH_M:g} m")
    if length_m > MAX_EXTENT_M:
        raise at.error(
            f"is {length_m / 1000:.0f} km long, more than {MAX_EXTENT_M / 1000:.0f}; "
            "cut it to the tracks where cars stand"
        )
    if not shapely.LineString(line).is_simple:
        raise at.error("crosses itself; a siding is one track from end to end, so cut it in two")


def _length_m(line: tuple[tuple[float, float], ...]) -> float:
    lon, lat = zip(*line, strict=True)
    return float(_WGS84_ELLIPSOID.line_length(lon, lat))


def _one_place(sidings: list[Siding], root: Place) -> None:
    lon, lat = np.asarray([point for s in sidings for point in s.coordinates]).T
    _, _, across_m = _WGS84_ELLIPSOID.inv(lon.min(), lat.min(), lon.max(), lat.max())
    if across_m > MAX_EXTENT_M:
        lon0, lat0 = float(np.median(lon)), float(np.median(lat))
        far = max(
            sidings,
            key=lambda s: _WGS84_ELLIPSOID.inv(
                s.coordinates[0][0], s.coordinates[0][1], lon0, lat0
            )[2],
        )
        raise root.key("features", None).error(
            f"the sidings lie {across_m / 1000:.0f} km apart, {far.id} farthest from the rest; "
            f"one area spans at most {MAX_EXTENT_M / 1000:.0f} km, so mend or split it"
        )
