"""The empty scene: what the ground looks like at any GSD, before cars, air and noise.

A ground is a sum of layers, cover by cover: share of the pixel (already convolved with the PSF and
textured) times the cover's spectrum on the day. Shares are computed once a place and GSD, on a grid
finer than the pixels so that a scene can be sampled wherever misregistration puts it; the spectra
change with every scene. Track is not rasterised: rails, sleepers and bed are profiles across the
axis, convolved with the PSF in closed form.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from railwatch.coverage import Float, Float32
from railwatch.grid import Grid
from railwatch.testing.scenery.material import Cover, Material
from railwatch.testing.scenery.place import Place

RAIL_OFFSET_M = 0.76
RAIL_WIDTH_M = 0.07
SLEEPER_HALF_M = 1.3
SLEEPER_EVERY_M = 0.6
SLEEPER_SHARE = 0.42
"""Width over spacing of sleepers."""
BED_HALF_M = 2.6
"""Ballast shoulder to axis, where no neighbour is nearer."""
STAIN_HALF_M = 0.6

BED: tuple[Cover, ...] = (Cover.BALLAST, Cover.SLEEPER, Cover.RAIL, Cover.STAIN)
ROUGHNESS_M = (2.0, 8.0, 20.0)
"""Lengths over which textures are correlated."""

ROUGHNESS: dict[Cover, tuple[float, float]] = {
    Cover.TREES: (0.30, 2.0),
    Cover.ROAD: (0.05, 20.0),
    Cover.WATER: (0.03, 20.0),
    Cover.YARD: (0.14, 8.0),
    Cover.BARE: (0.12, 8.0),
    Cover.CARGO: (0.25, 2.0),
}
"""Standard deviation of ln brightness and its correlation length, where not (.08, 20 m)."""


Layers = Iterator[tuple[Cover, Float32]]


@dataclass(frozen=True, slots=True)
class Day:
    """When and in what state the ground is seen."""

    date: dt.date
    wetness: float = 0.0
    snow: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Layers of one place at one PSF, kept because many scenes are sampled from them."""

    grid: Grid
    covers: tuple[Cover, ...]
    shares: Float32
    """(cover, y, x) float32, share of the pixel x texture."""
    bare_bed: Float32
    """(y, x) float32, share that is track bed, without texture."""

    def look(
        self, materials: dict[Cover, Material], bands: Sequence[int], day: Day
    ) -> tuple[Float32, Float32]:
        """Mix the layers: the ground's reflectance, and that of the bed alone; (band, y, x)."""
        spectra = np.array([_spectrum(materials[c], bands, day) for c in self.covers])
        whole = np.tensordot(spectra.T, self.shares, axes=1)
        bed = [n for n, cover in enumerate(self.covers) if cover in BED]
        part = np.tensordot(spectra[bed].T, self.shares[bed], axes=1)
        return whole, np.asarray(part / np.maximum(self.bare_bed, 1e-3), dtype=np.float32)


def lay_ground(place: Place, grid: Grid, sigma_m: float) -> Ground:
    """Compute the layers of a place on a grid several times finer than the image's."""
    bare, layers = _layers(place, grid, sigma_m, fine=False)
    covers, shares = zip(*layers, strict=True)
    return Ground(grid, covers, np.stack(shares), bare)


def look_closely(
    place: Place, grid: Grid, sigma_m: float, bands: Sequence[int], day: Day
) -> Float32:
    """Compute the ground's reflectance on the image's own grid, sleeper by sleeper.

    Returns
    -------
    (band, y, x) float32. Layers are mixed one at a time, because all of them at 0.5 m would not
    fit into memory.
    """
    _, layers = _layers(place, grid, sigma_m, fine=True)
    image = np.zeros((len(bands), *grid.shape), dtype=np.float32)
    for cover, share in layers:
        levels = _spectrum(place.materials[cover], bands, day)
        for plane, level in enumerate(levels.tolist()):
            image[plane] += np.float32(level) * share
    return image


def _spectrum(material: Material, bands: Sequence[int], day: Day) -> Float32:
    return material.at(day.date, day.wetness, day.snow)[list(bands)].astype(np.float32)


def _layers(place: Place, grid: Grid, sigma_m: float, *, fine: bool) -> tuple[Float32, Layers]:
    """Share of the bed, and every cover's textured share one after the other."""
    rng = np.random.default_rng([place.draw.seed, 3])
    bed = np.zeros((len(BED), *grid.shape), dtype=np.float32)
    half = _bed_half(place)
    for track in (*place.tracks, *place.leads):
        frame = (grid.west, grid.north, grid.gsd_m, sigma_m)
        _lay_track(bed, track.points, track.chainage, half, *frame, fine)
    np.clip(bed, 0.0, 1.0, out=bed)

    def mixed() -> Layers:
        bare = bed[0]
        rough = {
            length: field(rng, grid.shape, max(length, 1.2 * sigma_m) / grid.gsd_m)
            for length in ROUGHNESS_M
        }
        covers = place.land.covers(grid)
        for cover in Cover:
            inside = covers == cover
            if inside.any():
                share = ndimage.gaussian_filter(
                    inside.astype(np.float32), sigma_m / grid.gsd_m, mode="nearest", truncate=3.5
                )
                spread, length = ROUGHNESS.get(cover, (0.08, 20.0))
                yield cover, share * (1.0 - bare) * np.exp(spread * rough[length])
        texture = np.exp(place.draw.texture * rough[ROUGHNESS_M[1]])
        if fine:
            stones = 0.08 * min(1.0, 0.3 / sigma_m)
            texture *= np.exp(stones * rng.standard_normal(grid.shape, dtype=np.float32))
        # Of the bed, what is not rail, sleeper or stain is ballast: the shares keep their sum.
        rail = bed[2]
        sleeper = np.minimum(bed[1], np.maximum(bare - rail, 0.0))
        left = np.maximum(bare - rail - sleeper, 0.0)
        stain = bed[3] * left * _patches(rng, grid)
        for cover, share in zip(BED, (left - stain, sleeper, rail, stain), strict=True):
            yield cover, share * texture

    return bed[0], mixed()


