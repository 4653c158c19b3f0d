"""What a block of tracks looks like with nothing standing on it, and how much that look varies.

The location is the *tightest mode* over dates, not the median: on a busy track the median is a
train, while the empty look repeats and trains differ (method.md 0.6: at 61 % fill a median baseline
is 36 % low, the tightest mode unbiased). It is found by concentration steps (Rousseeuw & Van
Driessen 1999) from a half-sample mode and refined with the detector's own posterior. Ballast hardly
changes with the seasons, the land beside it does, and blur carries it onto the track: each scene's
departure of the land on either side is measured beyond the reach of trains and its leak, learnt
over dates, taken out. With too few dates the look comes from the scene itself: what most of the
track shares along its length is its bed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.stats import gamma

from railwatch.detector.land import (
    CLOUD_LOOK,
    LandHabit,
    grass_reach,
    habit_of,
    land_departure,
    learnt_leak,
    plain_leak,
    spread_over,
    veil_of,
)
from railwatch.detector.levelling import (
    Slopes,
    applied,
    beside,
    nuisance,
    slopes_of,
    without_land,
    without_profile,
)
from railwatch.detector.order import half_sample_mode

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

CONCENTRATE = 0.45
"""Share of dates assumed empty at a place when nothing better is known (method.md step 5: 0.4)."""
ENOUGH_DATES = 12
"""Empty dates at a place from which its mode is trusted (method.md step 5)."""
LEAST_DATES = 4
"""Below it dates say nothing of their own: the look is spatial."""
QUIET_SHARE = 0.85
"""Largest share of places and dates taken for empty when the noise is scaled."""
QUIETEST = 0.5
"""Share of the places and dates believed empty whose noise is measured."""
QUIET_STEPS = 4
REPEAT_CELLS = 20
"""Lags over which noise along the track is followed."""
PROFILE_CELLS = 8.0
"""Empty cells that pull as much as the belief that nothing departs all along the track."""
WILD = 0.012
"""Reflectance beyond which a sample stops steering a scene's gain and shift (Cauchy scale)."""


@dataclass(frozen=True)
class Strips:
    """Strips of one block over time."""

    values: F32
    """(scene, band, offset, cell) reflectance, NaN where not clear."""
    day: F64
    """(scene,) days since 1970."""
    shift_sigma_m: F64
    """(scene,) standard error of each scene's registration."""
    track: npt.NDArray[np.bool_]
    """(offset, cell) bool: samples that a train on some lane would change."""
    side: npt.NDArray[np.bool_]
    """(2, offset, cell) bool: land to the left and right, beyond the reach of cars and shadows."""
    heading: F64
    """(cell,) azimuth of the axis, radians."""
    step_m: float
    """Spacing of samples, metres, along and across."""
    bands: tuple[str, ...]

    def seen(self) -> npt.NDArray[np.bool_]:
        """(scene, cell) bool: every sample on the track is there."""
        there = np.isfinite(self.values).all(axis=1) | ~self.track[None]
        return np.asarray(there.all(axis=1))

    def only(self, scenes: npt.NDArray[np.int64] | slice) -> Strips:
        """Keep some of the dates."""
        return replace(
            self,
            values=self.values[scenes],
            day=self.day[scenes],
            shift_sigma_m=self.shift_sigma_m[scenes],
        )


@dataclass(frozen=True)
class EmptyTrack:
    """The empty look of a block and its noise."""

    mean: F64
    """(band, offset, cell) reflectance."""
    leak: F64
    """(2, offset, cell) share of the land's departure, left and right, that blur brings there."""
    leak_variance: F64
    """(2, cell) variance of these shares."""
    habit: LandHabit
    land: F64
    """(band,) usual reflectance of the land beside the track."""
    band_noise: F64
    """(band, band) covariance; the whole covariance is its product with `offset_noise`."""
    offset_noise: F64
    """(offset, offset), trace = number of offsets."""
    local: F64
    """(cell,) noise variance against the block's mean."""
    repeat: float
    """Cells that carry the evidence of one, because noise is alike along the track."""
    dates: F64
    """(cell,) effective number of empty dates the mean rests on."""
    foreign: npt.NDArray[np.bool_]
    """(cell,) the look differs from the rest of the track: other ground, or never seen empty."""


