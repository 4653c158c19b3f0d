"""What the service's quality layers say of each pixel, in railwatch's classes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from railwatch.scene import MaskClass
from railwatch.sources.archive.mask import MaskAt, MaskKind, classes_of

CLOUD_PERCENT = 50
"""Cloud probability from which an unclassified pixel counts as cloud.

Sen2Cor puts what it thinks cloudy into classes 8 to 10 by its own thresholds; class 7 is the rest
of doubt, so only there the probability is asked: more likely cloud than not.
"""

_UNCLASSIFIED = 7
_SCL = MaskAt(MaskKind.SCL, "SCL", "")


def mask_of(
    measured: npt.NDArray[np.bool_], layers: Mapping[str, npt.NDArray[np.uint16]]
) -> npt.NDArray[np.uint8]:
    """Translate quality layers into mask classes.

    Parameters
    ----------
    measured
        (y, x) bool, the service's `dataMask`.
    layers
        (y, x) uint16 each: `SCL` Sentinel-2 scene classification, `CLD` cloud probability in per
        cent. Either may be missing.

    Returns
    -------
    (y, x) uint8, a `MaskClass` each.
    """
    mask = np.full(measured.shape, MaskClass.CLEAR, dtype=np.uint8)
    if "SCL" in layers:
        mask = classes_of(layers["SCL"][None], _SCL)
        if "CLD" in layers:
            doubtful = (layers["SCL"] == _UNCLASSIFIED) & (layers["CLD"] >= CLOUD_PERCENT)
            mask[doubtful] = MaskClass.CLOUD
    return np.where(measured, mask, np.uint8(MaskClass.NODATA)).astype(np.uint8)