def _bed_half(place: Place) -> float:
    """Half width of one track's bed: to the middle between neighbours, at most `BED_HALF_M`."""
    return min(BED_HALF_M, place.draw.spacing_m / 2.0) if len(place.tracks) > 1 else BED_HALF_M


def field(rng: np.random.Generator, shape: tuple[int, int], length_px: float) -> Float32:
    """Gaussian random field, (y, x) float32, mean 0, variance 1, correlated over `length_px`."""
    step = max(1, int(length_px / 2.0))
    small = tuple(-(-n // step) + 8 for n in shape)
    noise = rng.standard_normal(small, dtype=np.float32)
    smooth = ndimage.gaussian_filter(noise, length_px / step / 2.0, mode="wrap")
    smooth /= max(float(smooth.std()), 1e-6)
    if step > 1:
        smooth = ndimage.zoom(smooth, step, order=1, grid_mode=True, mode="nearest")
    return np.asarray(smooth[: shape[0], : shape[1]], dtype=np.float32)


def _patches(rng: np.random.Generator, grid: Grid) -> Float32:
    """How stained the bed is from place to place, 0-1."""
    level = 0.45 + 0.25 * field(rng, grid.shape, 25.0 / grid.gsd_m)
    return np.asarray(np.clip(level, 0.0, 1.0), dtype=np.float32)


@numba.njit(cache=True, nogil=True)
def _hat(d: float, half: float, sigma: float) -> float:
    """Share of a band |d| < half seen at d through the PSF."""
    scale = 1.0 / (sigma * math.sqrt(2.0))
    return 0.5 * (math.erf((d + half) * scale) - math.erf((d - half) * scale))


@numba.njit(cache=True, nogil=True)
def _lay_track(
    bed: Float32,
    xy: Float,
    chainage: Float,
    half: float,
    west: float,
    north: float,
    gsd: float,
    sigma: float,
    fine: bool,
) -> None:
    """Add one track's bed, sleepers, rails and stain to `bed` (4, y, x)."""
    rows, cols = bed.shape[1:]
    reach = half + 4.0 * sigma
    fade = math.exp(-2.0 * (math.pi * sigma / SLEEPER_EVERY_M) ** 2) if fine else 0.0
    for i in range(xy.shape[0] - 1):
        x0, y0 = xy[i]
        length = chainage[i + 1] - chainage[i]
        ux, uy = (xy[i + 1, 0] - x0) / length, (xy[i + 1, 1] - y0) / length
        c0 = max(0, math.floor((min(x0, xy[i + 1, 0]) - reach - west) / gsd))
        c1 = min(cols - 1, math.ceil((max(x0, xy[i + 1, 0]) + reach - west) / gsd))
        r0 = max(0, math.floor((north - max(y0, xy[i + 1, 1]) - reach) / gsd))
        r1 = min(rows - 1, math.ceil((north - min(y0, xy[i + 1, 1]) + reach) / gsd))
        for r in range(r0, r1 + 1):
            dy = north - (r + 0.5) * gsd - y0
            for c in range(c0, c1 + 1):
                dx = west + (c + 0.5) * gsd - x0
                u, d = dx * ux + dy * uy, dy * ux - dx * uy
                if u < 0.0 or u >= length or abs(d) > reach:
                    continue
                wave = 1.0 + 1.4 * fade * math.cos(
                    2.0 * math.pi * (chainage[i] + u) / SLEEPER_EVERY_M
                )
                bed[0, r, c] += _hat(d, half, sigma)
                bed[1, r, c] += SLEEPER_SHARE * wave * _hat(d, SLEEPER_HALF_M, sigma)
                bed[2, r, c] += _hat(d - RAIL_OFFSET_M, RAIL_WIDTH_M / 2.0, sigma)
                bed[2, r, c] += _hat(d + RAIL_OFFSET_M, RAIL_WIDTH_M / 2.0, sigma)
                bed[3, r, c] += _hat(d, STAIN_HALF_M, sigma)


def sampled(values: Float32, fine: Grid, grid: Grid) -> Float32:
    """Sample layers (band, y, x) at another grid's pixel centres, cubic; (band, y, x) float32."""
    down = _cubic((fine.north - grid.y()) / fine.gsd_m - 0.5, values.shape[1])
    across = _cubic((grid.x() - fine.west) / fine.gsd_m - 0.5, values.shape[2])
    rows = sum(weight[:, None] * values[:, at, :] for at, weight in down)
    cols = sum(weight * np.asarray(rows)[:, :, at] for at, weight in across)
    return np.asarray(cols, dtype=np.float32)


def _cubic(at: Float, size: int) -> list[tuple[npt.NDArray[np.intp], Float32]]:
    """Catmull-Rom taps: (sample,) source index and weight of each of four, edges repeated."""
    first = np.floor(at).astype(np.intp)
    t = (at - first).astype(np.float32)
    weights = (
        0.5 * (-t + 2 * t**2 - t**3),
        0.5 * (2 - 5 * t**2 + 3 * t**3),
        0.5 * (t + 4 * t**2 - 3 * t**3),
        0.5 * (-(t**2) + t**3),
    )
    return [(np.clip(first + k - 1, 0, size - 1), w) for k, w in enumerate(weights)]
