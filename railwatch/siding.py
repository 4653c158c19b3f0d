"""A siding: a length of track that can hold railcars; and the versioned set a count rests on.

Geometry is kept as it was given (WGS84) and projected where it is used. The digest of a siding
set covers all that changes a count, and nothing else: coordinates, dates and visibility, not names.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyproj


class SidingKind(enum.StrEnum):
    """What the track is for; `main` lines are watched but never counted as stored cars."""

    SIDING = "siding"
    YARD = "yard"
    SPUR = "spur"
    MAIN = "main"


@dataclass(frozen=True, slots=True)
class HiddenStretch:
    """Part of a siding no satellite sees: a canopy, shed or bridge."""

    from_m: float
    """Chainage where it begins, metres from the line's first point."""
    to_m: float
    since: dt.date | None = None
    """First day it hides the track; None: always did."""
    until: dt.date | None = None
    """Last day it hides the track; None: still does."""

    def __post_init__(self) -> None:
        if not 0 <= self.from_m < self.to_m:
            raise ValueError(
                f"a hidden stretch needs 0 <= from_m < to_m, got {self.from_m} and {self.to_m}"
            )


@dataclass(frozen=True, slots=True)
class Siding:
    """A length of track that can hold railcars."""

    id: str
    coordinates: tuple[tuple[float, float], ...]
    """Centreline, (longitude, latitude) in degrees, WGS84, at least two distinct points."""
    kind: SidingKind = SidingKind.SIDING
    name: str = ""
    valid_from: dt.date | None = None
    """First day the track existed; None: before the archive begins."""
    valid_to: dt.date | None = None
    visible: bool = True
    """False: under a roof for good; its length counts in `total_m`, never in `visible_m`."""
    hidden: tuple[HiddenStretch, ...] = ()

    def exists(self, day: dt.date) -> bool:
        """Whether the track was there on `day`."""
        after = self.valid_from is None or self.valid_from <= day
        before = self.valid_to is None or day <= self.valid_to
        return after and before

    def projected(self, to_crs: pyproj.CRS) -> npt.NDArray[np.float64]:
        """Centreline as (point, xy) float64, metres in `to_crs`."""
        lon, lat = np.asarray(self.coordinates, dtype=np.float64).T
        x, y = pyproj.Transformer.from_crs(4326, to_crs, always_xy=True).transform(lon, lat)
        return np.column_stack([x, y])


@dataclass(frozen=True)
class SidingSet:
    """The versioned set of sidings a count rests on, ordered by id."""

    sidings: tuple[Siding, ...]

    def __post_init__(self) -> None:
        ids = [siding.id for siding in self.sidings]
        if ids != sorted(set(ids)):
            raise ValueError("a siding set is ordered by id and each id stands once")

    def __iter__(self) -> Iterator[Siding]:
        return iter(self.sidings)

    def __len__(self) -> int:
        return len(self.sidings)

    @cached_property
    def digest(self) -> str:
        """Twelve hex digits over everything that changes a count."""
        said = [
            [
                s.id,
                s.kind.value,
                [[round(x, 8), round(y, 8)] for x, y in s.coordinates],
                str(s.valid_from),
                str(s.valid_to),
                s.visible,
                [[h.from_m, h.to_m, str(h.since), str(h.until)] for h in s.hidden],
            ]
            for s in self.sidings
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]

    @cached_property
    def utm(self) -> pyproj.CRS:
        """UTM zone of the sidings' mean longitude and latitude (EPSG 326xx / 327xx)."""
        lon, lat = np.mean([p for s in self.sidings for p in s.coordinates], axis=0)
        zone = int((lon + 180.0) // 6.0) % 60 + 1
        return pyproj.CRS.from_epsg((32600 if lat >= 0 else 32700) + zone)
