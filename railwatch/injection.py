"""Injection: the change of reflectance that railcars and their shadows make to given pixels.

The one idea: a pixel is the scene convolved with a Gaussian point spread function (PSF) and sampled
at the pixel's centre, so a rectangle's share of a pixel is a product of two error functions along
its own axes: exact at every GSD, and rotation costs nothing. What sticks up from the ground
(shadow on the far side from the sun, wall on the far side from the satellite) is a rectangle swept
along a vector; it is summed point by point, each point hidden where another car stands and counted
once where several shadows overlap.

Calibration injects known cars into a site's own scenes with this module, and the scenery renderer
draws its cars with it, so what one learns holds for the other. It knows no detector.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from railwatch.coverage import Float, Float32, cover, sweep
from railwatch.detector.resolution import PSF_SIGMA_PX
from railwatch.grid import Grid
from railwatch.rolling_stock import (
    BY_KIND,
    CATALOGUE,
    SPECTRAL_BANDS,
    Panel,
    RollingStock,
    Spectrum,
    Vehicle,
    dress,
)
from railwatch.track import Track

SHADE: Spectrum = (0.38, 0.30, 0.25, 0.18, 0.12)
"""Sky light over total light, by band: what a shadow leaves of the ground's reflectance."""

FINE_SIGMA_M = 1.2
"""Below this PSF sigma a car's panels are drawn one by one; above, its mean look."""


@dataclass(frozen=True, slots=True)
class Consist:
    """Coupled vehicles standing on a track."""

    from_m: float
    """Chainage of the first vehicle's rear coupler, metres."""
    vehicles: tuple[Vehicle, ...]

    @property
    def length_m(self) -> float:
        """Over the outermost coupler faces."""
        return sum(vehicle.length_m for vehicle in self.vehicles)

    def intervals(self) -> Float:
        """(vehicle, 2) float64, chainage from and to of each, metres over couplers."""
        ends = self.from_m + np.cumsum([0.0, *(v.length_m for v in self.vehicles)])
        return np.column_stack([ends[:-1], ends[1:]])


@dataclass(frozen=True, slots=True)
class Light:
    """Where the sun and the satellite stand, and what a shadow leaves."""

    sun_azimuth_deg: float
    """Clockwise from north, towards the sun."""
    sun_elevation_deg: float
    view_azimuth_deg: float = 0.0
    """Clockwise from north, from the ground towards the satellite."""
    view_off_nadir_deg: float = 0.0
    shade: Spectrum = SHADE

    def __post_init__(self) -> None:
        if not 5.0 <= self.sun_elevation_deg <= 90.0:
            raise ValueError(f"sun elevation must be 5-90 degrees, got {self.sun_elevation_deg}")

    def shadow(self, height_m: Float) -> Float:
        """(n, xy) metres from a top to the far end of its shadow."""
        return _away(
            self.sun_azimuth_deg, height_m / math.tan(math.radians(self.sun_elevation_deg))
        )

    def lean(self, height_m: Float) -> Float:
        """(n, xy) metres by which a top is seen displaced from its foot."""
        return _away(
            self.view_azimuth_deg, height_m * math.tan(math.radians(self.view_off_nadir_deg))
        )


def draw_consist(
    rng: np.random.Generator,
    cars: int,
    *,
    from_m: float = 0.0,
    mixed: float = 0.3,
    kinds: Sequence[str] = (),
    locomotive: bool = False,
) -> Consist:
    """Draw a consist of `cars` railcars as yards hold them: mostly of one type and load.

    Parameters
    ----------
    mixed
        Chance that a consist is assembled car by car instead of from one type.
    kinds
        Types to draw from; empty: the whole catalogue by weight.
    locomotive
        Put one in front; it is not one of `cars`.
    """
    pool = [BY_KIND[kind] for kind in kinds] or [s for s in CATALOGUE if s.weight > 0]
    chance = np.array([stock.weight or 1.0 for stock in pool])
    upto = np.cumsum(chance / chance.sum())
    upto /= upto[-1]

    def pick() -> RollingStock:
        # What `Generator.choice` does, without its checks of every call.
        return pool[int(upto.searchsorted(rng.random(), side="right"))]

    each = rng.random() < mixed
    stock, tarps = pick(), rng.random() < 0.15
    load = None if each or rng.random() < 0.4 else _common_load(rng, stock)
    vehicles = []
    if locomotive:
        engine = str(rng.choice(["locomotive-m62", "locomotive-tem2"]))
        vehicles.append(dress(rng, BY_KIND[engine]))
    for _ in range(cars):
        if each:
            stock, tarps = pick(), rng.random() < 0.15
        vehicles.append(dress(rng, stock, load=None if tarps else load, tarp=tarps))
    return Consist(from_m, tuple(vehicles))


