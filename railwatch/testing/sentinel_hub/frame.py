"""Where a Process request's pixels lie: bounds, CRS and size, with the service's refusals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import rasterio.features
import shapely
from rasterio.transform import Affine
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from railwatch.testing.sentinel_hub.answer import bad_payload, wrapped
from railwatch.testing.sentinel_hub.rules import ERROR_NAMES

MAX_SIDE = 2500
DEFAULT_SIDE = 256
MAX_METRES_PER_PIXEL = {"sentinel-2-l2a": 1500.0, "sentinel-2-l1c": 1500.0}
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


@dataclass(frozen=True, slots=True)
class Frame:
    """A north-up raster in the request's CRS."""

    epsg: int
    bounds: tuple[float, float, float, float]
    """(xmin, ymin, xmax, ymax) in the CRS; lon/lat order where it is geographic."""
    width: int
    height: int
    clip: BaseGeometry | None
    """Pixels outside it have no data; in the same CRS."""

    @property
    def transform(self) -> Affine:
        """From (column, row) of pixel corners to (x, y)."""
        xmin, ymin, xmax, ymax = self.bounds
        return Affine((xmax - xmin) / self.width, 0.0, xmin, 0.0, (ymin - ymax) / self.height, ymax)

    def outline(self) -> BaseGeometry:
        """Bounds as WGS84 polygon, its sides densified so that they bend as they should."""
        xmin, ymin, xmax, ymax = self.bounds
        t = np.linspace(0.0, 1.0, 21)
        x = np.concatenate([xmin + (xmax - xmin) * t, np.full(21, xmax), xmax + (xmin - xmax) * t])
        y = np.concatenate([np.full(21, ymin), ymin + (ymax - ymin) * t, np.full(21, ymax)])
        to_wgs84 = pyproj.Transformer.from_crs(self.epsg, 4326, always_xy=True)
        lon, lat = to_wgs84.transform(x, y)
        return shape({"type": "Polygon", "coordinates": [list(zip(lon, lat, strict=True))]})

    def inside(self) -> npt.NDArray[np.bool_]:
        """(y, x) bool: pixels whose centre lies inside `clip`."""
        if self.clip is None:
            return np.ones((self.height, self.width), dtype=np.bool_)
        inside: npt.NDArray[np.bool_] = rasterio.features.geometry_mask(
            [mapping(self.clip)], (self.height, self.width), self.transform, invert=True
        )
        return inside

    def metres_per_pixel(self) -> float:
        """Longer side of a pixel on the ground, measured along the middle of the frame."""
        crs = pyproj.CRS.from_epsg(self.epsg)
        xmin, ymin, xmax, ymax = self.bounds
        if crs.is_projected:
            metres = crs.axis_info[0].unit_conversion_factor
            wide, high = (xmax - xmin) * metres, (ymax - ymin) * metres
        else:
            geod = pyproj.Geod(ellps="WGS84")
            x, y = (xmin + xmax) / 2, (ymin + ymax) / 2
            wide = geod.line_length([xmin, x, xmax], [y, y, y])
            high = geod.line_length([x, x, x], [ymin, y, ymax])
        return max(wide / self.width, high / self.height)


def frame_of(bounds: Mapping[str, Any], output: Mapping[str, Any]) -> Frame:
    """Work out the frame of a request whose body fits the schema.

    Raises
    ------
    Refusal
        Rings are open, the box has no area, or the size derived from a resolution is too large.
    """
    uri = bounds.get("properties", {}).get("crs", CRS84)
    epsg = 4326 if uri == CRS84 else int(uri.rpartition("/")[2])
    clip = _clip(bounds["geometry"]) if "geometry" in bounds else None
    x0, y0, x1, y1 = bounds["bbox"] if clip is None else bounds.get("bbox", clip.bounds)
    xmin, xmax, ymin, ymax = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    if xmin == xmax or ymin == ymax:
        raise bad_payload("The bounding box has no area.", "input->bounds->bbox")
    width = _side(output, "width", "resx", xmax - xmin)
    height = _side(output, "height", "resy", ymax - ymin)
    return Frame(epsg, (xmin, ymin, xmax, ymax), width, height, clip)


def check_pixel_size(frame: Frame, collection: str) -> None:
    """Refuse pixels coarser than the collection is served at."""
    limit, asked = MAX_METRES_PER_PIXEL.get(collection), frame.metres_per_pixel()
    if limit is not None and asked > limit:
        name = ERROR_NAMES.get(collection, collection)
        raise wrapped(
            400,
            "COMMON_EXCEPTION",
            f"Your request of {asked:.2f} meters per pixel exceeds the limit {limit:.2f} meters "
            f"per pixel of the collection {name}. Please revise the resolution (or corresponding "
            "width/height) to make sure it is in supported range.",
        )


def _side(output: Mapping[str, Any], side: str, step: str, extent: float) -> int:
    """Pixels along one side, given or derived: rounded to nearest, at least 1."""
    if step not in output:
        return int(output.get(side, DEFAULT_SIDE))
    pixels = max(1, math.floor(extent / float(output[step]) + 0.5))
    if pixels > MAX_SIDE:
        raise bad_payload(
            f"`{side} = {pixels}`, calculated from {step}, is larger than allowed {MAX_SIDE}.\n",
            f"output->{step}",
        )
    return pixels


def _clip(geometry: dict[str, Any]) -> BaseGeometry:
    """Read the request's polygon; every ring must be closed."""
    parts = geometry["coordinates"]
    polygons = [parts] if geometry["type"] == "Polygon" else parts
    for ring in (ring for polygon in polygons for ring in polygon):
        if ring[0] != ring[-1]:
            raise bad_payload("Polygon rings must be closed.", "input->bounds->geometry")
    clip: BaseGeometry = shape(geometry)
    if not clip.is_valid:
        raise bad_payload("Invalid geometry.", "input->bounds->geometry")
    return clip


def in_wgs84(geometry: BaseGeometry, epsg: int) -> BaseGeometry:
    """Project a geometry of a request to longitude and latitude."""
    to_wgs84 = pyproj.Transformer.from_crs(epsg, 4326, always_xy=True)

    def moved(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.column_stack(to_wgs84.transform(points[:, 0], points[:, 1]))

    projected: BaseGeometry = shapely.transform(geometry, moved)
    return projected
