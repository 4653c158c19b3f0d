"""An area of interest: a named place with its sidings and what to ask archives for.

One YAML file and one GeoJSON hold it. Reading is strict, because a slip in an area file becomes a
wrong count in silence: each refusal is an `AreaError` that names file, line, field and remedy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyproj

from railwatch.area_geojson import read_sidings
from railwatch.area_text import beside, shown
from railwatch.area_yaml import Mapping, Node, mapping, read_yaml, scalar, sequence
from railwatch.siding import SidingSet

RING_M = 1500.0
"""Ground around the sidings that co-registration and pseudo-invariant pixels need, metres
(method.md 2.3 step 3: a ring of 300-1500 m)."""

CAR_LENGTH_M = (13.9, 0.75)
"""Mean and standard deviation of coupled car length between consists of 1520 mm stock, metres.

A 12-132 gondola is 13.92 m over couplers; four-axle tanks 12.02 m, boxcars 14.73 m.
"""

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""An area's id: a folder in stores and a word in addresses."""

_COLLECTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_KEYS = ("id", "name", "sidings", "sources", "car_length_m")
_CAR_LENGTH_RANGE_M = (5.0, 40.0)


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """What to ask an archive for."""

    collection: str
    """Collection id as the archive names it, e.g. `sentinel-2-l2a`."""


@dataclass(frozen=True)
class Area:
    """A named place with its sidings, sources and UTM grid."""

    id: str
    """Lower-case key in the store."""
    name: str
    sidings: SidingSet
    sources: tuple[SourceSpec, ...] = ()
    """Empty: every collection the archive holds."""
    car_length_m: tuple[float, float] = CAR_LENGTH_M
    """Mean and standard deviation between consists of a car's coupled length, metres: how many
    cars fit. Counts take lengths from the cars that are put into the place's own imagery."""

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.id):
            raise ValueError(f"an area's id is {ID.pattern}, got {shown(self.id)!r}")
        if not self.sidings.sidings:
            raise ValueError(f"{self.id}: an area has at least one siding")

    @property
    def collections(self) -> tuple[str, ...]:
        """Collection ids to ask archives for; empty: all of them."""
        return tuple(source.collection for source in self.sources)

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) degrees, WGS84, of the sidings and `RING_M` around them."""
        utm = self.sidings.utm
        points = np.concatenate([siding.projected(utm) for siding in self.sidings])
        west, south = points.min(axis=0)
        east, north = points.max(axis=0)
        to_wgs84 = pyproj.Transformer.from_crs(utm, 4326, always_xy=True)
        bounds = to_wgs84.transform_bounds(
            west - RING_M, south - RING_M, east + RING_M, north + RING_M
        )
        return (bounds[0], bounds[1], bounds[2], bounds[3])


def load_area(path: Path) -> Area:
    """Read an area's YAML file and the sidings it names.

    `id` is required. `name` defaults to the id, `sidings` to `{id}.sidings.geojson` beside the
    file, `sources` to everything the archive holds, `car_length_m` to `CAR_LENGTH_M`.

    Raises
    ------
    AreaError
        Either file is not usable; the message names file, line where known, field and remedy.
    """
    document = read_yaml(path)
    if not isinstance(document, Mapping):
        raise document.place.error("must be keys and values such as `id: tumangang`, not a list")
    document.only(_KEYS)
    area_id = _area_id(document)
    return Area(
        id=area_id,
        name=_name(document) or area_id,
        sidings=read_sidings(_sidings_path(path, document, area_id)),
        sources=_sources(document.items.get("sources")),
        car_length_m=_car_length_m(document.items.get("car_length_m")),
    )


def _area_id(document: Mapping) -> str:
    said = document.text("id")
    if said is None:
        raise document.place.key("id", None).error("is missing; write one such as `id: tumangang`")
    if not ID.fullmatch(said):
        raise document.items["id"].place.error(
            f"{shown(said)!r} is no id; use up to 63 lower-case letters, digits and hyphens, "
            "a letter or digit first"
        )
    return said


def _name(document: Mapping) -> str | None:
    said = document.text("name")
    if said is not None and shown(said, 200) != said:
        raise document.items["name"].place.error("must be one line of at most 200 characters")
    return said


def _sidings_path(path: Path, document: Mapping, area_id: str) -> Path:
    said = document.text("sidings")
    if said is None:
        return path.parent / f"{area_id}.sidings.geojson"
    place = document.items["sidings"].place
    found = beside(path, said, "sidings", line=place.line)
    if not found.exists():
        raise place.error(f"{shown(said)} does not exist beside this file; mend the name")
    return found


def _sources(node: Node | None) -> tuple[SourceSpec, ...]:
    if node is None:
        return ()
    found: list[SourceSpec] = []
    for item in sequence(node):
        entry = mapping(item)
        entry.only(("collection",))
        said = entry.text("collection")
        if said is None:
            raise entry.place.key("collection", entry.place.line).error(
                "is missing; write one such as `collection: sentinel-2-l2a`"
            )
        place = entry.items["collection"].place
        if not _COLLECTION.fullmatch(said):
            raise place.error(
                f"{shown(said)!r} is no collection id; write the archive's own, "
                "such as sentinel-2-l2a"
            )
        if SourceSpec(said) in found:
            raise place.error(f"{said} stands twice; delete one")
        found.append(SourceSpec(said))
    if not found:
        raise node.place.error("is empty; name a collection or leave the key out")
    return tuple(found)


def _car_length_m(node: Node | None) -> tuple[float, float]:
    if node is None:
        return CAR_LENGTH_M
    entry = mapping(node)
    entry.only(("mean", "sd"))
    mean, sd = (
        _metres(entry, key, default)
        for key, default in zip(("mean", "sd"), CAR_LENGTH_M, strict=True)
    )
    low, high = _CAR_LENGTH_RANGE_M
    if not low <= mean <= high:
        raise entry.place.key("mean", entry.place.line).error(
            f"{mean:g} m is no railcar; between {low:g} and {high:g}"
        )
    if sd > mean / 4:
        raise entry.place.key("sd", entry.place.line).error(
            f"{sd:g} m is more than a quarter of the mean; write the spread between consists"
        )
    return mean, sd


def _metres(entry: Mapping, key: str, default: float) -> float:
    node = entry.items.get(key)
    return default if node is None else scalar(node).positive()
