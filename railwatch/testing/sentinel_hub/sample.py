"""A small archive to run the emulator over: every pixel is a formula, so a test can say what it is.

Sentinel-2 scenes carry real-looking names, five bands and a scene classification; Sentinel-1 scenes
two polarisations. All lie on one UTM grid near the mouth of the Tumen.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import rasterio
from rasterio.crs import CRS

from railwatch.grid import Grid

GRID = Grid(32652, 10.0, 632_320.0, 4_697_600.0, (192, 256))
"""Where every sample scene lies; whole tiles of 64 pixels."""
OPTICAL = ("blue", "green", "red", "nir", "swir16")
RADAR = ("vv", "vh")
NODATA = 65535
FIRST = dt.datetime(2024, 1, 3, 2, 10, 49, 296_000, tzinfo=dt.UTC)
REVISIT = dt.timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Sample:
    """One scene of the sample archive."""

    id: str
    collection: str
    acquired: dt.datetime
    bands: tuple[str, ...]
    number: int

    def values(self) -> npt.NDArray[np.uint16]:
        """Work out stored numbers, (band, y, x) uint16; the upper left 3 x 5 have no data."""
        rows, columns = np.mgrid[0 : GRID.shape[0], 0 : GRID.shape[1]]
        plain = 300 + (rows * 13 + columns * 7 + self.number * 101) % 4000
        stack = np.stack([plain + 211 * band for band in range(len(self.bands))])
        stack[:, :3, :5] = NODATA
        return stack.astype(np.uint16)

    def classification(self) -> npt.NDArray[np.uint8]:
        """Work out the classification, (y, x) uint8: stripes of every class, 0 without data."""
        columns = np.arange(GRID.shape[1]) // 8 % 11 + 1
        classes = np.broadcast_to(columns, GRID.shape).astype(np.uint8).copy()
        classes[:3, :5] = 0
        return classes


def write_sample(folder: Path, *, optical: int = 3, radar: int = 0) -> tuple[Sample, ...]:
    """Write an archive of so many scenes five days apart; give what was written, oldest first."""
    samples = [_optical(number) for number in range(optical)]
    samples += [_radar(number) for number in range(radar)]
    for sample in samples:
        _write(folder / sample.id, sample)
    return tuple(sorted(samples, key=lambda s: (s.acquired, s.id)))


def _optical(number: int) -> Sample:
    """Name the n-th Sentinel-2 scene."""
    acquired = FIRST + number * REVISIT
    datatake = acquired - dt.timedelta(seconds=288)
    made = f"{acquired:%Y%m%d}T053021"
    unit = "AB"[number % 2]
    name = f"S2{unit}_MSIL2A_{datatake:%Y%m%dT%H%M%S}_N0510_R003_T52TFN_{made}.SAFE"
    return Sample(name, "sentinel-2-l2a", acquired, OPTICAL, number)


def _radar(number: int) -> Sample:
    """Name the n-th Sentinel-1 scene."""
    acquired = FIRST + dt.timedelta(hours=7) + number * 12 * dt.timedelta(days=1)
    end = acquired + dt.timedelta(seconds=25)
    span = f"{acquired:%Y%m%dT%H%M%S}_{end:%Y%m%dT%H%M%S}"
    orbit = 51_900 + 175 * number
    name = f"S1A_IW_GRDH_1SDV_{span}_{orbit:06d}_064F{number:02X}_A{number:03X}"
    return Sample(name, "sentinel-1-grd", acquired, RADAR, number)


def _write(folder: Path, sample: Sample) -> None:
    """Write one scene: a GeoTIFF a band and a STAC Item."""
    folder.mkdir(parents=True)
    assets: dict[str, Any] = {}
    for band, values in zip(sample.bands, sample.values(), strict=True):
        _tiff(folder / f"{band}.tif", values, NODATA)
        assets[band] = {
            "href": f"./{band}.tif",
            "type": "image/tiff; application=geotiff",
            "roles": ["data"],
            "eo:bands": [{"name": band, "common_name": band}],
            "raster:bands": [{"nodata": NODATA, "scale": 1e-4, "offset": 0}],
        }
    if sample.collection == "sentinel-2-l2a":
        _tiff(folder / "scl.tif", sample.classification(), 0)
        assets["scl"] = {"href": "./scl.tif", "type": "image/tiff; application=geotiff"}
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": sample.id,
        "collection": sample.collection,
        **_place(),
        "properties": _properties(sample),
        "links": [],
        "assets": assets,
    }
    (folder / f"{sample.id}.json").write_text(json.dumps(item), encoding="utf-8")


def _properties(sample: Sample) -> Mapping[str, Any]:
    """Say of a scene what archives say."""
    moment = sample.acquired.replace(tzinfo=None).isoformat(timespec="milliseconds")
    said: dict[str, Any] = {
        "datetime": f"{moment}Z",
        "gsd": 10,
        "proj:epsg": GRID.epsg,
        "platform": f"sentinel-{sample.id[1:3].lower()}",
    }
    if sample.collection == "sentinel-2-l2a":
        return {**said, "constellation": "sentinel-2", "eo:cloud_cover": 7.5 * sample.number}
    return {
        **said,
        "constellation": "sentinel-1",
        "sar:instrument_mode": "IW",
        "sat:orbit_state": "descending",
        "s1:polarization": "DV",
        "s1:resolution": "HIGH",
    }


def _place() -> dict[str, Any]:
    """Give the footprint of the sample grid: `bbox` and `geometry`, WGS84."""
    to_wgs84 = pyproj.Transformer.from_crs(GRID.epsg, 4326, always_xy=True)
    west, south, east, north = GRID.bounds
    corners: Sequence[tuple[float, float]] = [
        to_wgs84.transform(x, y)
        for x, y in ((west, south), (east, south), (east, north), (west, north), (west, south))
    ]
    lon, lat = zip(*corners, strict=True)
    return {
        "bbox": [min(lon), min(lat), max(lon), max(lat)],
        "geometry": {"type": "Polygon", "coordinates": [[list(c) for c in corners]]},
    }


def _tiff(path: Path, values: npt.NDArray[Any], nodata: int) -> None:
    """Write one band."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=GRID.shape[1],
        height=GRID.shape[0],
        count=1,
        dtype=values.dtype,
        crs=CRS.from_epsg(GRID.epsg),
        transform=GRID.transform,
        nodata=nodata,
        compress="deflate",
    ) as out:
        out.write(values, 1)
