"""Writes rendered scenes as an archive of STAC Items with GeoTIFFs (contract 2)."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import rasterio

from railwatch.coverage import Float32
from railwatch.grid import Grid
from railwatch.testing.scenery.sensor import Packing, Sensor
from railwatch.testing.scenery.weather import Conditions

OFFSET_SINCE = dt.datetime(2022, 1, 25, tzinfo=dt.UTC)
"""Sentinel-2 processing baseline 04.00: from here counts are stored 1000 higher."""

NAMES = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "swir16": "B11"}
LABEL = "Rendered by railwatch.testing.scenery: not an observation"


def write_scene(
    folder: Path,
    sensor: Sensor,
    scene_id: str,
    conditions: Conditions,
    planes: dict[str, tuple[Grid, Float32]],
    classes: npt.NDArray[np.uint8] | None,
) -> None:
    """Write one scene's item and files into `folder`/`scene_id`.

    Parameters
    ----------
    planes
        By band, its grid and (y, x) reflectance, NaN where not measured.
    classes
        (y, x) Sentinel-2 scene classification on the grid of the first band.
    """
    home = folder / scene_id
    home.mkdir(parents=True, exist_ok=True)
    grid = planes[sensor.bands[0]][0]
    if sensor.packing is Packing.DISPLAY:
        assets = _display(home, sensor, grid, [planes[b][1] for b in sensor.bands], conditions.seed)
    elif sensor.packing is Packing.STACKED:
        stack = [_counts(planes[band][1], 0.0) for band in sensor.bands]
        write_tiff(home / "analytic.tif", grid, np.stack(stack), 65535)
        assets = {"analytic": _asset("analytic.tif", sensor.bands, sensor, 0.0)}
    else:
        late = sensor.packing is Packing.BASELINE_4 and conditions.acquired >= OFFSET_SINCE
        offset = -0.1 if late else 0.0
        assets = {}
        for band in sensor.bands:
            where, plane = planes[band]
            write_tiff(home / f"{band}.tif", where, _counts(plane, offset)[None], 65535)
            assets[band] = _asset(f"{band}.tif", (band,), sensor, offset)
    if classes is not None:
        write_tiff(home / "scl.tif", grid, classes[None], 0)
        assets["scl"] = {
            "href": "./scl.tif",
            "type": "image/tiff; application=geotiff",
            "roles": ["data"],
            "title": "Scene classification map",
        }
    item = _item(sensor, scene_id, conditions, grid, assets)
    (home / f"{scene_id}.json").write_text(json.dumps(item), encoding="utf-8")


def _counts(plane: Float32, offset: float) -> npt.NDArray[np.uint16]:
    counts = np.clip(np.rint((plane - offset) * 1e4), 1, 65534)
    return np.where(np.isfinite(plane), np.nan_to_num(counts), 65535).astype(np.uint16)


def write_tiff(path: Path, grid: Grid, stack: npt.NDArray[Any], nodata: int) -> None:
    """Write (band, y, x) counts."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=stack.shape[2],
        height=stack.shape[1],
        count=stack.shape[0],
        dtype=stack.dtype,
        crs=grid.epsg,
        transform=grid.transform,
        nodata=nodata,
        compress="deflate",
        zlevel=1,
        predictor=2,
    ) as file:
        file.write(stack)


def _display(
    home: Path, sensor: Sensor, grid: Grid, planes: list[Float32], seed: int
) -> dict[str, Any]:
    """Stretch for the eye as deliveries are: percentiles of the scene, a gamma, 8 bits."""
    rng = np.random.default_rng([seed, 9])
    low, high = rng.uniform(0.2, 2.0), rng.uniform(97.5, 99.8)
    gamma = float(rng.uniform(0.7, 1.0))
    drawn = []
    for plane in planes:
        dark, bright = np.nanpercentile(plane, [low, high])
        level = np.clip((plane - dark) / max(bright - dark, 1e-3), 0.0, 1.0) ** gamma
        drawn.append(np.where(np.isfinite(plane), 1.0 + 254.0 * np.nan_to_num(level), 0.0))
    write_tiff(home / "visual.tif", grid, np.rint(np.stack(drawn)).astype(np.uint8), 0)
    asset = _asset("visual.tif", sensor.bands, sensor, 0.0)
    asset["raster:bands"] = [{"nodata": 0, "data_type": "uint8"} for _ in sensor.bands]
    asset["roles"] = ["visual"]
    return {"visual": asset}


def _asset(href: str, bands: tuple[str, ...], sensor: Sensor, offset: float) -> dict[str, Any]:
    named = [
        {"name": band.upper()} if sensor.radar else {"name": NAMES[band], "common_name": band}
        for band in bands
    ]
    packed = [
        {
            "nodata": 65535,
            "data_type": "uint16",
            "spatial_resolution": sensor.band_gsd_m(band),
            "scale": 1e-4,
            "offset": offset,
        }
        for band in bands
    ]
    return {
        "href": f"./{href}",
        "type": "image/tiff; application=geotiff",
        "roles": ["data"] if sensor.radar else ["data", "reflectance"],
        "eo:bands": named,
        "raster:bands": packed,
    }


def _item(
    sensor: Sensor,
    scene_id: str,
    conditions: Conditions,
    grid: Grid,
    assets: dict[str, Any],
) -> dict[str, Any]:
    to_wgs = pyproj.Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    west, south, east, north = to_wgs.transform_bounds(*grid.bounds)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    when = conditions.acquired.isoformat().replace("+00:00", "Z")
    properties: dict[str, Any] = {
        "datetime": when,
        "description": LABEL,
        "railwatch:rendered": True,
        "platform": conditions.platform,
        "gsd": sensor.gsd_m,
        "proj:epsg": grid.epsg,
        "sat:relative_orbit": int(conditions.orbit[1:]),
    }
    if sensor.angles:
        properties |= {
            "view:sun_azimuth": round(conditions.light.sun_azimuth_deg, 3),
            "view:sun_elevation": round(conditions.light.sun_elevation_deg, 3),
            "view:off_nadir": round(conditions.light.view_off_nadir_deg, 3),
            "view:azimuth": round(conditions.light.view_azimuth_deg, 3),
        }
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
            "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
            "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
            "https://stac-extensions.github.io/view/v1.0.0/schema.json",
            "https://stac-extensions.github.io/sat/v1.0.0/schema.json",
        ],
        "id": scene_id,
        "collection": sensor.collection,
        "bbox": [west, south, east, north],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": properties,
        "links": [],
        "assets": assets,
    }
