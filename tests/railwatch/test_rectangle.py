"""Requests cover the wanted pieces exactly once and cost no more than simpler ways to ask."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from railwatch.grid import PIECE_PX, TILE_PX, Grid
from railwatch.rectangle import (
    MAX_SIDE_PX,
    REQUEST_PU,
    cheapest_cover,
)
from railwatch.sources.sentinel_hub.collection import COLLECTIONS
from railwatch.sources.sentinel_hub.price import processing_units

L2A = COLLECTIONS["sentinel-2-l2a"]


def pu(width, height):
    return processing_units(L2A, width, height)


def grid_of(pieces):
    return Grid(32652, 10.0, 0.0, 0.0, (pieces.shape[0] * PIECE_PX, pieces.shape[1] * PIECE_PX))


def cost(rectangles):
    return sum(pu(r.columns, r.rows) + REQUEST_PU for r in rectangles)


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_covers_every_wanted_piece_once_and_cheaply(pieces):
    """Disjoint, complete, and never dearer than one rectangle around all or one a piece."""
    cover = cheapest_cover(grid_of(pieces), pieces, pu)
    painted = np.zeros(grid_of(pieces).shape, dtype=int)
    for rectangle in cover:
        painted[rectangle.window] += 1
    rows, columns = np.nonzero(pieces)

    assert painted.max(initial=0) <= 1
    assert painted[np.kron(pieces, np.ones((PIECE_PX, PIECE_PX), dtype=bool))].all()
    if len(rows):
        around = (np.ptp(columns) + 1) * PIECE_PX, (np.ptp(rows) + 1) * PIECE_PX
        assert cost(cover) <= pu(*around) + REQUEST_PU + 1e-9
        assert cost(cover) <= len(rows) * (pu(PIECE_PX, PIECE_PX) + REQUEST_PU) + 1e-9
    else:
        assert cover == ()


def test_long_diagonal_is_cut():
    """A line of sidings 20 km long costs a fraction of the rectangle around it."""
    pieces = np.eye(2048 // PIECE_PX, dtype=bool)
    cover = cheapest_cover(grid_of(pieces), pieces, pu)

    assert sum(pu(r.columns, r.rows) for r in cover) < pu(2048, 2048) / 5


def test_no_side_exceeds_the_services_limit():
    """An area of 4096 full pixels a side, needs several requests."""
    pieces = np.ones((4096 // PIECE_PX,) * 2, dtype=bool)
    cover = cheapest_cover(grid_of(pieces), pieces, pu)

    assert max(max(r.rows, r.columns) for r in cover) <= MAX_SIDE_PX
    assert sum(r.rows * r.columns for r in cover) == 4096**2


def test_small_cases_are_as_cheap_as_trying_everything():
    """On 3 x 3 squares, priced as of 64 pixels, no set of up to four rectangles is cheaper."""
    boxes = [
        (top, bottom, left, right)
        for top, bottom in itertools.combinations(range(4), 2)
        for left, right in itertools.combinations(range(4), 2)
    ]

    def area(box):
        return pu((box[3] - box[2]) * TILE_PX, (box[1] - box[0]) * TILE_PX) + REQUEST_PU

    masks = {}
    for box in boxes:
        mask = np.zeros((3, 3), dtype=bool)
        mask[box[0] : box[1], box[2] : box[3]] = True
        masks[box] = int("".join("1" if v else "0" for v in mask.ravel()), 2)
    for wanted in (0b100000001, 0b111100100, 0b101010101, 0b110011000, 0b111000111):
        tiles = np.array([c == "1" for c in f"{wanted:09b}"]).reshape(3, 3)
        best = min(
            sum(area(box) for box in chosen)
            for count in (1, 2, 3, 4)
            for chosen in itertools.combinations(boxes, count)
            if not wanted & ~sum_of(masks[box] for box in chosen)
        )

        pieces = tiles.repeat(4, axis=0).repeat(4, axis=1)
        cover = cheapest_cover(grid_of(pieces), pieces, as_of_tiles)

        paid = sum(as_of_tiles(r.columns, r.rows) + REQUEST_PU for r in cover)
        assert paid == pytest.approx(best)


def as_of_tiles(width, height):
    """Price four pieces a side as a tile: more would not be cut in every way."""
    times = TILE_PX // (4 * PIECE_PX)
    return pu(times * width, times * height)


def sum_of(masks):
    union = 0
    for mask in masks:
        union |= mask
    return union