def levelled(strips: Strips, scene: int, look: F64, empty: F64, slopes: Slopes) -> F64:
    """Bring one scene to the light and place of the empty look.

    A gain and an offset a band take out sun and haze, a gain of the bed alone takes out rain, and a
    residual shift, held by the registration's own error, the last hundredths of a pixel. Samples
    believed covered do not steer them: `empty` is the (cell,) probability that no lane is covered.

    Returns
    -------
    (band, offset, cell) float64 reflectance; NaN where not clear.
    """
    values = strips.values[scene]
    bands = values.shape[0]
    by_x, by_y = slopes.east, slopes.north
    weight = np.asarray(empty / 0.006**2, dtype=np.float64), 0.3 / 0.006**2
    sigma = max(
        0.02 * 2.0 * strips.step_m, float(np.nan_to_num(strips.shift_sigma_m[scene], nan=0.5))
    )
    # Neighbouring samples repeat each other: about four carry the information of one.
    prior = [0.15**-2] * bands + [0.02**-2] * bands + [0.1**-2] * bands + [sigma**-2] * 2
    fit = nuisance(values, look, strips.track, by_x, by_y, weight, 4.0 * np.array(prior), WILD)
    return np.asarray(applied(values, strips.track, by_x, by_y, fit))


def departure(
    strips: Strips, scene: int, track: EmptyTrack, empty: F64, slopes: Slopes
) -> tuple[F64, F64]:
    """Residual of one scene against the empty look, and how unsure it is for the land's sake.

    `empty` is the (cell,) probability that no lane is covered, `slopes` those of the empty look.

    Returns
    -------
    (band, offset, cell) float64
        Residual, NaN where not clear.
    (band,) float64
        Variance of what was taken out for the land beside, on average along the track.
    """
    residual = levelled(strips, scene, track.mean, empty, slopes)
    residual -= track.mean
    land, there = beside(residual, strips.side)
    opacity = veil_of(land, there, track.land, track.habit, strips.step_m)
    if opacity.any():
        residual -= spread_over(opacity, strips.side) * (CLOUD_LOOK - track.mean)
        land, there = beside(residual, strips.side)
    unsure = (track.leak_variance * land**2).sum(axis=1).mean(axis=1)
    without_land(residual, strips.side, track.leak)
    without_profile(residual, empty, WILD, PROFILE_CELLS)
    return residual, unsure


def _veils(residual: F64, mean: F64, look: F64, habit: LandHabit, strips: Strips) -> F64:
    """Change that a veil makes in each scene: (scene, band, offset, cell)."""
    land, there = land_departure(residual, strips.side), _land_seen(residual, strips.side)
    change = np.zeros_like(residual)
    for t in range(len(residual)):
        opacity = veil_of(land[t], there[t], look, habit, strips.step_m)
        if opacity.any():
            change[t] = spread_over(opacity, strips.side) * (CLOUD_LOOK - mean)
    return change


