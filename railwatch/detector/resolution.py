"""The resolution gate: what a scene can show is decided by its GSD before any pixel is seen.

Thresholds are those of method.md 2.2: single cars while a 1.1 m coupling gap keeps at least 60 %
of its depth (GSD <= 1 m), length of track while a train is wider than the blur (up to 5 m), length
of a group of tracks at 10 m, presence only from radar.
"""

from __future__ import annotations

from collections.abc import Collection

from railwatch.count import ResolutionClass

SEGMENT_GSD_M = 1.0
LENGTH_GSD_M = 6.0
GROUP_GSD_M = 20.0
PERIOD_GSD_M = 4.0
"""Above it the repeat of cars along a train (12-15 m) is not sampled three times."""
SAR_BANDS = frozenset({"vv", "vh", "hh", "hv"})


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
    """Sigma of the sensor's point spread as sampled on the grid, metres.

    An MTF of 0.25 at Nyquist is a Gaussian of 0.53 x GSD (method.md 2.2: sigma =
    sqrt(-ln m / (2 pi^2 f_N^2)), f_N = 1 / (2 GSD)).
    """
    return 0.53 * gsd_m
