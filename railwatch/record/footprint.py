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

from railwatch.grid import TILE_PX, Grid

WHOLE_VALUES = 32 << 20
"""Pixels times bands up to which a scene is fetched whole: 64 MB, 26 x 26 km of Sentinel-2."""


@dataclass(frozen=True, eq=False)
class Footprint:
    """Which tiles of which grid; equal where the digests are."""

    grid: Grid
    tiles: npt.NDArray[np.bool_]
    """(tile row, tile column) bool, tiles wanted."""

    def __post_init__(self) -> None:
        expected = tuple(-(-n // TILE_PX) for n in self.grid.shape)
        if self.tiles.shape != expected or self.tiles.dtype != np.bool_:
            got = f"{self.tiles.shape} {self.tiles.dtype}"
            raise ValueError(f"tiles must be {expected} bool, got {got}")

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
        return Footprint(replace(self.grid, west=west, north=north, shape=shape), tiles)

    def to_json(self) -> dict[str, Any]:
        """Grid and tiles as JSON values."""
        grid = self.grid
        return {
            "epsg": grid.epsg,
            "gsd_m": grid.gsd_m,
            "west": grid.west,
            "north": grid.north,
            "shape": list(grid.shape),
            "tiles": base64.b64encode(np.packbits(self.tiles).tobytes()).decode(),
        }

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Footprint:
        """Read back what `to_json` gave."""
        rows, cols = said["shape"]
        grid = Grid(said["epsg"], said["gsd_m"], said["west"], said["north"], (rows, cols))
        shape = (-(-rows // TILE_PX), -(-cols // TILE_PX))
        bits = np.frombuffer(base64.b64decode(said["tiles"]), dtype=np.uint8)
        tiles = np.unpackbits(bits, count=shape[0] * shape[1]).astype(np.bool_).reshape(shape)
        return cls(grid, tiles)
