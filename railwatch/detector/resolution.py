"""The resolution gate: what a scene can show is decided by its GSD before any pixel is seen.

Thresholds are those of method.md 2.2: single cars while a 1.1 m coupling gap keeps at least 60 %
of its depth (GSD <= 1 m), length of track while a train is wider than the blur (up to 5 m), length
of a group of tracks at 10 m, presence only from radar.
"""

from __future__ import annotations

from collections.abc import Collection

from railwatch.count import ResolutionClass
from railwatch.scene import SAR_BANDS

SEGMENT_GSD_M = 1.0
LENGTH_GSD_M = 6.0
GROUP_GSD_M = 20.0

PSF_SIGMA_PX = 0.53
"""Sigma of the point spread (PSF) over GSD: a Gaussian whose MTF at Nyquist is 0.25, for sigma =
sqrt(-ln m / (2 pi^2 f_N^2)) and f_N = 1 / (2 GSD) (method.md 2.2)."""


def resolution_class(gsd_m: float, bands: Collection[str]) -> ResolutionClass | None:
    """Class of a scene, or None where no sensor of that GSD says anything about railcars."""
    if SAR_BANDS.intersection(bands):
        return ResolutionClass.D
    if gsd_m <= SEGMENT_GSD_M:
        return ResolutionClass.A
    if gsd_m <= LENGTH_GSD_M:
        return ResolutionClass.B
    if gsd_m <= GROUP_GSD_M:
        return ResolutionClass.C
    return None


def psf_sigma_m(gsd_m: float) -> float:
    """Sigma of the sensor's point spread as sampled on the grid, metres."""
    return PSF_SIGMA_PX * gsd_m