def _common_load(rng: np.random.Generator, stock: RollingStock) -> str | None:
    choices = {
        "open": ("coal", "iron-ore", "gravel", "scrap", "rust"),
        "roof": ("galvanised", "grey", "brown"),
        "barrel": ("silver", "black", "grey"),
    }.get(stock.top.value)
    return None if choices is None else str(rng.choice(choices))


def inject(
    values: npt.NDArray[np.floating],
    grid: Grid,
    bands: Sequence[str],
    standing: Sequence[tuple[Track, Consist]],
    light: Light,
    *,
    psf_sigma_m: float | None = None,
    ground: npt.NDArray[np.floating] | None = None,
) -> Float32:
    """Put consists and their shadows into a scene.

    Parameters
    ----------
    values
        (band, y, x) reflectance 0-1; NaN stays NaN. Not changed.
    bands
        Common names, one a plane, each of `SPECTRAL_BANDS`.
    standing
        Every consist at once, because cars hide their neighbours' shadows.
    psf_sigma_m
        None: `PSF_SIGMA_PX` x the grid's GSD.
    ground
        (band,) or (band, y, x) reflectance of the track bed under the cars. None: each pixel's
        own value, which at 10 m mixes the bed with its surroundings.

    Returns
    -------
    (band, y, x) float32 reflectance.
    """
    marks = imprint(grid, bands, standing, light, psf_sigma_m=psf_sigma_m)
    shade = _of_bands(light.shade, bands)[:, None, None]
    bed = values if ground is None else np.asarray(ground)
    bed = bed[:, None, None] if bed.ndim == 1 else bed
    dimmed = bed * (marks.occupied + (1.0 - shade) * marks.shadow)
    return np.asarray(values + marks.light - dimmed, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Imprint:
    """What standing cars do to pixels, apart from what lies beneath."""

    occupied: Float32
    """(y, x) float32, share of the pixel that cars cover, walls included."""
    shadow: Float32
    """(y, x) float32, share that is ground in their shadow."""
    light: Float32
    """(band, y, x) float32, reflectance the cars add: colour x share."""


def imprint(
    grid: Grid,
    bands: Sequence[str],
    standing: Sequence[tuple[Track, Consist]],
    light: Light,
    *,
    psf_sigma_m: float | None = None,
) -> Imprint:
    """Compute shares of cars and shadows in every pixel; parameters as in `inject`."""
    sigma = PSF_SIGMA_PX * grid.gsd_m if psf_sigma_m is None else psf_sigma_m
    occupied, shadow = (np.zeros(grid.shape, dtype=np.float32) for _ in range(2))
    painted = np.zeros((len(bands), *grid.shape), dtype=np.float32)
    feet, heights, vehicles = _feet(standing)
    if len(feet) == 0:
        return Imprint(occupied, shadow, painted)
    lean, cast = light.lean(heights), light.shadow(heights)
    frame = (grid.west, grid.north, grid.gsd_m, sigma)
    tops = feet.copy()
    tops[:, :2] += lean
    if sigma < FINE_SIGMA_M:
        plates, colours = _plates(tops, vehicles, light, bands)
    else:
        plates, colours = tops, np.array([mean_look(v, bands) for v in vehicles])
    cover(occupied, painted, plates, colours, *frame)
    step = max(0.3 * sigma, 0.06) if sigma < FINE_SIGMA_M else 0.6
    if light.view_off_nadir_deg > 0:
        walls = np.array([0.6 * mean_look(v, bands) for v in vehicles])
        seen = np.zeros_like(occupied)
        still = np.zeros_like(lean)
        sweep(seen, painted, feet, lean, tops, still, walls, *frame, step)
        occupied += seen
    nothing = np.zeros((len(feet), 0))
    sweep(shadow, painted[:0], feet, cast, feet, lean, nothing, *frame, step)
    return Imprint(occupied, shadow, painted)


def _away(azimuth_deg: float, distance_m: Float) -> Float:
    turned = math.radians(azimuth_deg)
    return -np.outer(distance_m, [math.sin(turned), math.cos(turned)])


def _of_bands(spectrum: Spectrum, bands: Sequence[str]) -> Float:
    return np.array([spectrum[SPECTRAL_BANDS.index(band)] for band in bands])


def mean_look(vehicle: Vehicle, bands: Sequence[str]) -> Float:
    """Area-weighted reflectance of a top; a deep load is about a third in its walls' shadow."""
    total, whole = [0.0] * len(SPECTRAL_BANDS), 0.0
    for panel in vehicle.panels:
        (a0, a1), (c0, c1) = panel.along_m, panel.across_m
        area = (a1 - a0) * (c1 - c0)
        whole += area
        lit = area * (0.7 if panel.depth_m > 1 else 1.0)
        total = [t + lit * r for t, r in zip(total, panel.reflectance, strict=True)]
    return np.array([total[SPECTRAL_BANDS.index(band)] / whole for band in bands])


def points_on(track: Track, chainage_m: npt.ArrayLike) -> Float:
    """Points of a track's axis at chainages, (..., xy) metres; beyond an end, the end itself.

    `Track.xy` finds directions too, which takes several times as long.
    """
    at = np.asarray(chainage_m, dtype=np.float64)
    return np.stack(
        [np.interp(at, track.chainage, track.points[:, axis]) for axis in (0, 1)], axis=-1
    )


def _feet(
    standing: Sequence[tuple[Track, Consist]],
) -> tuple[Float, Float, list[Vehicle]]:
    """Footprints (n, 6): centre x, y, heading x, y, half length, half width; heights; vehicles."""
    rows: list[Float] = []
    vehicles: list[Vehicle] = []
    for track, consist in standing:
        spans = consist.intervals()
        # A car rides on two pivots about a fifth of its length in from the couplers.
        inset = 0.2 * (spans[:, 1] - spans[:, 0])
        rear, front = points_on(track, spans[:, 0] + inset), points_on(track, spans[:, 1] - inset)
        heading = (front - rear) / np.hypot(*(front - rear).T)[:, None]
        sizes = [(v.body_m / 2.0, v.width_m / 2.0) for v in consist.vehicles]
        rows.append(np.column_stack([(front + rear) / 2.0, heading, sizes]))
        vehicles.extend(consist.vehicles)
    feet = np.concatenate(rows) if rows else np.empty((0, 6))
    return feet, np.array([v.height_m for v in vehicles]), vehicles


def _plates(
    tops: Float, vehicles: Sequence[Vehicle], light: Light, bands: Sequence[str]
) -> tuple[Float, Float]:
    """Rectangles (n, 6) and colours (n, band) of all panels as the sun lights them."""
    rows, colours = [], []
    shade = _of_bands(light.shade, bands)
    turned, raised = math.radians(light.sun_azimuth_deg), math.radians(light.sun_elevation_deg)
    for (x, y, ux, uy, _, _), vehicle in zip(tops.tolist(), vehicles, strict=True):
        along = math.sin(turned) * ux + math.cos(turned) * uy
        across = -math.sin(turned) * uy + math.cos(turned) * ux
        for panel in vehicle.panels:
            tilt = math.radians(panel.slope_deg)
            facing = across * math.cos(raised) * math.sin(tilt) + math.sin(raised) * math.cos(tilt)
            direct = max(facing, 0.0) / math.sin(raised)
            look = _of_bands(panel.reflectance, bands)
            lit = look * (shade + (1.0 - shade) * direct)
            fall = panel.depth_m / math.tan(raised)
            for part, dark in _walled(panel, -fall * along, -fall * across):
                (a0, a1), (c0, c1) = part
                a, c = (a0 + a1) / 2.0, (c0 + c1) / 2.0
                rows.append(
                    (x + a * ux - c * uy, y + a * uy + c * ux, ux, uy, (a1 - a0) / 2, (c1 - c0) / 2)
                )
                colours.append(look * shade if dark else lit)
    return np.array(rows), np.array(colours)


Span = tuple[float, float]


def _walled(panel: Panel, along: float, across: float) -> list[tuple[tuple[Span, Span], bool]]:
    """Split a sunken panel into lit and shaded rectangles; shade falls by (along, across) m."""
    (a0, a1), (c0, c1) = panel.along_m, panel.across_m
    along = math.copysign(min(abs(along), a1 - a0), along)
    across = math.copysign(min(abs(across), c1 - c0), across)
    lit_a = (a0 + max(along, 0.0), a1 + min(along, 0.0))
    lit_c = (c0 + max(across, 0.0), c1 + min(across, 0.0))
    dark_a = (a0, lit_a[0]) if along > 0 else (lit_a[1], a1)
    dark_c = (c0, lit_c[0]) if across > 0 else (lit_c[1], c1)
    parts = [((lit_a, lit_c), False), ((dark_a, (c0, c1)), True), ((lit_a, dark_c), True)]
    return [(p, dark) for p, dark in parts if p[0][1] > p[0][0] and p[1][1] > p[1][0]]
