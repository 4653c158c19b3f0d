"""Straightened class A strips: what lies along each siding, in units free of sensor and scene.

A strip is sampled at a fixed `STEP_M` on the ground whatever the GSD, so that a car, a rail gauge
and a coupling gap have the same size in cells in every scene. Values are made free of unit, gain
and band set: one brightness plane and two colour planes, scaled by the scene's own spread along its
sidings. Bands are not registered or told apart here; sign and hue carry no meaning later on either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

STEP_M = 0.25
"""Cell size along and across the track, metres: half the finest coupling gap (0.5 m)."""

PLANES = 3
"""Brightness and two colours."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """How a scene's stored values become planes; one for all sidings of the scene."""

    centre: npt.NDArray[np.float32]
    """(band,) float32, stored value of the median pixel near the sidings."""
    colours: npt.NDArray[np.float32]
    """(2, band) float32, unit vectors of the strongest colour differences."""
    spread: float
    """Robust spread of brightness near the sidings, as a share of the median pixel's root."""


@numba.njit(cache=True, nogil=True)
def _cubic(t: float) -> tuple[float, float, float, float]:
    """Weights of the four neighbours at fraction `t` (Keys 1981, a = -1/2)."""
    return (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )


@numba.njit(cache=True, nogil=True)
def sample(
    values: npt.NDArray[np.uint16],
    unusable: npt.NDArray[np.bool_],
    row: npt.NDArray[np.float64],
    col: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    """Interpolate (band, y, x) at pixel coordinates (offset, chainage); NaN beside unusable pixels.

    Cubic convolution (Keys 1981) where all 16 neighbours are usable.
    """
    bands, rows, cols = values.shape
    out = np.full((bands, row.shape[0], row.shape[1]), np.nan, dtype=np.float32)
    for i in range(row.shape[0]):
        for j in range(row.shape[1]):
            r0, c0 = int(np.floor(row[i, j])), int(np.floor(col[i, j]))
            if r0 < 1 or c0 < 1 or r0 + 2 >= rows or c0 + 2 >= cols:
                continue
            usable = True
            for a in range(4):
                for b in range(4):
                    if unusable[r0 - 1 + a, c0 - 1 + b]:
                        usable = False
            if not usable:
                continue
            wr = _cubic(row[i, j] - r0)
            wc = _cubic(col[i, j] - c0)
            for k in range(bands):
                total = 0.0
                for a in range(4):
                    line = 0.0
                    for b in range(4):
                        line += wc[b] * values[k, r0 - 1 + a, c0 - 1 + b]
                    total += wr[a] * line
                out[k, i, j] = max(total, 0.0)
    return out


def learn_appearance(strips: list[npt.NDArray[np.float32]]) -> Appearance:
    """Learn a scene's units from raw strips, each (band, offset, chainage) float32 as stored."""
    pixels = np.concatenate([s.reshape(s.shape[0], -1)[:, ::7] for s in strips], axis=1)
    pixels = pixels[:, np.isfinite(pixels).all(axis=0)]
    centre = np.maximum(np.median(pixels, axis=1), 1.0).astype(np.float32)
    root = np.sqrt(pixels / centre[:, None])
    bright = root.mean(axis=0)
    low, high = np.percentile(bright, [16.0, 84.0])
    spread = max(float(high - low) / 2.0, 0.02)
    rest = root - bright
    bands = rest.shape[0]
    colours = np.zeros((2, bands), dtype=np.float32)
    if bands > 1:
        _, vectors = np.linalg.eigh(rest @ rest.T / rest.shape[1])
        strongest = vectors[:, ::-1][:, : min(2, bands - 1)].T
        signs = np.sign(strongest[np.arange(len(strongest)), np.abs(strongest).argmax(axis=1)])
        colours[: len(strongest)] = strongest * signs[:, None]
    return Appearance(centre, colours, spread)


def planes(raw: npt.NDArray[np.float32], look: Appearance) -> npt.NDArray[np.float32]:
    """Turn raw (band, offset, chainage) into (plane, offset, chainage) float32; NaN stays."""
    root = np.sqrt(raw / look.centre[:, None, None])
    bright = root.mean(axis=0)
    colour = np.tensordot(look.colours, root - bright, axes=1)
    stacked = np.concatenate([(bright - 1.0)[None], colour]) / look.spread
    return np.clip(stacked, -8.0, 8.0).astype(np.float32)
