"""The land beside a block: how it departs from its usual look, and what of it reaches the track.

Crops change, and blur carries some of their change onto the track: a leak, learnt over dates.
A veil of thin cloud that the mask does not know lies over land and track alike, is grey, and has no
edges at the scale of a train: what the land shows of it, against how the land departs on other
dates, is what the track has as well. Dates of one winter do not show how summer departs, but leaves
look alike everywhere: that the land gains or loses them is always expected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

F64 = npt.NDArray[np.float64]

LEAK_RIDGE = 0.01
"""Sum of squared departures of the land (reflectance) that outweighs the plain edge's leak."""
LEAK_SD = 0.15
"""How far a bed follows its land beyond a plain edge's leak, before any date has shown it: where
grass grows on it, as far as the grass does."""
CLOUD_LOOK = 0.4
"""Reflectance a veil pulls towards, in all bands: thin cloud is grey, if less bright than thick."""
VEIL_SIGMA_M = 50.0
"""Blur along the track that a veil's opacity is estimated with: wisps are longer than 100 m."""
FEIGNED = 2.0
"""Times the usual power of feigned opacity that a scene must show before any is believed."""
USUAL_SHARE = 0.75
"""Share of the land's departures, the least ones, that tells how it usually departs."""

LEAK_FADE_M = 5.0
"""How far into a yard grass grows: over so many metres the bed follows the land 2.7 times less."""
LEAK_EDGE_M = 18.0
"""Distance from where the land is measured to the outermost track."""

LEAVES = {"blue": 0.03, "green": 0.06, "red": 0.035, "nir": 0.4, "swir16": 0.2}
"""Reflectance of ground covered by green leaves (crops in June, Sentinel-2 L2A)."""
LEAVES_SD = 0.5
"""Spread of the share of the land that gains or loses leaves until a scene."""
LEAVES_DIFFER = 0.1
"""Spread of leaves' reflectance from crop to crop, against its mean."""


@dataclass(frozen=True)
class LandHabit:
    """How the land beside a block departs from its look on most dates."""

    covariance: F64
    """(band, band) of departures, gain and loss of leaves included."""
    opacity: float
    """Mean square of the opacity that its departures feign, blurred as a veil's is."""


def land_departure(residual: F64, side: npt.NDArray[np.bool_]) -> F64:
    """Departure of the land beside the track: (scene, band, 2, cell), 0 where not seen."""
    there = np.isfinite(residual)[:, :, None] & side
    total = np.where(there, np.nan_to_num(residual)[:, :, None], 0.0).sum(axis=3)
    mean = total / np.maximum(there.sum(axis=3), 1)
    padded = np.pad(mean, ((0, 0), (0, 0), (0, 0), (1, 1)), mode="edge")
    return np.asarray((padded[..., :-2] + 2.0 * padded[..., 1:-1] + padded[..., 2:]) / 4.0)


def learnt_leak(residual: F64, land: F64, weight: F64, prior: F64) -> tuple[F64, F64]:
    """Share of the land's departure at each sample, left and right, by ridge regression.

    What dates have not shown stays unsure: leaves that come after a winter's look.

    Parameters
    ----------
    residual : (scene, band, offset, cell)
    land : (scene, band, 2, cell)
    weight : (scene, cell)
    prior : (2, offset, cell)
        What a Gaussian blur of a plain edge would bring.

    Returns
    -------
    (2, offset, cell) float64
        The shares.
    (2, cell) float64
        Their variance, on average over offsets.
    """
    there = np.isfinite(residual) * weight[:, None, None]
    y = np.nan_to_num(residual)
    normal = np.einsum("tbis,tbjs,tbds->dsij", land, land, there, optimize=True)
    right = np.einsum("tbis,tbds->dsi", land, there * y, optimize=True)
    ridge = LEAK_RIDGE * np.eye(2)
    right += LEAK_RIDGE * np.moveaxis(prior, 0, -1)
    solution = np.linalg.solve(normal + ridge, right[..., None])[..., 0]
    unsure = LEAK_SD**2 * LEAK_RIDGE * np.linalg.inv(normal + ridge).mean(axis=0)
    share = np.clip(np.moveaxis(solution, -1, 0), -0.5, 1.5)
    return np.asarray(share), np.diagonal(unsure, axis1=1, axis2=2).T.copy()


def grass_reach(track: npt.NDArray[np.bool_], side: npt.NDArray[np.bool_], step_m: float) -> F64:
    """Mean square, over a yard's width, of how far its beds may follow the land: (2, cell)."""
    index = np.arange(len(track), dtype=np.float64)[:, None]
    edges = np.where(
        side.any(axis=1),
        np.stack([side[0].argmax(axis=0), len(track) - 1 - side[1][::-1].argmax(axis=0)]),
        np.nan,
    )
    apart = step_m * np.abs(index[None] - edges[:, None])
    fade = np.exp(-2.0 * np.maximum(apart - LEAK_EDGE_M, 0.0) / LEAK_FADE_M)
    fade = np.where(track & np.isfinite(fade), fade, 0.0)
    return np.asarray(fade.sum(axis=1) / np.maximum(track.sum(axis=0), 1))


