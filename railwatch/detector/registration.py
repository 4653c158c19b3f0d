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

import numba as nb
import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from railwatch.detection import Registration

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

WINDOW_PX = 32
"""Side of a tie window: large enough for texture, small enough to isolate a changed field."""
HIGHPASS_PX = 4.0
"""Sigma of the blur that is subtracted: keeps edges, drops haze and season."""
MIN_TIES = 6
LEAST_USABLE = 0.02
"""Share of the reference's land a scene must show."""
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
        flat = _highpass(self.bands[:1], np.isfinite(self.bands[0]) & self.outside)[0]
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
    known = reference.outside & np.isfinite(reference.bands).all(0)
    usable = known & clear & np.isfinite(bands).all(0)
    if usable.sum() < LEAST_USABLE * known.sum():
        return None
    both = np.concatenate([bands[:TIE_BANDS], reference.bands[:TIE_BANDS]])
    scenes, fixed = np.split(_highpass(both, usable), 2)
    splines = np.stack([_spline(image) for image in scenes])
    side = _window_side(usable.shape)
    shift = _coarse_shift(scenes[0], fixed[0])
    sigma, ties = np.inf, 0
    for _ in range(3):
        steps = _ties(splines, fixed, usable, shift, side, MIN_CORRELATION)
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


def _highpass(images: F32, usable: Mask) -> F32:
    """Images minus their blur, by normalised convolution so that holes do not bleed; 0 in holes."""
    norm = np.maximum(_blur(usable.astype(np.float32), _GAUSSIAN), 1e-3)
    nothing = np.float32(0.0)
    high = np.empty_like(images)
    for image, out in zip(images, high, strict=True):
        filled = np.where(usable, image, nothing)
        out[:] = np.where(usable, filled - _blur(filled, _GAUSSIAN) / norm, nothing)
    return high


_GAUSSIAN = np.exp(-0.5 * (np.arange(round(4.0 * HIGHPASS_PX) + 1) / HIGHPASS_PX) ** 2)
_GAUSSIAN /= _GAUSSIAN[0] + 2.0 * _GAUSSIAN[1:].sum()
"""Half of the blur's weights, from the middle outwards."""


@nb.njit(cache=True, nogil=True)
def _blur(image: F32, half: F64) -> F32:  # pragma: no cover - compiled
    """Convolve with a symmetric kernel along both axes; edges are mirrored."""
    rows, cols = image.shape
    reach = len(half) - 1
    across = np.empty((rows, cols))
    line = np.empty(cols + 2 * reach)
    # Inner loops run over slices from 0: an index that might be negative is not vectorised.
    for r in range(rows):
        for c in range(cols + 2 * reach):
            line[c] = image[r, _mirrored(c - reach, cols)]
        total, middle = across[r], line[reach:]
        for c in range(cols):
            total[c] = half[0] * middle[c]
        for k in range(1, reach + 1):
            weight, left, right = half[k], line[reach - k :], line[reach + k :]
            for c in range(cols):
                total[c] += weight * (left[c] + right[c])
    out = np.empty((rows, cols), dtype=np.float32)
    total = np.empty(cols)
    for r in range(rows):
        middle = across[r]
        for c in range(cols):
            total[c] = half[0] * middle[c]
        for k in range(1, reach + 1):
            weight = half[k]
            up, down = across[_mirrored(r - k, rows)], across[_mirrored(r + k, rows)]
            for c in range(cols):
                total[c] += weight * (up[c] + down[c])
        out[r] = total
    return out


@nb.njit(cache=True, nogil=True)
def _mirrored(at: int, size: int) -> int:  # pragma: no cover - compiled
    """Index of a place beyond the edge, mirrored at the edge of the outer pixel."""
    while at < 0 or at >= size:
        at = -at - 1 if at < 0 else 2 * size - at - 1
    return at


_BEYOND = 12
"""Pixels by which an image is produced so that its spline does not feel the edge."""


def _spline(image: F32) -> F64:
    """Coefficients of the cubic spline through an image, produced by `_BEYOND` pixels."""
    produced = np.pad(image, _BEYOND, mode="edge")
    return np.asarray(
        ndimage.spline_filter(produced, 3, output=np.float64, mode="nearest"), dtype=np.float64
    )


def _coarse_shift(scene: F32, fixed: F32) -> npt.NDArray[np.float64]:
    """Whole-pixel shift (row, column) of the scene by circular cross-correlation."""
    cross = fft.irfft2(fft.rfft2(scene) * np.conj(fft.rfft2(fixed)), s=scene.shape)
    reach = int(np.ceil(MAX_SHIFT_PX))
    lags = np.arange(-reach, reach + 1)
    near = cross[np.ix_(lags, lags)]
    row, col = np.unravel_index(int(np.argmax(near)), near.shape)
    return np.array([lags[row], lags[col]], dtype=np.float64)


