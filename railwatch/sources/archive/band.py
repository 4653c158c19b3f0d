"""Bands: which plane of which asset is red, and how its numbers become reflectance.

Names come from `bands` (STAC 1.1) or `eo:bands` (1.0), else from the asset's key, else from what
the file says of itself. Values become reflectance by the scale and offset that item or file state,
else by what is usual for the number type:

    uint8           value / 255             8-bit deliveries; relative brightness, not reflectance
    uint16, int16   value x 1e-4            Sentinel-2, Planet surface reflectance, Landsat ARD
    float           value                   reflectance 0-1
    vv, vh, hh, hv  sqrt(gamma0): power is linear unless the unit is dB or the median is negative;
                    integers are amplitudes

Sentinel-2 from processing baseline 04.00 on carries an offset of -0.1 that some archives do not
state and others applied already (`earthsearch:boa_offset_applied`): both are followed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from railwatch.scene import NODATA, REFLECTANCE_SCALE, SAR_BANDS
from railwatch.sources.archive.document import number_at, objects_at, text_at

WANTED = ("pan", "blue", "green", "red", "nir", "swir16", "swir22", "vv", "vh", "hh", "hv")
"""Bands a detector can use, in the order they are stored."""

_SENTINEL_2 = {
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B08": "nir",
    "B8A": "nir08",
    "B11": "swir16",
    "B12": "swir22",
}
_SPOKEN = {
    "b": "blue",
    "g": "green",
    "r": "red",
    "n": "nir",
    "green i": "green",  # Planet's second green is called `green`
    "nir1": "nir",
    "near-infrared": "nir",
    "panchromatic": "pan",
    "swir1": "swir16",
    "swir2": "swir22",
}


@dataclass(frozen=True, slots=True)
class Scaling:
    """What item says of a band's numbers; None where it is silent."""

    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class BandAt:
    """A band and where it is."""

    name: str
    asset: str
    """Key in the item's `assets`."""
    file: str
    """Key in the archive."""
    plane: int
    """From 1, as TIFF counts."""
    scaling: Scaling
    gsd_m: float | None
    rendered: bool
    """Made for the eye: taken only where nothing better has the band."""


def common_name(said: str, *, sentinel_2: bool) -> str | None:
    """Return the common name that a band's name means; None for one nobody can use."""
    if sentinel_2 and (known := _SENTINEL_2.get(said.upper())):
        return known
    name = re.sub(r"[\s_]+", " ", said).strip().lower()
    name = _SPOKEN.get(name, name)
    return name if name in WANTED or name == "nir08" else None


