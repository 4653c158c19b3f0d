"""Collections Sentinel Hub serves and what railwatch asks of each.

Bands go by their common names in a `Scene` and by the service's names in a request. Quality layers
(scene classification, cloud probability) come in the same response, so they are paid for once.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from railwatch.errors import SourceError

_BYOC = re.compile(r"byoc-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Collection:
    """What to ask of one collection."""

    id: str
    """As Catalog and Process call it."""
    bands: Mapping[str, str]
    """Common name to the service's name, in stored order."""
    gsd_m: float
    """Ground sampling distance of the sharpest band, metres."""
    quality: tuple[str, ...] = ()
    """Layers that say what a pixel shows: SCL, CLD."""
    radar: bool = False
    """Backscatter power rather than reflectance."""
    clouds: bool = False
    """Items carry `eo:cloud_cover`."""
    dn_scale: float = 1e-4
    """Reflectance of one digital number."""

    @property
    def paid_bands(self) -> int:
        """Input bands a price counts; `dataMask` is free."""
        return len(self.bands) + len(self.quality)


_OPTICAL = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "swir16": "B11"}

COLLECTIONS: Mapping[str, Collection] = {
    "sentinel-2-l2a": Collection(
        "sentinel-2-l2a", _OPTICAL, 10.0, quality=("SCL", "CLD"), clouds=True
    ),
    # Top of atmosphere; CDSE offers no cloud layer for it, so only dataMask tells.
    "sentinel-2-l1c": Collection("sentinel-2-l1c", _OPTICAL, 10.0, clouds=True),
    "sentinel-1-grd": Collection("sentinel-1-grd", {"vv": "VV", "vh": "VH"}, 10.0, radar=True),
}

DEFAULT = ("sentinel-2-l2a", "sentinel-1-grd")
"""Searched where an area names none. L1C holds the same acquisitions as L2A."""


def collection_of(name: str, own: Mapping[str, Collection]) -> Collection:
    """Look a collection up among the service's and one's own.

    Raises
    ------
    SourceError
        Sentinel Hub does not serve it, or it is one's own and nobody said what its bands are.
    """
    found = own.get(name) or COLLECTIONS.get(name)
    if found is not None:
        return found
    if _BYOC.fullmatch(name):
        raise SourceError(
            f"{name}: say its bands and GSD in the file SH_BYOC names (docs/operators.md)"
        )
    known = ", ".join(sorted({*COLLECTIONS, *own}))
    raise SourceError(f"Sentinel Hub: no collection {name!r}; railwatch knows {known}")


def own_collections(environment: Mapping[str, str] | None = None) -> dict[str, Collection]:
    """Read the account's own collections (BYOC) from the JSON file `SH_BYOC` names, if any.

    `{"byoc-<uuid>": {"gsd_m": 3, "bands": {"blue": "B1", "red": "B3"}, "dn_scale": 1e-4}}`

    Raises
    ------
    SourceError
        The file cannot be read or says something else.
    """
    env = os.environ if environment is None else environment
    name = env.get("SH_BYOC", "").strip()
    if not name:
        return {}
    try:
        said = json.loads(Path(name).read_text(encoding="utf-8"))
        return {key: _own(key, entry) for key, entry in said.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as exc:
        raise SourceError(f"SH_BYOC: {name}: {type(exc).__name__}: {exc}") from exc


def _own(key: str, entry: Mapping[str, object]) -> Collection:
    """Read one entry of the file."""
    bands, gsd_m, scale = entry["bands"], entry["gsd_m"], entry.get("dn_scale", 1e-4)
    if not _BYOC.fullmatch(key):
        raise ValueError(f"{key!r} is not byoc-<uuid>")
    if not isinstance(bands, dict) or not bands:
        raise ValueError(f"{key}: bands must map common names to the collection's")
    if not isinstance(gsd_m, int | float) or not isinstance(scale, int | float) or gsd_m <= 0:
        raise ValueError(f"{key}: gsd_m and dn_scale must be positive numbers")
    named = {str(common): str(own) for common, own in bands.items()}
    return Collection(key, named, float(gsd_m), dn_scale=float(scale))