def _window_side(shape: tuple[int, ...]) -> int:
    """Side of a tie window, smaller where the image is small."""
    return min(WINDOW_PX, max(12, min(shape) // 4))


def _windows(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """Tie windows over an image: a regular net."""
    side = _window_side(shape)
    return [
        (slice(r, r + side), slice(c, c + side))
        for r in range(0, shape[0] - side + 1, side)
        for c in range(0, shape[1] - side + 1, side)
    ]


@nb.njit(cache=True, nogil=True)
def _ties(
    splines: F64, fixed: F32, usable: Mask, shift: F64, side: int, least: float
) -> F64:  # pragma: no cover - compiled
    """Least-squares (row step, column step, variance) of each window and band that correlates.

    Parameters
    ----------
    splines : (band, y, x)
        Coefficients of the scene's cubic splines, read at places moved by `shift` (row, column).
    fixed : (band, y, x)
        Reference.
    least
        Correlation below which a window says nothing.
    """
    bands, rows, cols = fixed.shape
    inside = _inside(usable, shift)
    steps = np.empty((bands * (rows // side) * (cols // side), 3))
    count = 0
    for b in range(bands):
        moved = _moved(splines[b], shift, rows, cols)
        for top in range(0, rows - side + 1, side):
            for left in range(0, cols - side + 1, side):
                if _tie(moved, fixed[b], inside, (top, left), side, least, steps[count]):
                    count += 1
    return steps[:count]


@nb.njit(cache=True, nogil=True)
def _tie(
    moved: F64,
    image: F32,
    inside: Mask,
    corner: tuple[int, int],
    side: int,
    least: float,
    out: F64,
) -> bool:  # pragma: no cover - compiled
    """Fit gain and step of one window; say whether it tells anything."""
    top, left = corner
    row = np.zeros(3)
    normal, right = np.zeros((3, 3)), np.zeros(3)
    n, total_s, total_f, power_s = 0, 0.0, 0.0, 0.0
    for r in range(top, top + side):
        for c in range(left, left + side):
            if not inside[r, c]:
                continue
            s, row[0] = moved[r, c], image[r, c]
            row[1] = 0.5 * (image[r - 1, c] - image[r + 1, c])
            row[2] = 0.5 * (image[r, c - 1] - image[r, c + 1])
            n += 1
            total_s += s
            total_f += row[0]
            power_s += s * s
            for i in range(3):
                right[i] += row[i] * s
                for j in range(3):
                    normal[i, j] += row[i] * row[j]
    if n < 0.35 * side * side:
        return False
    spread_s = max(power_s / n - (total_s / n) ** 2, 0.0)
    spread_f = max(normal[0, 0] / n - (total_f / n) ** 2, 0.0)
    spread = np.sqrt(spread_s * spread_f)
    together = right[0] / n - (total_s / n) * (total_f / n)
    if spread < 1e-7 or together < least * spread or np.linalg.cond(normal) > 1e8:
        return False
    inverse = np.linalg.inv(normal)
    solution = inverse @ right
    missed = max(power_s - float(solution @ right), 0.0)
    noise = missed / max(1, n - 3)
    gain = float(solution[0])
    out[0], out[1] = solution[1] / gain, solution[2] / gain
    out[2] = noise * (inverse[1, 1] + inverse[2, 2]) / max(gain**2, 1e-6)
    return True


@nb.njit(cache=True, nogil=True)
def _moved(spline: F64, shift: F64, rows: int, cols: int) -> F64:  # pragma: no cover - compiled
    """Image at places moved by (row, column) pixels, from its spline's coefficients."""
    at = np.floor(shift)
    across, along = _weights(shift[1] - at[1]), _weights(shift[0] - at[0])
    first_r, first_c = int(at[0]) - 1 + _BEYOND, int(at[1]) - 1 + _BEYOND
    half = np.zeros((rows + 3, cols))
    for r in range(rows + 3):
        for k in range(4):
            for c in range(cols):
                half[r, c] += across[k] * spline[first_r + r, first_c + c + k]
    out = np.zeros((rows, cols))
    for r in range(rows):
        for k in range(4):
            for c in range(cols):
                out[r, c] += along[k] * half[r + k, c]
    return out


@nb.njit(cache=True, nogil=True)
def _weights(f: float) -> F64:  # pragma: no cover - compiled
    """Cubic B-spline at four neighbours, `f` beyond the second."""
    w = np.empty(4)
    w[0] = (1.0 - f) ** 3 / 6.0
    w[1] = (4.0 - 6.0 * f**2 + 3.0 * f**3) / 6.0
    w[2] = (1.0 + 3.0 * f + 3.0 * f**2 - 3.0 * f**3) / 6.0
    w[3] = f**3 / 6.0
    return w


@nb.njit(cache=True, nogil=True)
def _inside(usable: Mask, shift: F64) -> Mask:  # pragma: no cover - compiled
    """Pixels usable here and in the moved scene, at least three steps from any that is not."""
    rows, cols = usable.shape
    inside = np.zeros((rows, cols), dtype=np.bool_)
    for r in range(rows):
        for c in range(cols):
            y, x = r + shift[0], c + shift[1]
            if usable[r, c] and 0.0 <= y <= rows - 1 and 0.0 <= x <= cols - 1:
                inside[r, c] = usable[int(np.floor(y + 0.5)), int(np.floor(x + 0.5))]
    for _ in range(2):
        before = inside.copy()
        for r in range(rows):
            for c in range(cols):
                edge = r == 0 or c == 0 or r == rows - 1 or c == cols - 1
                if edge or not (
                    before[r - 1, c] and before[r + 1, c] and before[r, c - 1] and before[r, c + 1]
                ):
                    inside[r, c] = False
    return inside


def _robust_centre(table: F64) -> tuple[F64, float, int]:
    """Centre (row, column), its standard error and the number of ties within 3 robust sigma."""
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
