"""A footprint says which tiles are stored and which of their pieces are read."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from railwatch.grid import PIECE_PX, TILE_PX, Grid
from railwatch.record import Footprint
from railwatch.testing.made import made_footprint

SIDE = TILE_PX // PIECE_PX


def grid_of(rows, cols):
    return Grid(32652, 10.0, 640.0, 64_000.0, (rows, cols))


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    st.integers(1, PIECE_PX),
)
def test_read_back_as_written_and_tiles_hold_the_pieces(pieces, short):
    """Grids may end in the middle of a piece; a tile is stored if any piece of it is read."""
    shape = pieces.shape[0] * PIECE_PX - short + 1, pieces.shape[1] * PIECE_PX
    one = Footprint.of_pieces(grid_of(*shape), pieces)
    two = Footprint.from_json(json.loads(json.dumps(one.to_json())))

    assert one == two
    np.testing.assert_array_equal(two.pieces, pieces)
    stored = {(row // SIDE, col // SIDE) for row, col in np.argwhere(pieces).tolist()}
    assert {tuple(at) for at in np.argwhere(two.tiles).tolist()} == stored


def test_whole_tiles_are_what_they_were():
    """Without pieces JSON and digest are those of records made before there were any."""
    old = made_footprint(2, 2)

    assert "pieces" not in old.to_json()
    assert old.pieces.shape == (2 * SIDE, 2 * SIDE)
    assert old.pieces.sum() == 3 * SIDE**2
    assert Footprint.of_pieces(old.grid, old.pieces) != old


def test_blocks_hold_every_piece_once(monkeypatch):
    """Blocks of a large footprint ask for its pieces and for no others."""
    monkeypatch.setattr("railwatch.record.footprint.WHOLE_VALUES", 1)
    rng = np.random.default_rng(5)
    pieces = rng.random((76, 102)) < 0.01
    whole = Footprint.of_pieces(grid_of(76 * PIECE_PX - 3, 102 * PIECE_PX - 7), pieces)
    seen = np.zeros(pieces.shape, dtype=int)
    for (row, col), block in whole.blocks(5):
        assert block.grid.west == whole.grid.west + col * TILE_PX * 10.0
        assert block.grid.north == whole.grid.north - row * TILE_PX * 10.0
        high, wide = block.pieces.shape
        seen[row * SIDE : row * SIDE + high, col * SIDE : col * SIDE + wide] += block.pieces

    np.testing.assert_array_equal(seen, pieces)


def test_pieces_and_tiles_must_agree():
    """Tiles that are stored and not read, wrong shapes and wrong types are refused."""
    grid = grid_of(128, 64)
    with pytest.raises(ValueError, match="must touch every tile"):
        Footprint(grid, np.ones((2, 1), dtype=bool), np.zeros((2 * SIDE, SIDE), dtype=bool))
    with pytest.raises(ValueError, match=r"read must be \(\d+, \d+\) bool"):
        Footprint(grid, np.ones((2, 1), dtype=bool), np.ones((2 * SIDE, SIDE + 1), dtype=bool))
    with pytest.raises(ValueError, match=r"tiles must be \(2, 1\) bool"):
        Footprint(grid, np.ones((2, 1)))  # type: ignore[arg-type]  what is refused
