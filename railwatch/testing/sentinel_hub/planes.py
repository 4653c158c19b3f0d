"""Pixels of one band of one holding, resampled onto a request's frame and put into units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import Affine
from rasterio.warp import reproject, transform_bounds
from rasterio.windows import Window, from_bounds

from railwatch.testing.sentinel_hub.answer import wrapped
from railwatch.testing.sentinel_hub.frame import Frame
from railwatch.testing.sentinel_hub.holdings import Holding, Plane

METHODS = {
    "NEAREST": Resampling.nearest,
    "BILINEAR": Resampling.bilinear,
    "BICUBIC": Resampling.cubic,
}
COMPUTED = ("dataMask",)
"""Bands no archive holds: the service works them out, and does not charge for them."""
_UNCLASSIFIED = {"SCL": 5.0, "CLD": 0.0, "SNW": 0.0}
"""What an archive without these layers is served as: bare, cloudless ground."""
_RAW_OFFSET_DN = 1000.0
"""Added to digital numbers by processing baseline 04.00 and later."""

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def read(
    holding: Holding,
    bands: Sequence[str],
    units: Sequence[str],
    frame: Frame,
    processing: Mapping[str, object],
) -> tuple[Floats, Bools]:
    """Read bands in their units on the frame: (band, y, x) float64 and what was measured, (y, x).

    A pixel is measured where any of the bands is; unmeasured values are 0. `dataMask` is 1 there.

    Raises
    ------
    Refusal
        The archive has no such file: 500, as when the service's own store lost one.
    """
    shape = (frame.height, frame.width)
    pixels = np.zeros((len(bands), *shape))
    inside = np.zeros(shape, dtype=np.bool_)
    stored = [b for b in bands if b not in COMPUTED and b not in _UNCLASSIFIED]
    method = METHODS[str(processing.get("upsampling", "NEAREST"))]
    for index, band in enumerate(bands):
        if band in COMPUTED or (band in _UNCLASSIFIED and band not in holding.planes):
            continue
        plane = _plane(holding, band)
        values, valid = _sample(plane, frame, method)
        if band in stored:
            inside |= valid
        pixels[index] = np.where(
            valid, _in_units(values, holding, plane, units[index], processing), 0.0
        )
    if not stored:
        inside = _sample(next(iter(holding.planes.values())), frame, Resampling.nearest)[1]
    inside &= frame.inside()
    for index, band in enumerate(bands):
        if band in COMPUTED:
            pixels[index] = 1.0
        elif band in _UNCLASSIFIED and band not in holding.planes:
            pixels[index] = _UNCLASSIFIED[band]
    pixels[:, ~inside] = 0.0
    return pixels, inside


def _plane(holding: Holding, band: str) -> Plane:
    """Find where a band is stored, or refuse as the service does when it lost a file."""
    plane = holding.planes.get(band)
    if plane is not None:
        return plane
    if holding.collection == "sentinel-1-grd":
        raise wrapped(
            400,
            "RENDERER_S1_MISSING_POLARIZATION",
            f"Requested band '{band}' is not present in Sentinel 1 tile '{holding.id}' "
            "returned by criteria specified in `dataFilter` parameter.",
        )
    raise wrapped(
        500,
        "RENDERER_EXCEPTION",
        f"Illegal request to https://archive/{holding.id}/{band}. HTTP Status: 404.",
    )


def _in_units(
    stored: Floats, holding: Holding, plane: Plane, units: str, processing: Mapping[str, object]
) -> Floats:
    """Put stored numbers into the units a script asked for."""
    scaled = stored * plane.scale + plane.offset
    if units == "LINEAR_POWER":  # archives hold the amplitude: square root of the power
        return scaled**2
    harmonised = processing.get("harmonizeValues", True) not in (False, "false")
    if units == "REFLECTANCE":
        reflectance = scaled + holding.bias_dn * 1e-4
        return np.maximum(reflectance, 0.0) if harmonised else reflectance
    if units == "DN" and plane.scale != 1.0 and holding.collection.startswith("sentinel-2"):
        dn = np.rint(scaled * 1e4) + holding.bias_dn
        return np.maximum(dn, 0.0) if harmonised else dn + _RAW_OFFSET_DN
    return stored


def _sample(plane: Plane, frame: Frame, method: Resampling) -> tuple[Floats, Bools]:
    """Give stored numbers on the frame and where there are any, both (y, x)."""
    crs = CRS.from_epsg(frame.epsg)
    with rasterio.open(plane.path, driver="GTiff") as data:
        around = transform_bounds(crs, data.crs, *frame.bounds, densify_pts=21)
        window = _window(around, data)
        if window is None:
            shape = (frame.height, frame.width)
            return np.zeros(shape), np.zeros(shape, dtype=np.bool_)
        stored = data.read(plane.index, window=window).astype(np.float64)
        nodata = data.nodata if plane.nodata is None else plane.nodata
        known = np.ones(stored.shape, dtype=np.uint8)
        if nodata is not None:
            known[stored == nodata] = 0
        at = data.window_transform(window)
        if data.crs == crs and at.almost_equals(
            frame.transform @ Affine.translation(*_steps(at, frame)), precision=1e-6
        ):
            return _laid(stored, known, _steps(at, frame), frame)
        there = {"src_transform": at, "src_crs": data.crs}
    out = np.zeros((frame.height, frame.width))
    valid = np.zeros(out.shape, dtype=np.uint8)
    here = {"dst_transform": frame.transform, "dst_crs": crs}
    reproject(known, valid, **there, **here, resampling=Resampling.nearest)
    reproject(stored, out, **there, **here, src_nodata=nodata, resampling=method)
    return out, valid.astype(np.bool_)


def _steps(at: Affine, frame: Frame) -> tuple[int, int]:
    """Whole (columns, rows) from the frame's corner to another raster's."""
    column, row = ~frame.transform @ (at.c, at.f)
    return round(column), round(row)


def _laid(
    stored: Floats, known: npt.NDArray[np.uint8], steps: tuple[int, int], frame: Frame
) -> tuple[Floats, Bools]:
    """Copy pixels of a raster whose grid is the frame's own; every resampling gives this."""
    out = np.zeros((frame.height, frame.width))
    valid = np.zeros(out.shape, dtype=np.bool_)
    column, row = steps
    rows = slice(max(row, 0), min(row + stored.shape[0], frame.height))
    columns = slice(max(column, 0), min(column + stored.shape[1], frame.width))
    part = np.s_[rows.start - row : rows.stop - row, columns.start - column : columns.stop - column]
    if rows.start < rows.stop and columns.start < columns.stop:
        out[rows, columns] = stored[part]
        valid[rows, columns] = known[part] != 0
    return out, valid


def _window(bounds: tuple[float, ...], data: rasterio.DatasetReader) -> Window | None:
    """Whole pixels of a file around `bounds`, with the margin cubic resampling needs."""
    window = from_bounds(*bounds, transform=data.transform)
    first_col, first_row = int(window.col_off) - 4, int(window.row_off) - 4
    last_col = int(window.col_off + window.width) + 5
    last_row = int(window.row_off + window.height) + 5
    first_col, first_row = max(first_col, 0), max(first_row, 0)
    last_col, last_row = min(last_col, data.width), min(last_row, data.height)
    if first_col >= last_col or first_row >= last_row:
        return None
    return Window(first_col, first_row, last_col - first_col, last_row - first_row)
