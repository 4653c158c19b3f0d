"""An observation: one scene seen along a block's tracks, or the reason it cannot be.

Whatever can be said of a scene on its own is said here: whether it is measured, clear, free of snow
and haze, and where it lies. What it means for occupancy is decided later, against the other dates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from railwatch.count import Refusal
from railwatch.detection import Registration
from railwatch.detector.block import Block
from railwatch.detector.registration import Reference, register
from railwatch.detector.strip_sampling import sample
from railwatch.grid import Grid
from railwatch.scene import NODATA, REFLECTANCE_SCALE, MaskClass, Scene, SceneRaster

F32 = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

OPTICAL = ("blue", "green", "red", "nir")
"""Bands the energy rests on: the sharp ones. Short-wave infrared is twice as coarse."""
REGISTERED = ("red", "nir", "green", "blue")
"""Bands of the reference; the first two there are registered on, the last shows veils."""
CLEAR_ENOUGH = 0.5
"""Least share of the track that must be clear."""
SNOW_BRIGHT = 0.4
HAZE_OFFSET = 0.035
"""Reflectance that haze adds in the darkest places beyond which contrasts are lost."""
HAZE_CONTRAST = 0.65
VEIL = 0.02
"""Rise of blue less half of red (haze-optimised transform, Zhang et al. 2002) that means snow or
cloud the mask missed: soil laid bare rises more in red."""
VEIL_SHARE = 0.12
"""Share of the land near the tracks so veiled at which the scene is refused."""
WISP = 0.015
"""The same rise, of most land around a place against the clearest: a wisp hides the track there."""
WISP_CLEAR = 0.05
"""Share of the land near the tracks that no wisp covers."""
WISP_BLOCK_M = 40.0
"""Side of the blocks of land whose means are compared; a wisp fills most of three by three."""
LEAST_BLOCKS = 20
"""Blocks of land near the tracks below which nothing is said of wisps."""
VEIL_REACH_M = 200.0
CLOUD_MARGIN_M = 50.0
"""Around masked cloud and shadow (method.md, default parameters)."""
ROOF_M2 = 1e4
"""Patches of masked cloud smaller than this, and far from larger ones, are roofs: a hall has up to
a hectare, and cloud that small is the fringe of more."""
FRINGE_M = 250.0
"""How near a patch lies to the cloud it is the fringe of."""


@dataclass(frozen=True)
class Corridor:
    """Pixels of a grid by what they are to the tracks."""

    track: Mask
    """(y, x) within the reach of a train's blur."""
    outside: Mask
    """(y, x) away from the tracks: where scenes are registered."""
    near: Mask
    """(y, x) land within `VEIL_REACH_M` of the tracks, clear of their blur."""
    gsd_m: float


@dataclass(frozen=True)
class Observation:
    """One scene along the tracks."""

    scene: Scene
    bands: tuple[str, ...]
    clear_fraction: float
    registration: Registration | None
    refusal: Refusal | None
    strips: tuple[F32, ...]
    """One a block: (band, offset, cell) float32, NaN where not clear; empty if refused."""


def optical(bands: Sequence[str]) -> tuple[str, ...]:
    """Bands of a scene that its strips show."""
    return tuple(band for band in OPTICAL if band in bands)


def corridor_of(grid: Grid, blocks: Sequence[Block], gsd_m: float) -> Corridor:
    """Mark pixels within about two pixels of a track, and those well away from all."""
    rows, cols = grid.shape
    on = np.zeros(grid.shape, dtype=np.bool_)
    for block in blocks:
        for m in range(len(block.group.members)):
            member = block.group.members[m]
            x, y = member.xy(member.samples(0.5 * gsd_m), 0.0)
            row, col = (np.round(v).astype(int) for v in grid.pixel(x, y))
            inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
            on[row[inside], col[inside]] = True
    distance = ndimage.distance_transform_edt(~on) * gsd_m
    away = distance > 3.0 * gsd_m + 10.0
    return Corridor(distance <= 1.5 * gsd_m, away, away & (distance < VEIL_REACH_M), gsd_m)