def described(asset: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One object a plane with all that is said of it, whichever STAC version says it."""
    planes = objects_at(asset, "bands") or objects_at(asset, "eo:bands")
    rasters = objects_at(asset, "raster:bands")
    count = max(len(planes), len(rasters))
    planes += [{}] * (count - len(planes))
    rasters += [{}] * (count - len(rasters))
    return [raster | plane for plane, raster in zip(planes, rasters, strict=True)]


def scaling_of(plane: Mapping[str, Any], asset: Mapping[str, Any]) -> Scaling:
    """Return what is said of one plane, or of all of its asset."""

    def said(*names: str) -> float | None:
        found = number_at(plane, *names)
        return found if found is not None else number_at(asset, *names)

    return Scaling(
        said("scale", "raster:scale"),
        said("offset", "raster:offset"),
        said("nodata"),
        (text_at(plane, "unit") or text_at(asset, "unit") or "").lower(),
    )


def stored(
    raw: npt.NDArray[Any], name: str, scaling: Scaling, nodata: tuple[float, ...]
) -> npt.NDArray[np.uint16]:
    """Return a plane's numbers as the cube stores them: reflectance x 10000, `NODATA` unmeasured.

    Parameters
    ----------
    raw
        (y, x), as in the file.
    name
        Common name; SAR bands become the square root of gamma nought.
    scaling
        Complete: scale and offset are numbers.
    nodata
        Values that mean unmeasured; NaN always does.
    """
    scale = 1.0 if scaling.scale is None else scaling.scale
    offset = 0.0 if scaling.offset is None else scaling.offset
    missing = np.zeros(raw.shape, dtype=np.bool_)
    for nothing in nodata:
        missing |= raw == nothing
    if (
        raw.dtype == np.uint16
        and scale == REFLECTANCE_SCALE
        and offset == 0
        and name not in SAR_BANDS
    ):
        return np.where(missing, NODATA, raw)
    if raw.dtype.kind == "f":
        missing |= ~np.isfinite(raw)
    value = np.where(missing, 0, raw).astype(np.float32) * np.float32(scale) + np.float32(offset)
    if name in SAR_BANDS and raw.dtype.kind == "f":
        if scaling.unit in ("db", "decibel") or _median(value, missing) < 0:
            value = np.float32(10.0) ** (value / np.float32(10.0))
        value = np.sqrt(np.maximum(value, np.float32(0)))
    whole = np.clip(np.rint(value / np.float32(REFLECTANCE_SCALE)), 0, int(NODATA) - 1)
    return np.where(missing, NODATA, whole.astype(np.uint16))


def counts_shift(name: str, dtype: str, scaling: Scaling) -> int | None:
    """Whole number to add to a plane's integers so that they are what the cube stores, or None.

    Sentinel-2's are so: their scale is the cube's, their offset a whole number of its steps.
    """
    if np.dtype(dtype) != np.uint16 or scaling.scale != REFLECTANCE_SCALE or name in SAR_BANDS:
        return None
    shift = (scaling.offset or 0.0) / REFLECTANCE_SCALE
    whole = round(shift)
    return whole if abs(shift - whole) < 1e-6 and -(2**15) < whole <= 0 else None


def shift_counts(plane: npt.NDArray[np.uint16], shift: int, nodata: tuple[float, ...]) -> None:
    """Do in place what `stored` does for a plane that `counts_shift` has a number for."""
    other = [nothing for nothing in nodata if nothing != NODATA]
    if not shift and not other:
        return
    missing = plane == NODATA if NODATA in nodata else np.zeros(plane.shape, dtype=np.bool_)
    for nothing in other:
        missing |= plane == nothing
    if shift:
        np.maximum(plane, np.uint16(-shift), out=plane)
        np.subtract(plane, np.uint16(-shift), out=plane)
    plane[missing] = NODATA


def completed(
    scaling: Scaling,
    dtype: str,
    in_file: tuple[float, float],
    *,
    unsaid_offset: float,
) -> Scaling:
    """Fill in scale and offset: what the item says, else the file, else what is usual.

    Parameters
    ----------
    scaling
        What the item says.
    dtype
        Number type of the file.
    in_file
        Scale and offset that the file states; (1, 0) where it states none.
    unsaid_offset
        Offset that is usual for the archive's integers where nobody states any.
    """
    if scaling.scale is not None or scaling.offset is not None:
        usual = _usual_scale(dtype) if scaling.scale is None else scaling.scale
        return Scaling(usual, scaling.offset or 0.0, scaling.nodata, scaling.unit)
    if in_file != (1.0, 0.0):
        return Scaling(*in_file, scaling.nodata, scaling.unit)
    offset = unsaid_offset if np.dtype(dtype).itemsize == 2 else 0.0
    return Scaling(_usual_scale(dtype), offset, scaling.nodata, scaling.unit)


def _usual_scale(dtype: str) -> float:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return 1.0
    return 1.0 / 255.0 if kind.itemsize == 1 else REFLECTANCE_SCALE


def _median(value: npt.NDArray[np.float32], missing: npt.NDArray[np.bool_]) -> float:
    measured = value[~missing]
    return float(np.median(measured)) if measured.size else 0.0
