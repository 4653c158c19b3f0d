"""STAC Items 1.0 and 1.1: what becomes a scene, and where its bands and masks are.

An item is read as it is found. What it does not say is taken from its files or left unknown; what
makes it unusable is a `BadItemError` whose sentence names file and field.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from railwatch.acquisition import TILE_KEYS
from railwatch.scene import REFLECTANCE_SCALE, Rejection, Scene
from railwatch.sources import CHANGE_KEY
from railwatch.sources.archive import band as bands
from railwatch.sources.archive import mask as masks
from railwatch.sources.archive.band import BandAt
from railwatch.sources.archive.decoding import Header
from railwatch.sources.archive.document import (
    BadItemError,
    bad,
    finite,
    list_at,
    number_at,
    text_at,
)
from railwatch.sources.archive.mask import MaskAt

ITEM_KEY = "archive:item"
"""Scene property: key of the item's document in the archive."""
KEPT = (
    *TILE_KEYS,
    *("eo:cloud_cover", "license"),
    "railwatch:rendered",  # a publication says of simulated scenes that they are
)
"""Properties that are kept with a scene: what tells tiles apart, and provenance."""
NO_COLLECTION = "uncollected"
"""Collection of items that name none."""

_UNSEEN_ROLES = {"thumbnail", "overview", "metadata"}
_VISUAL = {"visual", "rendered", "preview", "overview", "thumbnail", "tci"}


@dataclass(frozen=True, slots=True)
class Archive:
    """What an item may refer to."""

    root: str
    """URL or path of the archive; hrefs below it are in it."""
    size: Callable[[str], int | None]
    """Bytes of a file by its key; None where there is none."""
    header: Callable[[str, str], Header]
    """Reads the header of a file, given its key and the scene's id."""


@dataclass(frozen=True, slots=True)
class Stated:
    """Map coordinates that an item states of a file, for files that have none themselves."""

    code: str | int | None
    transform: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """An item that can become a scene."""

    scene: Scene
    bbox: tuple[float, float, float, float] | None
    """(west, south, east, north) degrees; None where the item does not say."""
    bands: tuple[BandAt, ...]
    """One a band of the scene, in its order."""
    masks: tuple[MaskAt, ...]
    stated: Mapping[str, Stated]
    """By key of the asset."""
    unsaid_offset: float
    """Offset of Sentinel-2 integers for which nobody states one."""


def read(said: Any, key: str, archive: Archive) -> Item:
    """Make an item of a parsed document.

    Raises
    ------
    BadItemError
        It cannot become a scene.
    """
    properties = said.get("properties")
    assets = said.get("assets")
    if not isinstance(properties, dict):
        raise bad(key, "properties", "is not an object")
    if not isinstance(assets, dict) or not all(isinstance(a, dict) for a in assets.values()):
        raise bad(key, "assets", "is not an object of objects")
    item_id = said.get("id")
    if not isinstance(item_id, str) or not item_id or any(ord(c) < 32 for c in item_id):
        raise bad(key, "id", "is not a name")
    found = _bands(said, key, item_id, archive)
    mask_assets = _masks(said, key, archive)
    bbox = _bbox(said, key)
    scene = Scene(
        id=item_id,
        collection=text_at(said, "collection") or NO_COLLECTION,
        acquired=_acquired(properties, key),
        platform=text_at(properties, "platform", "constellation") or "unknown",
        gsd_m=_gsd(found, properties, key, item_id, archive),
        bands=tuple(one.name for one in found),
        sun_azimuth_deg=number_at(properties, "view:sun_azimuth", "s2:mean_solar_azimuth"),
        sun_elevation_deg=_sun_elevation(properties),
        view_azimuth_deg=number_at(properties, "view:azimuth"),
        view_off_nadir_deg=number_at(properties, "view:off_nadir", "view:incidence_angle"),
        orbit=_orbit(properties),
        processed=_processed(properties),
        properties={ITEM_KEY: key, **{k: properties[k] for k in KEPT if k in properties}},
    )
    if bbox is not None:
        scene.properties["bbox"] = list(bbox)
    files = sorted({one.file for one in found} | {one.file for one in mask_assets})
    scene.properties[CHANGE_KEY] = _change(said, [archive.size(file) for file in files])
    stated = {name: _stated(assets[name], properties) for name in assets}
    return Item(scene, bbox, tuple(found), tuple(mask_assets), stated, _unsaid_offset(said))