def clear_pixels(raster: SceneRaster, corridor: Corridor) -> Mask:
    """Pixels fit for counting: the archive's mask, less the roofs it takes for cloud.

    Bright roofs and tarpaulins look like cloud to masks without a thermal band. A patch of cloud
    that lies mostly on the tracks and does not reach beyond them is a train, not weather; small
    ones that stand alone are buildings, which hide themselves and no more.
    """
    measured = (raster.values != NODATA).all(axis=0)
    bad = np.isin(raster.mask, [MaskClass.CLOUD, MaskClass.SHADOW])
    patches, count = ndimage.label(bad)
    if count:
        index = np.arange(1, count + 1)
        size = ndimage.sum_labels(bad, patches, index)
        on_track = ndimage.sum_labels(corridor.track & bad, patches, index)
        false_alarm = np.concatenate([[False], on_track > 0.6 * size])
        bad &= ~false_alarm[patches]
        bad = _with_margin(patches, size, bad, corridor.gsd_m)
    return np.asarray(measured & ~bad & (raster.mask != MaskClass.NODATA))


def _with_margin(
    patches: npt.NDArray[np.integer], size: npt.NDArray[np.float64], bad: Mask, gsd_m: float
) -> Mask:
    """Widen patches of masked cloud by `CLOUD_MARGIN_M`, lone small ones by half their own width.

    Parameters
    ----------
    patches : (y, x) labels from 1
    size : (patch,) pixels
    bad : (y, x)
        Of the patches, what is not ruled out.
    """
    large = np.concatenate([[False], size * gsd_m**2 >= ROOF_M2])[patches]
    lone = bad & ~large
    if large.any():
        lone &= ndimage.distance_transform_edt(~large) * gsd_m > FRINGE_M
    full = bad & ~lone
    wide = ndimage.distance_transform_edt(~full) * gsd_m <= CLOUD_MARGIN_M if full.any() else full
    own = np.concatenate([[0.0], np.maximum(1.0, np.round(0.5 * np.sqrt(size)))])[patches]
    for reach in np.unique(own[lone]).tolist():
        wide = wide | (ndimage.distance_transform_edt(~(lone & (own == reach))) <= reach)
    return np.asarray(wide)


def reference_from(
    rasters: Sequence[tuple[tuple[str, ...], SceneRaster]], corridor: Corridor, gsd_m: float
) -> tuple[tuple[str, ...], Reference] | None:
    """Make the reference of a cube: the median of its first scenes, brought into line.

    Parameters
    ----------
    rasters
        (bands, raster) of the first scenes.

    Returns
    -------
    (bands, Reference) or None
        None where no scene has a clear pixel outside the tracks.
    """
    common = [b for b in REGISTERED if all(b in bands for bands, _ in rasters)]
    if not common:
        return None
    stack = []
    for bands, raster in rasters:
        clear = clear_pixels(raster, corridor)
        measured = (raster.values != NODATA).all(axis=0)
        if clear.sum() > 0.5 * measured.sum() > 0:
            stack.append(_float_bands(raster, bands, common, clear))
    if not stack:
        return None
    # NaN all through is a pixel no scene saw: nobody's warning, it stays unknown.
    best = max(stack, key=lambda image: float(np.isfinite(image[0]).mean()))
    reference = Reference(best, corridor.outside, gsd_m)
    if len(stack) >= 3 and reference.textured:
        found = [register(image, np.isfinite(image[0]), reference) for image in stack]
        placed = [(i, f) for i, f in zip(stack, found, strict=True) if f is not None]
        if len(placed) >= 3:
            # One scene may lie a pixel off the ground; their mean lies nearer than any.
            east = float(np.mean([f.dx_m for _, f in placed]))
            north = float(np.mean([f.dy_m for _, f in placed]))
            moved = [
                _moved(image, (f.dx_m - east) / gsd_m, (f.dy_m - north) / gsd_m)
                for image, f in placed
            ]
            centre = _nanmedian(np.asarray(moved, dtype=np.float32))
            reference = Reference(centre, corridor.outside, gsd_m)
    return tuple(common), reference


