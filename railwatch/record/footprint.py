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

BLOCK_VALUES = 32 << 20
"""Pixels times bands in memory at a time: 64 MB, a Sentinel-2 scene of 26 x 26 km."""


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

    def blocks(self, bands: int) -> Iterator[tuple[int, Footprint]]:
        """Cut into full-width blocks of at most `BLOCK_VALUES`, leaving out those without a tile.

        Yields
        ------
        first
            Tile row of this footprint where the block begins, a multiple of four, so that
            blocks share no chunk of the mask.
        block
            A footprint of its own; the whole one where it is small enough.
        """
        rows, cols = self.grid.shape
        step = max(4, BLOCK_VALUES // (bands * cols * TILE_PX) // 4 * 4)
        if step >= len(self.tiles):
            yield 0, self
            return
        for first in range(0, len(self.tiles), step):
            tiles = self.tiles[first : first + step]
            if tiles.any():
                top = first * TILE_PX
                shape = (min(rows - top, step * TILE_PX), cols)
                north = self.grid.north - top * self.grid.gsd_m
                yield first, Footprint(replace(self.grid, north=north, shape=shape), tiles)

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
