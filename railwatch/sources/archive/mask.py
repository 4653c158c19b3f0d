"""Masks: what an archive says of each pixel, in the words of `MaskClass`.

Of several masks the one that knows most is taken: Sentinel-2's scene classification, Planet's
usable data mask (UDM2), Landsat's QA_PIXEL, else assets whose role is a cloud. A data mask is used
besides. A mask is a hint; the detector may overrule it, because bright yards look like clouds.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from railwatch.scene import MaskClass
from railwatch.sources.archive.band import described
from railwatch.sources.archive.document import list_at, text_at


class MaskKind(enum.Enum):
    """How a mask's numbers are read; earlier ones know more."""

    SCL = enum.auto()
    UDM2 = enum.auto()
    QA_PIXEL = enum.auto()
    CLOUD = enum.auto()
    DATA = enum.auto()


@dataclass(frozen=True, slots=True)
class MaskAt:
    """A mask and where it is."""

    kind: MaskKind
    asset: str
    file: str
    percent: bool = False
    """A probability of 0-100 rather than yes and no."""


# Sentinel-2 L2A scene classification (Copernicus SentiWiki, S2 products). Dark areas (2) and
# unclassified pixels (7) stay clear: a coal train is dark.
_SCL = np.full(256, MaskClass.CLEAR, dtype=np.uint8)
_SCL[[0, 1, 3, 8, 9, 10, 11]] = [
    MaskClass.NODATA,
    MaskClass.SATURATED,
    MaskClass.SHADOW,
    MaskClass.CLOUD,
    MaskClass.CLOUD,
    MaskClass.CLOUD,
    MaskClass.SNOW,
]

CLOUD_PERCENT = 40
"""Probability from which a pixel is cloud: sentinelhub's own choice for CLP, see method.md 1."""


def kind_of(key: str, asset: Mapping[str, Any]) -> MaskKind | None:
    """Return how an asset is read as a mask; None where it is none."""
    name = key.lower()
    roles = {role.lower().replace("_", "-") for role in list_at(asset, "roles") if _is_text(role)}
    if name in ("scl", "scl-20m", "scl_20m"):
        return MaskKind.SCL
    if "udm2" in name or "udm2" in roles:
        return MaskKind.UDM2
    if name == "qa_pixel":
        return MaskKind.QA_PIXEL
    if "data-mask" in roles or name in ("datamask", "data_mask"):
        return MaskKind.DATA
    return MaskKind.CLOUD if "cloud" in roles else None


def is_percent(asset: Mapping[str, Any]) -> bool:
    """Whether a cloud asset holds probabilities of 0-100."""
    units = {text_at(plane, "unit") for plane in [asset, *described(asset)]}
    return "%" in units


def chosen(found: list[MaskAt]) -> list[MaskAt]:
    """Return the classification that knows most, and a data mask if there is one."""
    classes = sorted(
        (one for one in found if one.kind is not MaskKind.DATA),
        key=lambda one: (one.kind.value, one.asset),
    )
    return classes[:1] + [one for one in found if one.kind is MaskKind.DATA][:1]


def classes_of(raw: npt.NDArray[Any], mask: MaskAt) -> npt.NDArray[np.uint8]:
    """Return (y, x) uint8 `MaskClass` of a mask's planes, (plane, y, x) as in the file."""
    first = raw[0]
    out = np.zeros(first.shape, dtype=np.uint8)
    if mask.kind is MaskKind.SCL:
        return np.asarray(_SCL[np.clip(first, 0, 255).astype(np.uint8)], dtype=np.uint8)
    if mask.kind is MaskKind.UDM2:
        # Planet: clear, snow, shadow, light haze, heavy haze, cloud, confidence, unusable bits.
        for plane, means in (
            (4, MaskClass.CLOUD),
            (5, MaskClass.CLOUD),
            (2, MaskClass.SHADOW),
            (1, MaskClass.SNOW),
        ):
            if plane < len(raw):
                out[(raw[plane] == 1) & (out == MaskClass.CLEAR)] = means
        if len(raw) >= 8:
            out[(raw[7].astype(np.uint8) & 1) == 1] = MaskClass.NODATA
        return out
    if mask.kind is MaskKind.QA_PIXEL:
        # Landsat Collection 2 QA_PIXEL bits (USGS LSDS-1619): 1-3 clouds, 4 shadow, 5 snow, 0 fill.
        bits = first.astype(np.uint16)
        out[(bits & 0b100000) > 0] = MaskClass.SNOW
        out[(bits & 0b10000) > 0] = MaskClass.SHADOW
        out[(bits & 0b1110) > 0] = MaskClass.CLOUD
        out[(bits & 1) > 0] = MaskClass.NODATA
        return out
    if mask.kind is MaskKind.CLOUD:
        out[first > (CLOUD_PERCENT if mask.percent else 0)] = MaskClass.CLOUD
        return out
    out[first == 0] = MaskClass.NODATA
    return out


def _is_text(value: object) -> bool:
    return isinstance(value, str)
