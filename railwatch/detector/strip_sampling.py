"""Sampling a raster at ground points: the only time a detector interpolates pixels.

Cubic convolution with a = -0.5 (Keys 1981), third-order accurate and four pixels wide. The shift
that co-registration found is added to the coordinates, so a scene is interpolated once and never
warped.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from railwatch.grid import Grid
from railwatch.scene import NODATA, REFLECTANCE_SCALE


@nb.njit(cache=True, inline="always")
def _weights(f: float) -> tuple[float, float, float, float]:  # pragma: no cover - compiled
    return (
        ((-0.5 * f + 1.0) * f - 0.5) * f,
        (1.5 * f - 2.5) * f * f + 1.0,
        ((-1.5 * f + 2.0) * f + 0.5) * f,
        (0.5 * f - 0.5) * f * f,
    )


@nb.njit(cache=True, nogil=True)
def _cubic(
    values: npt.NDArray[np.uint16],
    shape: tuple[int, int, int],
    clear: npt.NDArray[np.bool_],
    row: npt.NDArray[np.float64],
    col: npt.NDArray[np.float64],
    nodata: int,
    scale: float,
    out: npt.NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    """Sample flattened (band, y, x) `values`.

    Places are unsigned: for signed ones Numba asks at each of the 16 taps whether they count from
    the end, which takes half as long again.
    """
    bands, rows, cols = shape
    plane, width = np.uint64(rows * cols), np.uint64(cols)
    for i in range(row.shape[0]):
        r0, c0 = int(np.floor(row[i])), int(np.floor(col[i]))
        if not (
            r0 >= 1
            and c0 >= 1
            and r0 + 2 < rows
            and c0 + 2 < cols
            and clear[r0, c0]
            and clear[r0, c0 + 1]
            and clear[r0 + 1, c0]
            and clear[r0 + 1, c0 + 1]
        ):
            for b in range(bands):
                out[b, i] = np.nan
            continue
        down, right = _weights(row[i] - r0), _weights(col[i] - c0)
        first = np.uint64((r0 - 1) * cols + c0 - 1)
        for b in range(bands):
            total, most = 0.0, np.uint16(0)
            at = first + np.uint64(b) * plane
            for r in range(4):
                v0 = values[at]
                v1 = values[at + np.uint64(1)]
                v2 = values[at + np.uint64(2)]
                v3 = values[at + np.uint64(3)]
                most = max(most, v0, v1, v2, v3)
                across = (right[0] * v0 + right[1] * v1) + (right[2] * v2 + right[3] * v3)
                total += down[r] * across
                at += width
            out[b, i] = total * scale if most < nodata else np.nan


def sample(
    values: npt.NDArray[np.uint16],
    clear: npt.NDArray[np.bool_],
    grid: Grid,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    """Sample a raster at ground points.

    Parameters
    ----------
    values : (band, y, x) uint16
        As stored: reflectance / `REFLECTANCE_SCALE`, `NODATA` where not measured.
    clear : (y, x) bool
        Samples whose four nearest pixels are not all clear are NaN.
    x, y : (...) float64
        Ground points, metres in the grid's CRS.

    Returns
    -------
    (band, ...) float32 reflectance, NaN outside the grid and where not clear or not measured.
    """
    row, col = grid.pixel(x, y)
    out = np.empty((values.shape[0], row.size), dtype=np.float32)
    _cubic(
        np.ascontiguousarray(values).ravel(),
        values.shape,
        np.ascontiguousarray(clear),
        row.ravel(),
        col.ravel(),
        int(NODATA),
        REFLECTANCE_SCALE,
        out,
    )
    return out.reshape((values.shape[0], *row.shape))