def plain_leak(side: npt.NDArray[np.bool_]) -> F64:
    """Leak of land with a plain edge a GSD short of where it is measured: (2, offset, cell)."""
    offsets = side.shape[1]
    index = np.arange(offsets, dtype=np.float64)[:, None]
    first = np.where(side.any(axis=1), side.argmax(axis=1), offsets)
    last = offsets - 1 - np.where(side.any(axis=1), side[:, ::-1].argmax(axis=1), offsets)
    # GSD is two steps, the blur 0.53 GSD: about one step.
    left = 1.0 / (1.0 + np.exp(-1.7 * (index - first[0] + 2.0)))
    right = 1.0 / (1.0 + np.exp(1.7 * (index - last[1] - 2.0)))
    return np.stack([left, right])


def habit_of(
    land: F64,
    there: npt.NDArray[np.bool_],
    look: F64,
    bands: Sequence[str],
    step_m: float,
) -> LandHabit:
    """Learn how the land departs when there is no veil, by concentration over places and dates.

    Parameters
    ----------
    land : (scene, band, 2, cell)
        From `land_departure`.
    there : (scene, 2, cell)
        Where it was seen.
    look : (band,)
        Usual reflectance of the land.
    """
    samples = np.moveaxis(land, 1, 3)[there]
    floor = 1e-6 * np.eye(len(bands))
    if len(samples) < 20 * len(bands):
        return LandHabit(0.02**2 * np.eye(len(bands)), np.inf)
    covariance = samples.T @ samples / len(samples) + floor
    for _ in range(4):
        far = np.einsum("nb,bc,nc->n", samples, np.linalg.inv(covariance), samples)
        kept = samples[far <= np.quantile(far, USUAL_SHARE)]
        covariance = kept.T @ kept / len(kept) + floor
    leaves = np.array([LEAVES[band] for band in bands])
    covariance += LEAVES_SD**2 * np.outer(leaves - look, leaves - look)
    covariance += LEAVES_SD**2 * np.diag((LEAVES_DIFFER * leaves) ** 2)
    feigned = LandHabit(covariance, 0.0)
    squares = [
        float((_blurred_opacity(one, seen, look, feigned, step_m) ** 2).mean())
        for one, seen in zip(land, there, strict=True)
        if seen.any()
    ]
    return LandHabit(covariance, float(np.median(squares)))


def veil_of(
    land: F64, there: npt.NDArray[np.bool_], look: F64, habit: LandHabit, step_m: float
) -> F64:
    """Opacity of a veil over one scene, left and right of the tracks: (2, cell).

    Generalised least squares against how the land usually departs, and only as far as the scene's
    exceeds what usual departures feign (a positive-part James-Stein estimate), so that a field
    that was mown makes no veil. Nowhere below zero: there is no veil to take off that is not there.

    Parameters
    ----------
    land : (band, 2, cell)
    there : (2, cell)
    """
    if not there.any() or not np.isfinite(habit.opacity):
        return np.zeros(land.shape[1:])
    opacity = _blurred_opacity(land, there, look, habit, step_m)
    power = float((opacity**2).mean())
    believed = max(0.0, 1.0 - FEIGNED * habit.opacity / max(power, 1e-12))
    return np.asarray(believed * np.maximum(opacity, 0.0))


def _blurred_opacity(
    land: F64, there: npt.NDArray[np.bool_], look: F64, habit: LandHabit, step_m: float
) -> F64:
    """Opacity that explains the land's departure best, blurred along the track: (2, cell)."""
    way = CLOUD_LOOK - look
    pull = np.linalg.solve(habit.covariance, way)
    raw = np.einsum("b,bjs->js", pull / (pull @ way), land)
    sigma = VEIL_SIGMA_M / step_m

    def blurred(values: F64) -> F64:
        return np.asarray(gaussian_filter1d(values, sigma, axis=1, mode="nearest"))

    weight = blurred(there.astype(np.float64))
    side = blurred(np.where(there, raw, 0.0)) / np.maximum(weight, 1e-6)
    both = (side * weight).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-6)
    return np.where(weight > 0.3, side, both)


def spread_over(opacity: F64, side: npt.NDArray[np.bool_]) -> F64:
    """Opacity between the land on the left and on the right: (offset, cell) from (2, cell)."""
    index = np.arange(side.shape[1], dtype=np.float64)[:, None]
    count = side.sum(axis=1)
    middle = (side * index).sum(axis=1) / np.maximum(count, 1)
    left = np.where(count[0] > 0, middle[0], float(side.shape[1] - 1))
    right = np.where(count[1] > 0, middle[1], 0.0)
    share = np.clip((index - right) / np.maximum(left - right, 1.0), 0.0, 1.0)
    return np.asarray(share * opacity[0] + (1.0 - share) * opacity[1])
