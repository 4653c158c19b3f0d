"""Co-registration: how far a scene lies from the area's reference, measured outside the tracks.

At 10 m misregistration is the largest single error (method.md 0.3), and the shift must not be
fitted where the trains stand: a train's profile looks like a shifted yard edge. So windows outside
the tracks are compared by least squares on high-passed bands (Lucas & Kanade 1981, with a gain),
each window and band is one tie, and the shift is their robust centre. The scene itself is never
warped; the shift is added where strips are sampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from railwatch.detection import Registration

F32 = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

WINDOW_PX = 32
"""Side of a tie window: large enough for texture, small enough to isolate a changed field."""
HIGHPASS_PX = 4.0
"""Sigma of the blur that is subtracted: keeps edges, drops haze and season."""
MIN_TIES = 6
TIE_BANDS = 2
"""Leading bands that are compared: a third adds cost, hardly a tie."""
MAX_SHIFT_PX = 3.0
MIN_CORRELATION = 0.5
"""A tie window whose content changed more than this says nothing about the shift."""


@dataclass(frozen=True)
class Reference:
    """Pixels every scene of a cube is registered to."""

    bands: F32
    """(band, y, x) float32 reflectance, NaN where unknown."""
    outside: Mask
    """(y, x) bool, True away from the tracks."""
    gsd_m: float

    @cached_property
    def textured(self) -> bool:
        """Whether enough windows hold texture to register anything at all."""
        flat = _highpass(self.bands[0], np.isfinite(self.bands[0]) & self.outside)
        ties = sum(
            1
            for rows, cols in _windows(flat.shape)
            if np.std(flat[rows, cols]) > 2e-3 and self.outside[rows, cols].mean() > 0.3
        )
        return ties >= MIN_TIES


def register(bands: F32, clear: Mask, reference: Reference) -> Registration | None:
    """Measure the shift of one scene against the reference.

    Parameters
    ----------
    bands : (band, y, x) float32
        The same bands as the reference, reflectance, NaN where not measured.
    clear : (y, x) bool
        Pixels free of cloud.

    Returns
    -------
    Registration or None
        None where fewer than `MIN_TIES` windows agree: the scene's place is not known.
    """
    usable = (
        clear & reference.outside & np.isfinite(reference.bands).all(0) & np.isfinite(bands).all(0)
    )
    if usable.mean() < 0.02:
        return None
    scenes = [_highpass(band, usable) for band in bands[:TIE_BANDS]]
    fixed = [_highpass(band, usable) for band in reference.bands[:TIE_BANDS]]
    shift = _coarse_shift(scenes[0], fixed[0])
    sigma, ties = np.inf, 0
    for _ in range(3):
        moved = [ndimage.shift(image, -shift, order=3, mode="nearest") for image in scenes]
        seen = ndimage.shift(usable.astype(np.float32), -shift, order=0) > 0.5
        steps = _window_steps(moved, fixed, usable & seen)
        if len(steps) < MIN_TIES:
            return None
        step, sigma, ties = _robust_centre(steps)
        shift = shift + step
        if np.hypot(*step) < 0.02:
            break
    if ties < MIN_TIES or np.hypot(*shift) > MAX_SHIFT_PX:
        return None
    gsd = reference.gsd_m
    return Registration(
        dx_m=float(shift[1] * gsd),
        dy_m=float(-shift[0] * gsd),
        sigma_m=float(sigma * gsd),
        ties=ties,
    )


def _highpass(image: F32, usable: Mask) -> F32:
    """Image minus its blur, by normalised convolution so that holes do not bleed; 0 in holes."""
    weight = usable.astype(np.float32)
    filled = np.where(usable, image, np.float32(0.0)).astype(np.float32)
    blur = ndimage.gaussian_filter(filled, HIGHPASS_PX)
    norm = ndimage.gaussian_filter(weight, HIGHPASS_PX)
    high = filled - blur / np.maximum(norm, 1e-3)
    return np.asarray(np.where(usable, high, 0.0), dtype=np.float32)


def _coarse_shift(scene: F32, fixed: F32) -> npt.NDArray[np.float64]:
    """Whole-pixel shift (row, column) of the scene by circular cross-correlation."""
    cross = fft.irfft2(fft.rfft2(scene) * np.conj(fft.rfft2(fixed)), s=scene.shape)
    reach = int(np.ceil(MAX_SHIFT_PX))
    lags = np.arange(-reach, reach + 1)
    near = cross[np.ix_(lags, lags)]
    row, col = np.unravel_index(int(np.argmax(near)), near.shape)
    return np.array([lags[row], lags[col]], dtype=np.float64)


def _windows(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """Tie windows over an image: a regular net, smaller windows where the image is small."""
    side = min(WINDOW_PX, max(12, min(shape) // 4))
    return [
        (slice(r, r + side), slice(c, c + side))
        for r in range(0, shape[0] - side + 1, side)
        for c in range(0, shape[1] - side + 1, side)
    ]


def _window_steps(
    scenes: list[F32], fixed: list[F32], usable: Mask
) -> list[tuple[float, float, float]]:
    """Least-squares (row step, column step, variance) of each window and band that correlates."""
    steps = []
    for scene, image in zip(scenes, fixed, strict=True):
        grad_r, grad_c = (np.asarray(g) for g in np.gradient(image))
        inside = ndimage.binary_erosion(usable, iterations=2)
        for rows, cols in _windows(image.shape):
            keep = inside[rows, cols]
            if keep.sum() < 0.35 * keep.size:
                continue
            s, f = scene[rows, cols][keep], image[rows, cols][keep]
            design = np.column_stack([f, -grad_r[rows, cols][keep], -grad_c[rows, cols][keep]])
            spread = float(np.std(f)) * float(np.std(s))
            if (
                spread < 1e-7
                or float(np.mean((s - s.mean()) * (f - f.mean()))) < MIN_CORRELATION * spread
            ):
                continue
            normal = design.T @ design
            if np.linalg.cond(normal) > 1e8:
                continue
            solution = np.linalg.solve(normal, design.T @ s)
            gain = solution[0]
            residual = s - design @ solution
            noise = float(residual @ residual) / max(1, len(s) - 3)
            cov = noise * np.linalg.inv(normal)
            variance = float(cov[1, 1] + cov[2, 2]) / max(gain**2, 1e-6)
            steps.append((solution[1] / gain, solution[2] / gain, variance))
    return steps


def _robust_centre(
    steps: list[tuple[float, float, float]],
) -> tuple[npt.NDArray[np.float64], float, int]:
    """Centre (row, column), its standard error and the number of ties within 3 robust sigma."""
    table = np.array(steps)
    values, weight = table[:, :2], 1.0 / (table[:, 2] + 0.05**2)
    centre = np.median(values, axis=0)
    for _ in range(5):
        distance = np.hypot(*(values - centre).T)
        scale = max(0.03, 1.4826 * float(np.median(distance)) / 1.1774)
        tukey = np.clip(1.0 - (distance / (4.0 * scale)) ** 2, 0.0, None) ** 2 * weight
        centre = (values * tukey[:, None]).sum(0) / tukey.sum()
    keep = distance < 3.0 * scale
    spread = np.sqrt((tukey * distance**2).sum() / tukey.sum() / 2.0)
    effective = tukey.sum() ** 2 / (tukey**2).sum()
    return centre, float(spread / np.sqrt(max(1.0, effective - 1.0))), int(keep.sum())
