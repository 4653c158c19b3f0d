"""A scene: one acquisition as an archive lists it, and its pixels over an area's grid.

A `Scene` is metadata only and comes from searching a source; a `SceneRaster` is what fetching it
gives. Neither knows where it came from: archives on disk, in a bucket and Sentinel Hub all speak in
these two values. Pixels travel as uint16 on the area's grid, so that the cube stores what it got.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

NODATA = np.uint16(65535)
"""Stored value of a pixel nobody measured."""

REFLECTANCE_SCALE = 1e-4
"""Stored uint16 times this is reflectance (0-1); for SAR it is the square root of gamma nought."""

SAR_BANDS = frozenset({"vv", "vh", "hh", "hv"})
"""Bands of radar, by their common names."""


class MaskClass(enum.IntEnum):
    """What the archive's own mask says of a pixel; the detector may overrule it."""

    CLEAR = 0
    NODATA = 1
    CLOUD = 2
    SHADOW = 3
    SNOW = 4
    SATURATED = 5


class Rejection(enum.StrEnum):
    """Why a scene never reached the cube. Refusals of scenes that did are `count.Refusal`."""

    ASSET_MISSING = "asset_missing"
    ASSET_UNREADABLE = "asset_unreadable"
    NODATA = "nodata"
    """No pixel over the sidings was measured."""
    NO_USABLE_BAND = "no_usable_band"
    OUTSIDE_AREA = "outside_area"
    SUPERSEDED = "superseded"
    BAD_ITEM = "bad_item"
    DAMAGED = "damaged"
    """Its stored pixels were found damaged and put in quarantine; the next run fetches it again."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One acquisition as an archive lists it."""

    id: str
    """Unique in its collection; the key of idempotence."""
    collection: str
    """Collection id of the archive, e.g. `sentinel-2-l2a`."""
    acquired: dt.datetime
    """Sensing time, UTC, zone-aware."""
    platform: str
    """E.g. `sentinel-2a`; `unknown` where the archive does not say."""
    gsd_m: float
    """Ground sampling distance of the sharpest usable band, metres."""
    bands: tuple[str, ...]
    """STAC common names in stored order: blue, green, red, nir, swir16, vv ..."""
    sun_azimuth_deg: float | None = None
    """Clockwise from north, where the sun stands."""
    sun_elevation_deg: float | None = None
    view_azimuth_deg: float | None = None
    """Clockwise from north, from the target towards the satellite."""
    view_off_nadir_deg: float | None = None
    orbit: str | None = None
    """Relative orbit and direction where the archive gives them, e.g. `R061` or `desc-R061`."""
    processed: str = ""
    """Processing baseline and time; of two versions the greater string supersedes."""
    properties: dict[str, object] = field(default_factory=dict, compare=False)
    """What else the archive said, JSON-serialisable, kept for provenance."""

    def __post_init__(self) -> None:
        if self.acquired.tzinfo is None:
            raise ValueError(f"{self.id}: acquired must be zone-aware UTC, got {self.acquired}")
        if not self.gsd_m > 0:
            raise ValueError(f"{self.id}: gsd_m must be positive, got {self.gsd_m}")

    @property
    def cube_key(self) -> str:
        """The area's cube it belongs to, by collection and GSD: `sentinel-2-l2a@10`."""
        return f"{self.collection}@{self.gsd_m:.3g}"

    @property
    def digest(self) -> str:
        """Twelve hex digits over the metadata a count depends on."""
        return _digest(
            self.id,
            self.collection,
            self.acquired.isoformat(),
            self.platform,
            self.gsd_m,
            self.bands,
            self.sun_azimuth_deg,
            self.sun_elevation_deg,
            self.view_azimuth_deg,
            self.view_off_nadir_deg,
            self.orbit,
            self.processed,
        )


@lru_cache(maxsize=4096, typed=True)
def _digest(*said: object) -> str:
    """Digest of words and numbers; kept, because each stage asks it of every scene."""
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class SceneRaster:
    """Pixels of one scene on an area's grid (`railwatch.grid.Grid`)."""

    bands: tuple[str, ...]
    """Common names, one a plane of `values`."""
    values: npt.NDArray[np.uint16]
    """(band, y, x) uint16; reflectance = value x `REFLECTANCE_SCALE`, `NODATA` if unmeasured."""
    mask: npt.NDArray[np.uint8]
    """(y, x) uint8, a `MaskClass` each."""
    spent_pu: float = 0.0
    """Processing units the source charged for it."""

    def __post_init__(self) -> None:
        if self.values.dtype != np.uint16 or self.values.ndim != 3:
            got = f"{self.values.shape} {self.values.dtype}"
            raise ValueError(f"values must be (band, y, x) uint16, got {got}")
        if self.values.shape[0] != len(self.bands):
            raise ValueError(f"{len(self.bands)} band names for {self.values.shape[0]} planes")
        if self.mask.shape != self.values.shape[1:] or self.mask.dtype != np.uint8:
            got = f"{self.mask.shape} {self.mask.dtype}"
            raise ValueError(f"mask must be {self.values.shape[1:]} uint8, got {got}")
