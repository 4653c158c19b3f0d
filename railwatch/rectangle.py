"""The cheapest set of requests that covers wanted ground.

Requests are rectangles of pixels and are paid by area, so a rectangle around everything pays for
ground nobody wants, and a request a piece makes thousands of requests. Between them lies the best
guillotine cut: a rectangle is either asked for whole or cut in two, whichever is cheaper.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from railwatch.grid import PIECE_PX, Grid

MAX_SIDE_PX = 2500
"""Longest side of a Process request, pixels."""
REQUEST_PU = 0.1
"""Units one more request may cost in saved area. A general account has as many requests a month as
units, and a request of one tile (0.04 PU) would use up the requests first."""
_EXACT = 12
"""Longest side, pieces, up to which every cut is tried; wider ones are first cut in a middle."""


@dataclass(frozen=True, slots=True, order=True)
class Rectangle:
    """Whole pixels of a grid: half-open rows and columns."""

    row: int
    column: int
    rows: int
    columns: int

    def bounds(self, grid: Grid) -> tuple[float, float, float, float]:
        """(west, south, east, north), metres."""
        west = grid.west + self.column * grid.gsd_m
        north = grid.north - self.row * grid.gsd_m
        east = west + self.columns * grid.gsd_m
        return west, north - self.rows * grid.gsd_m, east, north

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns as slices."""
        return (
            slice(self.row, self.row + self.rows),
            slice(self.column, self.column + self.columns),
        )


_Box = tuple[int, int, int, int]
"""Half-open piece rows and columns: first row, last row, first column, last column."""


def cheapest_cover(
    grid: Grid, pieces: npt.NDArray[np.bool_], price: Callable[[int, int], float]
) -> tuple[Rectangle, ...]:
    """Cut the wanted pieces into rectangles so that units plus `REQUEST_PU` a request are least.

    Parameters
    ----------
    grid
        The pixels the pieces are parts of.
    pieces
        (piece row, piece column) bool, squares of `PIECE_PX` pixels wanted.
    price
        Processing units of a request of (width, height) pixels.

    Returns
    -------
    tuple of Rectangle
        Disjoint, none longer than `MAX_SIDE_PX`, covering every wanted piece; ordered.
    """
    counts = np.zeros((pieces.shape[0] + 1, pieces.shape[1] + 1), dtype=np.int64)
    counts[1:, 1:] = pieces.cumsum(axis=0).cumsum(axis=1)

    def pixels(box: _Box) -> Rectangle:
        top, bottom, left, right = (edge * PIECE_PX for edge in box)
        bottom, right = min(bottom, grid.shape[0]), min(right, grid.shape[1])
        return Rectangle(top, left, bottom - top, right - left)

    a_piece = price(PIECE_PX * _EXACT, PIECE_PX * _EXACT) / _EXACT**2

    @functools.cache
    def best(box: _Box) -> tuple[float, tuple[Rectangle, ...]]:
        trimmed = _trimmed(box, counts)
        if trimmed is None:
            return 0.0, ()
        if trimmed != box:
            return best(trimmed)
        whole = pixels(box)
        found: tuple[float, tuple[Rectangle, ...]] = (np.inf, ())
        if max(whole.rows, whole.columns) <= MAX_SIDE_PX:
            found = (price(whole.columns, whole.rows) + REQUEST_PU, (whole,))
            if found[0] <= _wanted(box, counts) * a_piece + 2 * REQUEST_PU:
                return found  # two requests for nothing but wanted pieces cost no less
        for first, second in _cuts(box):
            one, other = best(first), best(second)
            if one[0] + other[0] < found[0]:
                found = (one[0] + other[0], one[1] + other[1])
        return found

    return tuple(sorted(best((0, pieces.shape[0], 0, pieces.shape[1]))[1]))


def _wanted(box: _Box, counts: npt.NDArray[np.int64]) -> int:
    """Count the wanted pieces of a box."""
    top, bottom, left, right = box
    corners = counts[bottom, right] - counts[top, right] - counts[bottom, left] + counts[top, left]
    return int(corners)


def _trimmed(box: _Box, counts: npt.NDArray[np.int64]) -> _Box | None:
    """Shrink a box to its wanted pieces; None if it has none."""
    top, bottom, left, right = box
    rows = np.diff(counts[top : bottom + 1, right] - counts[top : bottom + 1, left])
    columns = np.diff(counts[bottom, left : right + 1] - counts[top, left : right + 1])
    if not rows.any():
        return None
    wanted_rows, wanted_columns = np.flatnonzero(rows), np.flatnonzero(columns)
    return (
        top + int(wanted_rows[0]),
        top + int(wanted_rows[-1]) + 1,
        left + int(wanted_columns[0]),
        left + int(wanted_columns[-1]) + 1,
    )


def _cuts(box: _Box) -> list[tuple[_Box, _Box]]:
    """List the ways to cut a box in two: all of them, or both middles where it is wide."""
    top, bottom, left, right = box
    rows, columns = range(top + 1, bottom), range(left + 1, right)
    if max(bottom - top, right - left) > _EXACT:
        middle_row, middle_column = (top + bottom) // 2, (left + right) // 2
        rows = range(middle_row, middle_row + (bottom - top > 1))
        columns = range(middle_column, middle_column + (right - left > 1))
    return [
        *(((top, row, left, right), (row, bottom, left, right)) for row in rows),
        *(((top, bottom, left, col), (top, bottom, col, right)) for col in columns),
    ]
