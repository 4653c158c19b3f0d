"""What the emulated service holds: scenes of an archive on disk, read independently.

The archive is any tree of STAC Items with GeoTIFF assets (contract 2). It is read here with code of
its own rather than with `railwatch.sources.archive`, so that a mistake in reading cannot hide by
standing on both sides of a comparison.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from railwatch.testing.sentinel_hub.rules import bands

_S2_NAME = re.compile(
    r"^(?P<head>S2[A-D]_MSI(?:L2A|L1C)_\d{8}T\d{6}_N)(?P<baseline>\d{4})"
    r"(?P<place>_R\d{3}_T\d{2}[A-Z]{3}_)(?P<discriminator>\d{8}T\d{6})(?P<suffix>(?:\.SAFE)?)$"
)
OLD_COPY_LATER = dt.timedelta(seconds=1.1)
"""How much later CDSE dates the older of two processings (recorded: 0.997 to 1.136 s)."""
OLD_COPY_BIAS_DN = 40
"""Digital numbers by which the older processing differs here, so that a mix-up shows."""


@dataclass(frozen=True, slots=True)
class Plane:
    """One band of one GeoTIFF."""

    path: Path
    index: int
    """Band number in the file, from 1."""
    scale: float
    offset: float
    nodata: float | None
    """Stored value of no data; None: what the file says."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One acquisition in one processing, as the service holds it."""

    id: str
    collection: str
    acquired: dt.datetime
    footprint: BaseGeometry
    """WGS84, degrees."""
    planes: Mapping[str, Plane]
    """By the service's name of the band."""
    properties: Mapping[str, Any]
    """As the archive's item gives them."""
    bias_dn: int = 0
    """Added to reflectance digital numbers; not 0 for the older of two processings."""

    @property
    def cloud_cover(self) -> float:
        """Per cent of the scene under cloud; 0 where the archive does not say."""
        return float(self.properties.get("eo:cloud_cover", 0.0))


def read_archive(folder: Path, renamed: Mapping[str, str] | None = None) -> tuple[Holding, ...]:
    """Read every STAC Item below `folder` into a holding, newest first.

    `renamed` maps the archive's collection ids to the service's where they differ.
    """
    found = []
    for path in sorted(folder.glob("**/*.json")):
        item = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(item, dict) and item.get("type") == "Feature" and item.get("assets"):
            found.append(_holding(item, path.parent, renamed or {}))
    return newest_first(found)


def newest_first(holdings: Iterable[Holding]) -> tuple[Holding, ...]:
    """Order as the service lists: newest first, equal times by id."""
    by_id = sorted(holdings, key=lambda h: h.id)
    return tuple(sorted(by_id, key=lambda h: h.acquired, reverse=True))


def with_old_copies(holdings: Iterable[Holding]) -> tuple[Holding, ...]:
    """Add to each Sentinel-2 scene the older processing CDSE still lists beside the new one.

    The old copy has another id and its time lies 1.1 s *later*, so `mostRecent` prefers it.
    """
    every = []
    for holding in holdings:
        every.append(holding)
        name = _S2_NAME.match(holding.id)
        if name is None or int(name["baseline"]) <= 301:
            continue
        copy_id = "{head}0301{place}{discriminator}{suffix}".format(**name.groupdict())
        every.append(
            replace(
                holding,
                id=copy_id,
                acquired=holding.acquired + OLD_COPY_LATER,
                bias_dn=OLD_COPY_BIAS_DN,
            )
        )
    return newest_first(every)


def _holding(item: Mapping[str, Any], folder: Path, renamed: Mapping[str, str]) -> Holding:
    """Turn one STAC Item into a holding."""
    properties = item["properties"]
    acquired = dt.datetime.fromisoformat(properties["datetime"])
    given = str(item.get("collection", ""))
    collection = renamed.get(given, given)
    planes = {
        name: plane
        for key, asset in item["assets"].items()
        for name, plane in _planes(key, asset, folder, collection).items()
    }
    geometry = item.get("geometry")
    footprint = shape(geometry) if geometry else shapely.box(*item["bbox"])
    return Holding(item["id"], collection, acquired, footprint, planes, properties)


def _planes(key: str, asset: Mapping[str, Any], folder: Path, collection: str) -> dict[str, Plane]:
    """List the bands of one asset under the service's names."""
    if not str(asset.get("href", "")).lower().endswith((".tif", ".tiff")):
        return {}
    path = folder / asset["href"]
    said = asset.get("bands") or asset.get("eo:bands") or [{"name": key}]
    raster = asset.get("raster:bands") or [{} for _ in said]
    planes = {}
    for index, (band, facts) in enumerate(zip(said, raster, strict=False), start=1):
        name = _service_name(collection, key, band)
        if name is None:
            continue
        values = {**facts, **{k.removeprefix("raster:"): v for k, v in band.items()}}
        nodata = values.get("nodata")
        planes[name] = Plane(
            path,
            index,
            float(values.get("scale", 1.0)),
            float(values.get("offset", 0.0)),
            None if nodata is None else float(nodata),
        )
    return planes


def _service_name(collection: str, key: str, band: Mapping[str, Any]) -> str | None:
    """Find the service's name of an archive's band; None: the collection has no such band."""
    table = bands(collection)
    common = band.get("common_name") or band.get("eo:common_name")
    names = [str(n) for n in (band.get("name"), common, key) if n]
    if not table:  # a collection of one's own: bands are called as their owner calls them
        return names[0]
    for name in names:
        for known, facts in table.items():
            if name.lower() in (known.lower(), facts.get("common_name")):
                return known
    return None