def is_item(said: Any) -> bool:
    """Whether a document is a STAC Item; catalogs, collections and other JSON are not."""
    return (
        isinstance(said, dict)
        and said.get("type") == "Feature"
        and "assets" in said
        and ("stac_version" in said or "stac_extensions" in said)
    )


def is_sentinel_2(said: Mapping[str, Any]) -> bool:
    """Whether an item is Sentinel-2's, whose bands are named B02 and so on."""
    properties = said["properties"]
    names = (said.get("collection"), properties.get("platform"), properties.get("constellation"))
    return any(isinstance(n, str) and n.lower().startswith("sentinel-2") for n in names)


def located(href: Any, key: str, field: str, archive: Archive) -> str | None:
    """Return the key of the file an href means; None where it lies on the web, not in here.

    Raises
    ------
    BadItemError
        It leads out of the archive, or to a file that is not there.
    """
    if not isinstance(href, str) or not href or "\0" in href:
        raise bad(key, field, "is not a text")
    local = _below_root(href, archive.root)
    if local is None:
        if href.startswith(("http://", "https://", "s3://", "gs://", "az://")):
            return None
        if "://" in href or href.startswith(("/", "file:")):
            raise bad(key, field, f"{href!r} leads out of the archive: use a relative href")
        local = posixpath.join(posixpath.dirname(key), href)
    for name in (local, unquote(local)):
        clean = posixpath.normpath(name)
        if clean == ".." or clean.startswith(("../", "/")):
            raise bad(key, field, f"{href!r} leads out of the archive: use a relative href")
        if archive.size(clean) is not None:
            return clean
    raise BadItemError(Rejection.ASSET_MISSING, f"{key}: {field}: {href} is not in the archive")


def _below_root(href: str, root: str) -> str | None:
    base = root.rstrip("/") + "/"
    return href.removeprefix(base) if href.startswith(base) else None


def _bands(said: dict[str, Any], key: str, item_id: str, archive: Archive) -> list[BandAt]:
    """Return one place for each band that anything can use, in the order of `bands.WANTED`."""
    candidates = list(_candidates(said, key, item_id, archive))
    best: dict[str, BandAt] = {}
    for one in sorted(candidates, key=lambda c: (c.rendered, c.gsd_m or 1e9)):
        best.setdefault(one.name, one)
    if "nir" not in best and "nir08" in best:
        best["nir"] = replace(best["nir08"], name="nir")
    best.pop("nir08", None)
    # A picture beside measured bands adds none: its colours are stretched for the eye.
    if any(not one.rendered for one in best.values()):
        best = {name: one for name, one in best.items() if not one.rendered}
    if not best:
        seen = ", ".join(sorted(said["assets"])) or "none"
        web = [k for k, a in said["assets"].items() if _is_tiff(a) and "://" in str(a.get("href"))]
        why = f"; {', '.join(web)} lie on the web, not in the archive" if web else ""
        raise BadItemError(
            Rejection.NO_USABLE_BAND,
            f"{key}: assets: no GeoTIFF holds a band named {', '.join(bands.WANTED)} "
            f"(assets: {seen}{why})",
        )
    return [best[name] for name in bands.WANTED if name in best]