def _moved(image: F32, east_px: float, north_px: float) -> F32:
    """Image, (band, y, x), that shows the ground this far west and south of where it lay."""
    shifts = (north_px, -east_px)
    return np.stack([ndimage.shift(band, shifts, order=1, cval=np.nan) for band in image])


def _nanmedian(stack: F32) -> F32:
    """Median over the first axis; NaN where nothing was seen."""
    ordered = np.sort(stack, axis=0)
    count = np.isfinite(stack).sum(axis=0)
    low = np.take_along_axis(ordered, np.clip((count - 1) // 2, 0, None)[None], 0)[0]
    high = np.take_along_axis(ordered, np.clip(count // 2, 0, len(stack) - 1)[None], 0)[0]
    return np.asarray(np.where(count > 0, 0.5 * (low + high), np.nan), dtype=np.float32)


def _float_bands(
    raster: SceneRaster, bands: Sequence[str], wanted: Sequence[str], clear: Mask
) -> F32:
    planes = raster.values[[bands.index(b) for b in wanted]].astype(np.float32) * REFLECTANCE_SCALE
    return np.asarray(np.where(clear, planes, np.nan), dtype=np.float32)


def observe(
    scene: Scene,
    raster: SceneRaster,
    grid: Grid,
    blocks: Sequence[Block],
    corridor: Corridor,
    reference: tuple[tuple[str, ...], Reference] | None,
) -> Observation:
    """Look at one scene along the tracks."""
    bands = optical(raster.bands)
    clear = clear_pixels(raster, corridor)
    share = float(clear[corridor.track].mean()) if corridor.track.any() else 0.0

    def refused(reason: Refusal, found: Registration | None = None) -> Observation:
        return Observation(scene, bands, share, found, reason, ())

    measured = (raster.values != NODATA).all(axis=0)[corridor.track]
    if not measured.any():
        return refused(Refusal.NODATA)
    if share < CLEAR_ENOUGH:
        return refused(Refusal.CLOUD if measured.mean() > CLEAR_ENOUGH else Refusal.NODATA)
    if _snowy(raster, corridor, clear):
        return refused(Refusal.SNOW)
    found = None
    if reference is not None and reference[1].textured:
        image = _float_bands(raster, raster.bands, reference[0], clear)
        found = register(image, clear, reference[1])
        if found is None:
            return refused(Refusal.REGISTRATION)
        rise = _rise(reference[0], image, reference[1].bands, corridor)
        clear = clear & ~wisps(rise, corridor)
        share = float(clear[corridor.track].mean())
        veiled = share < CLEAR_ENOUGH or _veiled(rise[corridor.near])
        if veiled or _hazy(image, reference[1]):
            return refused(Refusal.HAZE, found)
    dx, dy = (found.dx_m, found.dy_m) if found else (0.0, 0.0)
    planes = np.ascontiguousarray(raster.values[[raster.bands.index(b) for b in bands]])
    strips = tuple(
        sample(planes, clear, grid, block.ground[0] + dx, block.ground[1] + dy) for block in blocks
    )
    return Observation(scene, bands, share, found, None, strips)


def _snowy(raster: SceneRaster, corridor: Corridor, clear: Mask) -> bool:
    """Snow on the ground beside the tracks: by the archive's mask, NDSI, or plain brightness."""
    beside = corridor.outside & clear
    if beside.sum() < 50:
        beside = clear
    if (raster.mask[beside] == MaskClass.SNOW).mean() > 0.3:
        return True
    if "green" not in raster.bands:
        return False
    green = raster.values[raster.bands.index("green")][beside] * REFLECTANCE_SCALE
    if "swir16" in raster.bands:
        swir = raster.values[raster.bands.index("swir16")][beside] * REFLECTANCE_SCALE
        ndsi = (green - swir) / np.maximum(green + swir, 1e-3)
        return bool(((ndsi > 0.4) & (green > 0.2)).mean() > 0.3)
    return bool((green > SNOW_BRIGHT).mean() > 0.5)


def _hazy(image: F32, reference: Reference) -> bool:
    """Whether haze lifts the dark places and flattens the land against the reference."""
    both = np.isfinite(image[0]) & np.isfinite(reference.bands[0]) & reference.outside
    if both.sum() < 200:
        return False
    here, there = image[0][both], reference.bands[0][both]
    low, high = np.quantile(there, [0.1, 0.9])
    dark_here, bright_here = np.quantile(here, [0.1, 0.9])
    lifted = dark_here - low > HAZE_OFFSET
    flat = bright_here - dark_here < HAZE_CONTRAST * (high - low)
    return bool(lifted and flat)


def _rise(names: Sequence[str], here: F32, there: F32, corridor: Corridor) -> F32:
    """Rise of the land that cloud and snow bring and soil does not: (y, x), NaN on the tracks."""
    if "blue" not in names or "red" not in names:
        return np.full(corridor.track.shape, np.nan, dtype=np.float32)
    blue, red = names.index("blue"), names.index("red")
    rise = (here[blue] - there[blue]) - 0.5 * (here[red] - there[red])
    return np.asarray(np.where(corridor.outside, rise, np.nan), dtype=np.float32)


def _usual(rise: F32) -> float:
    """Rise of a scene's own light: the lower part of the changes, since a veil only brightens."""
    return float(np.quantile(rise, 0.35))


def _veiled(near: F32) -> bool:
    """Whether part of the land near the tracks is veiled: by snow or by thin cloud."""
    near = near[np.isfinite(near)]
    return len(near) >= 100 and bool((near - _usual(near) > VEIL).mean() > VEIL_SHARE)


def wisps(rise: F32, corridor: Corridor) -> Mask:
    """Where thin cloud that the mask misses lies over the tracks: (y, x) bool.

    Of three by three blocks of land the median counts, so that no new hall or bright field is
    taken for a wisp, and no train ever: land on the tracks is not asked.
    """
    size = max(1, round(WISP_BLOCK_M / corridor.gsd_m))
    middle = _local_median(block_means(rise, size))
    near = middle[np.isfinite(block_means(np.where(corridor.near, rise, np.nan), size))]
    if len(near) < LEAST_BLOCKS:
        return np.zeros(rise.shape, dtype=np.bool_)
    thick = np.nan_to_num(middle - np.quantile(near, WISP_CLEAR), nan=0.0) > WISP
    rows, cols = rise.shape
    return np.asarray(thick.repeat(size, axis=0).repeat(size, axis=1)[:rows, :cols])


def block_means(values: F32, size: int) -> F32:
    """Means of blocks of `size` by `size`, NaN where less than a tenth of a block is finite."""
    rows, cols = (-(-n // size) for n in values.shape)
    padded = np.full((rows * size, cols * size), np.nan, dtype=np.float32)
    padded[: values.shape[0], : values.shape[1]] = values
    cut = padded.reshape(rows, size, cols, size)
    there = np.isfinite(cut)
    count = there.sum(axis=(1, 3))
    total = np.where(there, cut, 0.0).sum(axis=(1, 3))
    return np.where(count >= 0.1 * size**2, total / np.maximum(count, 1), np.nan)


def _local_median(blocks: F32) -> F32:
    """Median of each block and its eight neighbours, of those that are finite."""
    padded = np.pad(blocks, 1, constant_values=np.nan)
    rows, cols = blocks.shape
    around = np.stack([padded[i : i + rows, j : j + cols] for i in range(3) for j in range(3)])
    return _nanmedian(around)
