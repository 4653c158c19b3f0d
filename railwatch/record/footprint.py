"""A footprint: the tiles of a grid that are read and stored for one siding set and GSD.

A cube belongs to its footprint. Sidings that need other tiles make another footprint and so another
cube, into which scenes are ingested again; the old cube stays as it was, and every count made from
it can still be derived.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from railwatch.grid import PIECE_PX, TILE_PX, Grid

WHOLE_VALUES = 32 << 20
"""Pixels times bands up to which a scene is fetched whole: 64 MB, 26 x 26 km of Sentinel-2."""


@dataclass(frozen=True, eq=False)
class Footprint:
    """Which tiles of which grid; equal where the digests are."""

    grid: Grid
    tiles: npt.NDArray[np.bool_]
    """(tile row, tile column) bool, tiles that are stored."""
    read: npt.NDArray[np.bool_] | None = None
    """(piece row, piece column) bool, what is read of those tiles; None: all of them."""

    def __post_init__(self) -> None:
        _check("tiles", self.tiles, self.grid, TILE_PX)
        if self.read is not None:
            _check("read", self.read, self.grid, PIECE_PX)
            if not np.array_equal(_tiles_of(self.read), self.tiles):
                raise ValueError("read must touch every tile that is stored, and no other")

    @classmethod
    def of_pieces(cls, grid: Grid, pieces: npt.NDArray[np.bool_]) -> Footprint:
        """Make the footprint that reads these pieces and stores the tiles they lie in."""
        return cls(grid, _tiles_of(pieces), pieces)

    @cached_property
    def pieces(self) -> npt.NDArray[np.bool_]:
        """(piece row, piece column) bool, what sources are asked for."""
        if self.read is not None:
            return self.read
        rows, cols = (-(-n // PIECE_PX) for n in self.grid.shape)
        fine = self.tiles.repeat(_PIECES, axis=0).repeat(_PIECES, axis=1)
        return np.ascontiguousarray(fine[:rows, :cols])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Footprint) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def digest(self) -> str:
        """Twelve hex digits over grid and tiles."""
        return hashlib.sha256(json.dumps(self.to_json()).encode()).hexdigest()[:12]

    def blocks(self, bands: int) -> Iterator[tuple[tuple[int, int], Footprint]]:
        """Cut a large footprint into blocks around its tiles; a smaller one is one block.

        Yields
        ------
        corner
            Tile row and column of this footprint where the block begins: multiples of four, so
            that blocks share no chunk of the mask.
        block
            A footprint of its own. Blocks taken in turn list the tiles row by row.
        """
        rows, cols = self.grid.shape
        if bands * rows * cols <= WHOLE_VALUES:
            yield (0, 0), self
            return
        for top in range(0, len(self.tiles), 4):
            wanted = np.flatnonzero(self.tiles[top : top + 4].any(axis=0))
            if wanted.size:
                left = int(wanted[0]) // 4 * 4
                yield (top, left), self._part(slice(top, top + 4), slice(left, int(wanted[-1]) + 1))

    def _part(self, rows: slice, cols: slice) -> Footprint:
        """Return the tiles of some rows and columns, and their grid."""
        tiles = self.tiles[rows, cols]
        top, left = rows.start * TILE_PX, cols.start * TILE_PX
        shape = (
            min(self.grid.shape[0] - top, tiles.shape[0] * TILE_PX),
            min(self.grid.shape[1] - left, tiles.shape[1] * TILE_PX),
        )
        west = self.grid.west + left * self.grid.gsd_m
        north = self.grid.north - top * self.grid.gsd_m
        read = self.read
        if read is not None:
            high, wide = (-(-n // PIECE_PX) for n in shape)
            row, col = top // PIECE_PX, left // PIECE_PX
            read = read[row : row + high, col : col + wide]
        return Footprint(replace(self.grid, west=west, north=north, shape=shape), tiles, read)

    def to_json(self) -> dict[str, Any]:
        """Grid, tiles and, where not all of them is read, pieces as JSON values."""
        grid = self.grid
        said: dict[str, Any] = {
            "epsg": grid.epsg,
            "gsd_m": grid.gsd_m,
            "west": grid.west,
            "north": grid.north,
            "shape": list(grid.shape),
            "tiles": _packed(self.tiles),
        }
        if self.read is not None:
            said["pieces"] = _packed(self.read)
        return said

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Footprint:
        """Read back what `to_json` gave."""
        rows, cols = said["shape"]
        grid = Grid(said["epsg"], said["gsd_m"], said["west"], said["north"], (rows, cols))
        pieces = _unpacked(said["pieces"], grid, PIECE_PX) if "pieces" in said else None
        return cls(grid, _unpacked(said["tiles"], grid, TILE_PX), pieces)


_PIECES = TILE_PX // PIECE_PX
"""Pieces along a side of a tile."""


def _tiles_of(pieces: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which tiles hold one of the pieces."""
    down = np.logical_or.reduceat(pieces, np.arange(0, len(pieces), _PIECES), axis=0)
    across = np.arange(0, pieces.shape[1], _PIECES)
    return np.asarray(np.logical_or.reduceat(down, across, axis=1), dtype=np.bool_)


def _check(name: str, squares: npt.NDArray[np.bool_], grid: Grid, side_px: int) -> None:
    expected = tuple(-(-n // side_px) for n in grid.shape)
    if squares.shape != expected or squares.dtype != np.bool_:
        got = f"{squares.shape} {squares.dtype}"
        raise ValueError(f"{name} must be {expected} bool, got {got}")


def _packed(squares: npt.NDArray[np.bool_]) -> str:
    return base64.b64encode(np.packbits(squares).tobytes()).decode()


def _unpacked(said: str, grid: Grid, side_px: int) -> npt.NDArray[np.bool_]:
    rows, cols = (-(-n // side_px) for n in grid.shape)
    bits = np.frombuffer(base64.b64decode(said), dtype=np.uint8)
    return np.unpackbits(bits, count=rows * cols).astype(np.bool_).reshape(rows, cols)
