"""Sensors as delivered: GSD, bands, PSF, noise and packing, with labels that say rendered."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Packing(enum.Enum):
    """How pixels are stored."""

    REFLECTANCE = "uint16"
    """One uint16 file a band, reflectance x 10000."""
    BASELINE_4 = "uint16 offset"
    """The same plus 1000 counts, as Sentinel-2 stores them since processing baseline 04.00."""
    STACKED = "uint16 stacked"
    """One uint16 file of all bands."""
    DISPLAY = "uint8"
    """One 8-bit file stretched for the eye: no reflectance can be had from it."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """One kind of satellite, as its archive delivers it."""

    collection: str
    platforms: tuple[str, ...]
    gsd_m: float
    bands: tuple[str, ...]
    packing: Packing
    psf_sigma_px: tuple[float, float] = (0.46, 0.60)
    """Range a place's PSF sigma is drawn from; MTF at Nyquist 0.35 to 0.17."""
    noise: tuple[float, float] = (0.0015, 0.005)
    """Range of a scene's white noise, reflectance."""
    pattern: tuple[float, float] = (0.001, 0.004)
    """Range of a scene's spatially correlated error, reflectance."""
    shift_px: float = 0.25
    """Standard deviation of misregistration an axis, pixels."""
    off_nadir_deg: float = 0.0
    """Largest angle of view from nadir."""
    ring_m: float = 60.0
    """Ground a delivery shows around the sidings."""
    hour: float = 10.5
    """Local solar time of passing."""
    mask: bool = False
    """Whether a scene classification comes with it."""
    angles: bool = True
    """Whether items say where the sun stood."""
    radar: bool = False

    def band_gsd_m(self, band: str) -> float:
        """Sentinel-2's short-wave infrared has pixels twice as long."""
        return 2.0 * self.gsd_m if band == "swir16" else self.gsd_m


SENTINEL2 = Sensor(
    "rendered-sentinel-2-l2a",
    ("sentinel-2a", "sentinel-2b"),
    10.0,
    ("blue", "green", "red", "nir", "swir16"),
    Packing.REFLECTANCE,
    off_nadir_deg=10.0,
    ring_m=640.0,
    mask=True,
)
DOVE = Sensor(
    "rendered-superdove",
    ("dove-1", "dove-2", "dove-3"),
    3.0,
    ("blue", "green", "red", "nir"),
    Packing.STACKED,
    psf_sigma_px=(0.5, 0.7),
    noise=(0.003, 0.008),
    shift_px=0.7,
    off_nadir_deg=5.0,
    ring_m=300.0,
    hour=10.0,
)
VHR_050 = Sensor(
    "rendered-vhr-50cm",
    ("vhr-1",),
    0.5,
    ("blue", "green", "red", "nir"),
    Packing.STACKED,
    noise=(0.003, 0.010),
    shift_px=6.0,
    off_nadir_deg=20.0,
    hour=10.75,
)
VHR_030 = Sensor(
    "rendered-vhr-30cm",
    ("vhr-3",),
    0.3,
    ("blue", "green", "red", "nir"),
    Packing.STACKED,
    noise=(0.004, 0.012),
    shift_px=8.0,
    off_nadir_deg=25.0,
    hour=10.75,
)
VHR_100 = Sensor(
    "rendered-vhr-100cm",
    ("vhr-10",),
    1.0,
    ("blue", "green", "red", "nir"),
    Packing.STACKED,
    noise=(0.003, 0.010),
    shift_px=3.0,
    off_nadir_deg=20.0,
    hour=10.75,
)
VHR_RGB = Sensor(
    "rendered-vhr-rgb",
    ("vhr-2",),
    0.5,
    ("blue", "green", "red"),
    Packing.DISPLAY,
    noise=(0.003, 0.012),
    shift_px=6.0,
    off_nadir_deg=25.0,
    hour=11.0,
    angles=False,
)
SENTINEL1 = Sensor(
    "rendered-sentinel-1-rtc",
    ("sentinel-1a",),
    10.0,
    ("vv", "vh"),
    Packing.REFLECTANCE,
    psf_sigma_px=(0.75, 0.9),
    shift_px=0.2,
    ring_m=300.0,
    radar=True,
    angles=False,
)
