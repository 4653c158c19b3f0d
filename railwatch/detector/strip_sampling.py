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


@nb.njit(cache=True)
def _weights(f: float, w: npt.NDArray[np.float64]) -> None:  # pragma: no cover - compiled
    w[0] = ((-0.5 * f + 1.0) * f - 0.5) * f
    w[1] = (1.5 * f - 2.5) * f * f + 1.0
    w[2] = ((-1.5 * f + 2.0) * f + 0.5) * f
    w[3] = (0.5 * f - 0.5) * f * f


@nb.njit(cache=True, nogil=True)
def _cubic(
    values: npt.NDArray[np.uint16],
    clear: npt.NDArray[np.bool_],
    row: npt.NDArray[np.float64],
    col: npt.NDArray[np.float64],
    nodata: int,
    scale: float,
    out: npt.NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    bands, rows, cols = values.shape
    wr, wc = np.zeros(4), np.zeros(4)
    for i in range(row.shape[0]):
        r0, c0 = int(np.floor(row[i])), int(np.floor(col[i]))
        good = r0 >= 1 and c0 >= 1 and r0 + 2 < rows and c0 + 2 < cols
        if good:
            for r in range(2):
                for c in range(2):
                    if not clear[r0 + r, c0 + c]:
                        good = False
        if not good:
            out[:, i] = np.nan
            continue
        _weights(row[i] - r0, wr)
        _weights(col[i] - c0, wc)
        for b in range(bands):
            total = 0.0
            for r in range(4):
                for c in range(4):
                    v = values[b, r0 - 1 + r, c0 - 1 + c]
                    if v == nodata:
                        total = np.nan
                    total += wr[r] * wc[c] * v
            out[b, i] = total * scale


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
        np.ascontiguousarray(values),
        np.ascontiguousarray(clear),
        row.ravel(),
        col.ravel(),
        int(NODATA),
        REFLECTANCE_SCALE,
        out,
    )
    return out.reshape((values.shape[0], *row.shape))