def _candidates(said: dict[str, Any], key: str, item_id: str, archive: Archive) -> Iterator[BandAt]:
    sentinel_2 = is_sentinel_2(said)
    for name, asset in said["assets"].items():
        roles = {role for role in list_at(asset, "roles") if isinstance(role, str)}
        if not _is_tiff(asset) or masks.kind_of(name, asset) or roles & _UNSEEN_ROLES:
            continue
        planes = bands.described(asset)
        named = _names(name, planes, sentinel_2=sentinel_2)
        if not any(named) and (planes or roles - {"data", "reflectance", "visual"}):
            continue
        file = located(asset.get("href"), key, f"assets.{name}.href", archive)
        if file is None:
            continue
        if not any(named):
            told = archive.header(file, item_id).names
            named = [bands.common_name(n or "", sentinel_2=sentinel_2) for n in told]
            if len(named) == 1 and told[0] is None:
                named = ["pan"]
            planes = [{} for _ in named]
        for i, common in enumerate(named):
            if common is not None:
                plane = planes[i] if i < len(planes) else {}
                scaling = bands.scaling_of(plane, asset)
                if said["properties"].get("earthsearch:boa_offset_applied") is True:
                    # Earth Search states -0.1 whether or not it was applied (earth-search#66).
                    scaling = replace(scaling, scale=scaling.scale or REFLECTANCE_SCALE, offset=0.0)
                gsd = _stated_gsd(plane, asset)
                rendered = bool(roles & _VISUAL) or name.lower() in _VISUAL
                yield BandAt(common, name, file, i + 1, scaling, gsd, rendered)


def _names(asset: str, planes: list[dict[str, Any]], *, sentinel_2: bool) -> list[str | None]:
    """Return the common name of each plane by what is said of it, else by the asset's key."""
    named: list[str | None] = []
    for plane in planes:
        said = (text_at(plane, n) for n in ("eo:common_name", "common_name", "name", "description"))
        meant = (bands.common_name(one, sentinel_2=sentinel_2) for one in said if one)
        named.append(next((one for one in meant if one), None))
    if not any(named) and len(planes) <= 1:
        by_key = bands.common_name(asset, sentinel_2=sentinel_2)
        return [by_key] if by_key else named
    return named


def _masks(said: dict[str, Any], key: str, archive: Archive) -> list[MaskAt]:
    found = []
    for name, asset in said["assets"].items():
        kind = masks.kind_of(name, asset)
        if kind is None or not _is_tiff(asset):
            continue
        file = located(asset.get("href"), key, f"assets.{name}.href", archive)
        if file is not None:
            found.append(MaskAt(kind, name, file, masks.is_percent(asset)))
    return masks.chosen(found)


def _is_tiff(asset: Mapping[str, Any]) -> bool:
    kind, href = asset.get("type"), asset.get("href")
    if isinstance(kind, str) and kind:
        return kind.lower().startswith("image/tiff")
    return isinstance(href, str) and href.lower().endswith((".tif", ".tiff"))


def _stated_gsd(plane: Mapping[str, Any], asset: Mapping[str, Any]) -> float | None:
    for place in (plane, asset):
        said = number_at(place, "gsd", "spatial_resolution", "raster:spatial_resolution")
        if said is not None and said > 0:
            return said
    return None


def _gsd(
    found: list[BandAt], properties: Mapping[str, Any], key: str, item_id: str, archive: Archive
) -> float:
    """Return the GSD of the sharpest band, metres: as said, else as its file's pixels are."""
    said = [one.gsd_m for one in found if one.gsd_m is not None]
    if said:
        return min(said)
    whole = number_at(properties, "gsd", "sar:pixel_spacing_range")
    if whole is not None:
        if whole <= 0:
            raise bad(key, "properties.gsd", f"{whole} is not positive")
        return whole
    side = archive.header(found[0].file, item_id).side_m
    if not side > 0:
        raise bad(key, "properties.gsd", "is missing, and the file has no map coordinates")
    return float(f"{side:.4g}")