def _land_seen(residual: F64, side: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Where a scene shows the land beside the track: (scene, 2, cell)."""
    there = np.isfinite(residual).all(axis=1)
    return np.asarray((there[:, None] & side).any(axis=2))


def _land_look(mean: F64, side: npt.NDArray[np.bool_]) -> F64:
    """Usual reflectance of the land, (band,)."""
    land = side.any(axis=0)
    return np.asarray(np.median(mean[:, land], axis=1) if land.any() else mean.mean(axis=(1, 2)))


def concentrated(strips: Strips) -> tuple[F64, F64]:
    """Tightest look over dates and the dates that make it, before anything is known.

    Returns
    -------
    look : (band, offset, cell)
    weight : (scene, cell) in 0-1
    """
    values = strips.values.astype(np.float64)
    seen = strips.seen()
    look = half_sample_mode(values)
    look = np.where(np.isfinite(look), look, np.nanmedian(look))
    weight = seen.astype(np.float64)
    for _ in range(8):
        miss = np.abs(values - look)
        scale = _low_quantile(np.where(seen[:, None, None], miss, np.nan)) / 0.524
        z = np.where(strips.track, (miss / (scale + 3e-4)) ** 2, np.nan)
        with np.errstate(invalid="ignore"):
            distance = np.nansum(z, axis=(1, 2)) / np.maximum(1, strips.track.sum(0))
        distance = _along(np.where(seen, distance, np.inf))
        keep = np.maximum(2, np.ceil(CONCENTRATE * seen.sum(axis=0)))
        rank = np.argsort(np.argsort(distance, axis=0, kind="stable"), axis=0)
        weight = ((rank < keep) & seen).astype(np.float64)
        look = _weighted_mean(values, weight, look)
    return look, weight


def _low_quantile(values: F64) -> F64:
    """Take the 0.4 quantile over the first axis without NaN, fifty times as fast as NumPy does."""
    ordered = np.sort(values, axis=0)  # NaN last
    count = np.isfinite(values).sum(axis=0)
    index = np.floor(0.4 * np.maximum(count - 1, 0)).astype(np.intp)
    return np.asarray(np.take_along_axis(ordered, index[None], axis=0)[0])


def _along(distance: F64) -> F64:
    """Mean with the two neighbouring cells."""
    padded = np.pad(distance, ((0, 0), (1, 1)), mode="edge")
    return np.asarray((padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3.0)


def _weighted_mean(values: F64, weight: F64, otherwise: F64) -> F64:
    there = np.isfinite(values) * weight[:, None, None, :]
    total = there.sum(axis=0)
    mean = (np.nan_to_num(values) * there).sum(axis=0) / np.maximum(total, 1e-9)
    return np.asarray(np.where(total > 1e-6, mean, otherwise))


def spatial_look(values: F64, kind: npt.NDArray[np.int64]) -> F64:
    """Look that most of the track shares along its length, per kind of cross-section.

    Parameters
    ----------
    values : (scene, band, offset, cell)
        Levelled strips; cells of all scenes together make the mode.
    kind : (cell,)
        Cross-sections with lanes at the same places; kinds too short borrow the whole block's.
    """
    scenes, bands, offsets, cells = values.shape
    everywhere = half_sample_mode(np.moveaxis(values, 3, 1).reshape(-1, bands, offsets))
    look = np.repeat(everywhere[:, :, None], cells, axis=2)
    for k in np.unique(kind):
        here = np.flatnonzero(kind == k)
        if len(here) * min(scenes, 4) >= 20:
            part = np.moveaxis(values[..., here], 3, 1).reshape(-1, bands, offsets)
            look[:, :, here] = half_sample_mode(part)[:, :, None]
    return np.asarray(np.where(np.isfinite(look), look, np.nanmedian(values)))


def fit(strips: Strips, kind: npt.NDArray[np.int64], weight: F64, start: F64) -> EmptyTrack:
    """Empty look and noise from strips and the belief that places were empty.

    Parameters
    ----------
    kind : (cell,)
        Kind of cross-section, for what places share.
    weight : (scene, cell)
        Belief in 0-1 that nothing stood there; 0 where not seen.
    start : (band, offset, cell)
        Look to level the scenes against.
    """
    start = np.ascontiguousarray(start)
    slopes = slopes_of(start, strips.heading, strips.step_m)
    level = np.stack(
        [levelled(strips, t, start, weight[t], slopes) for t in range(len(strips.day))]
    )
    shared = spatial_look(level, kind)
    dates = weight.sum(axis=0)
    seen = strips.seen()
    mean = shared
    if len(strips.day) >= LEAST_DATES:
        mean = _weighted_mean(level, weight, start)
        mean = _shrunk(mean, shared, level - mean, weight, dates)
    residual = level - mean
    land = land_departure(residual, strips.side)
    look = _land_look(mean, strips.side)
    habit = habit_of(land, _land_seen(residual, strips.side), look, strips.bands, strips.step_m)
    residual = residual - _veils(residual, mean, look, habit, strips)
    land = land_departure(residual, strips.side)
    plain = plain_leak(strips.side)
    # Dates believed covered count half: where the bed itself follows the land (there is no ballast,
    # or grass grows on it), the dates that show it best are those taken for trains.
    told = np.maximum(weight, 0.5 * seen) if len(strips.day) >= LEAST_DATES else 0.0 * weight
    leak, leak_variance = learnt_leak(residual, land, told, plain)
    leak_variance *= grass_reach(strips.track, strips.side, strips.step_m)
    for one, empty in zip(residual, weight, strict=True):
        without_land(one, strips.side, leak)
        without_profile(one, empty, WILD, PROFILE_CELLS)
    residual = np.nan_to_num(residual)
    band_noise, offset_noise = _noise(residual, weight)
    white = _whitened(residual, band_noise, offset_noise)
    excess = _excess((white**2).mean(axis=(1, 2))[seen], float(weight[seen].mean()))
    band_noise, white = band_noise * excess, white / np.sqrt(excess)
    foreign = _foreign(mean - shared, strips.track, band_noise)
    return EmptyTrack(
        np.ascontiguousarray(mean),  # kernels are several times as fast on it
        leak,
        leak_variance,
        habit,
        look,
        band_noise,
        offset_noise,
        _local(white, weight),
        _repeat(white, weight),
        dates,
        foreign,
    )


def _shrunk(mean: F64, shared: F64, residual: F64, weight: F64, dates: F64) -> F64:
    """Pull places seen empty on few dates towards what the whole track shares.

    The weight of what is shared is the ratio of variance over time to variance along the track, so
    a bed that really varies keeps its own looks (method.md step 5 iii, kappa from the data).
    """
    squared = np.nan_to_num(residual) ** 2 * weight[:, None, None]
    over_time = float(squared.sum() / max(1.0, weight.sum()))
    along = float(np.median((mean - shared) ** 2) / 0.455) * mean.shape[0] * mean.shape[1]
    kappa = np.clip(over_time / max(along, 1e-12), 0.05, 8.0)
    trust = dates / (dates + kappa)
    return np.asarray(trust * mean + (1.0 - trust) * shared)


def _noise(residual: F64, weight: F64) -> tuple[F64, F64]:
    """Noise covariance from the quietest of the places believed empty, by concentration steps.

    Trains that are believed empty would make themselves part of the noise and so stay hidden for
    good: on a busy track in winter the look's own dates hold some. The scale is put right later
    (`_excess`), here only the shape counts.
    """
    believed = weight > 0.2
    scale = 1.48 * np.median(np.abs(residual), axis=(0, 3))[..., None]
    energy = (residual / (scale + 1e-4)) ** 2
    for step in range(QUIET_STEPS):
        typical = _along(energy.mean(axis=(1, 2)))
        level = np.quantile(typical[believed], QUIETEST) if believed.any() else np.inf
        kept = np.where(typical <= level, weight, 0.0)
        between, across = _separable(residual, kept)
        if step < QUIET_STEPS - 1:
            energy = _whitened(residual, between, across) ** 2
    return between, across


def _separable(residual: F64, weight: F64) -> tuple[F64, F64]:
    """Noise covariance as a product over bands and offsets (flip-flop, Dutilleul 1999)."""
    bands, offsets = residual.shape[1:3]
    r = np.moveaxis(residual, 3, 1).reshape(-1, bands, offsets)
    w = weight.reshape(-1)
    keep = w > 0.2
    r, w = r[keep], w[keep]
    across = np.eye(offsets)
    between = np.eye(bands)
    for _ in range(5):
        flat = np.einsum("nbd,de->nbe", r, np.linalg.inv(across), optimize=True)
        between = np.einsum("n,nbe,nce->bc", w, flat, r, optimize=True) / (w.sum() * offsets)
        between += 1e-7 * np.eye(bands)
        flat = np.einsum("nbd,bc->ncd", r, np.linalg.inv(between), optimize=True)
        across = np.einsum("n,ncd,nce->de", w, flat, r, optimize=True) / (w.sum() * bands)
        scale = np.trace(across) / offsets
        across = 0.95 * across / scale + 0.05 * np.eye(offsets)
    return between * scale + 1e-7 * np.eye(bands), across


def _excess(energy: F64, believed: float) -> float:
    """Noise variance against that of the places chosen as empty, which are the quiet ones.

    The quiet part of all energies is matched to a gamma law by two quantiles, as if the share of
    empty places lay between what is believed and `QUIET_SHARE`.
    """
    share = float(np.clip(believed, CONCENTRATE, QUIET_SHARE))
    levels = np.array([0.1, 0.5])
    low, high = np.quantile(energy, levels * share)
    if not 0.0 < low < high:
        return 1.0
    shapes = np.geomspace(0.5, 60.0, 60)
    ratios = gamma.ppf(levels[1], shapes) / gamma.ppf(levels[0], shapes)
    shape = float(np.interp(-high / low, -ratios, shapes))
    mean = shape * high / float(gamma.ppf(levels[1], shape))
    return float(np.clip(mean, 0.5, 6.0))


def _whitened(residual: F64, between: F64, across: F64) -> F64:
    """Residual in units of its noise: (scene, band, offset, cell)."""
    return np.asarray(
        np.einsum(
            "cb,tbds,ed->tces",
            np.linalg.inv(np.linalg.cholesky(between)),
            residual,
            np.linalg.inv(np.linalg.cholesky(across)),
            optimize=True,
        )
    )


def _local(white: F64, weight: F64) -> F64:
    """Noise variance by cell against the block's mean, smoothed over five cells."""
    energy = (white**2).mean(axis=(1, 2))
    total = (energy * weight).sum(axis=0) + 3.0
    ratio = total / (weight.sum(axis=0) + 3.0)
    smooth = np.convolve(np.pad(ratio, 2, mode="edge"), np.ones(5) / 5.0, mode="valid")
    return np.asarray(np.clip(smooth, 0.6, 6.0))


def _repeat(white: F64, weight: F64) -> float:
    """Variance inflation of a mean over cells, 1 + 2 sum of autocorrelations (Bartlett 1946)."""
    power = float(((white**2).mean(axis=(1, 2)) * weight).sum() / max(weight.sum(), 1e-9))
    total = 1.0
    for lag in range(1, min(REPEAT_CELLS, white.shape[3] - 1) + 1):
        both = weight[:, lag:] * weight[:, :-lag]
        product = (white[..., lag:] * white[..., :-lag]).mean(axis=(1, 2))
        rho = float((product * both).sum() / max(both.sum(), 1e-9)) / max(power, 1e-9)
        if rho < 0.03:
            break
        total += 2.0 * rho
    return total


def _foreign(departure: F64, track: npt.NDArray[np.bool_], between: F64) -> npt.NDArray[np.bool_]:
    """Cells whose lasting look departs from the rest of the track as far as a train would."""
    spread = np.sqrt(np.diag(between))[:, None, None]
    z = np.where(track, departure / spread, 0.0)
    energy = np.sqrt((z**2).sum(axis=(0, 1)) / np.maximum(1, track.sum(axis=0)) / len(between))
    typical = np.median(energy)
    return np.asarray(energy > max(4.0, 4.0 * typical))