def _acquired(properties: Mapping[str, Any], key: str) -> dt.datetime:
    said = text_at(properties, "datetime", "start_datetime")
    if said is None:
        raise bad(key, "properties.datetime", "is missing")
    try:
        when = dt.datetime.fromisoformat(said)
    except ValueError as exc:
        raise bad(key, "properties.datetime", f"{said!r} is no RFC 3339 time") from exc
    try:
        return when.astimezone(dt.UTC) if when.tzinfo else when.replace(tzinfo=dt.UTC)
    except OverflowError as exc:
        raise bad(key, "properties.datetime", f"{said!r} is out of range") from exc


def _bbox(said: Mapping[str, Any], key: str) -> tuple[float, float, float, float] | None:
    values = [finite(v) for v in list_at(said, "bbox")]
    numbers = [v for v in values if v is not None]
    if len(numbers) == 6 and len(values) == 6:
        numbers = [numbers[i] for i in (0, 1, 3, 4)]
    if len(numbers) != 4 or len(values) not in (4, 6):
        if said.get("bbox") is not None:
            raise bad(key, "bbox", "is not four numbers")
        numbers = _around(said.get("geometry"))
    if len(numbers) != 4:
        return None
    west, south, east, north = numbers
    if not (-90 <= south <= north <= 90 and -180 <= west <= 180 and -180 <= east <= 180):
        raise bad(key, "bbox", f"{numbers} are not degrees (west, south, east, north)")
    return west, south, east, north


def _around(geometry: Any) -> list[float]:
    """Return the box around a geometry's points; empty where it has none."""
    if not isinstance(geometry, dict):
        return []
    points: list[tuple[float, float]] = []
    left = [geometry.get("coordinates")]
    while left:
        one = left.pop()
        if isinstance(one, list) and len(one) >= 2 and finite(one[0]) is not None:
            x, y = finite(one[0]), finite(one[1])
            if x is not None and y is not None:
                points.append((x, y))
        elif isinstance(one, list):
            left.extend(one)
    if not points:
        return []
    xs, ys = zip(*points, strict=True)
    return [min(xs), min(ys), max(xs), max(ys)]


def _sun_elevation(properties: Mapping[str, Any]) -> float | None:
    said = number_at(properties, "view:sun_elevation")
    zenith = number_at(properties, "s2:mean_solar_zenith")
    return 90.0 - zenith if said is None and zenith is not None else said


def _orbit(properties: Mapping[str, Any]) -> str | None:
    relative = number_at(properties, "sat:relative_orbit")
    state = text_at(properties, "sat:orbit_state")
    if relative is None:
        return None
    return f"{state[:4]}-R{relative:03.0f}" if state else f"R{relative:03.0f}"


def _processed(properties: Mapping[str, Any]) -> str:
    """Return baseline and time of processing; of two versions the greater one is newer."""
    baseline = text_at(properties, "s2:processing_baseline", "processing:version") or ""
    said = text_at(properties, "processing:datetime", "s2:generation_time", "created", "updated")
    return f"{baseline} {said or ''}".strip()


def _stated(asset: Mapping[str, Any], properties: Mapping[str, Any]) -> Stated:
    code: str | int | None = None
    transform: tuple[float, ...] = ()
    for place in (asset, properties):
        for name in ("proj:code", "proj:epsg"):
            said = place.get(name)
            if code is None and isinstance(said, str | int):
                code = said
        numbers = [finite(v) for v in list_at(place, "proj:transform")]
        if not transform and len(numbers) >= 6:
            transform = tuple(v for v in numbers[:6] if v is not None)
    return Stated(code, transform if len(transform) == 6 else ())


def _unsaid_offset(said: Mapping[str, Any]) -> float:
    properties = said["properties"]
    baseline = text_at(properties, "s2:processing_baseline", "processing:version") or ""
    if not is_sentinel_2(said) or baseline < "04.00":
        return 0.0
    return -0.1


def _change(said: Mapping[str, Any], sizes: list[int | None]) -> str:
    """Return a digest of the item and the sizes of its files."""
    words = json.dumps([said, sizes], sort_keys=True)
    return hashlib.sha256(words.encode()).hexdigest()[:12]
