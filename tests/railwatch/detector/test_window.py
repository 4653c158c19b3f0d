"""What is read of a 10 m scene: sidings, and land enough to register on, as whole requests."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from railwatch.detector.window import LAND_PX, RINGS_M, footprint_for
from railwatch.grid import PIECE_PX, TILE_PX
from railwatch.rectangle import cheapest_cover
from railwatch.siding import SidingSet
from railwatch.testing.scenery import draw_place
from railwatch.testing.scenery.place import PlaceDraw

BANDS = ("blue", "green", "red", "nir", "swir16")


def sidings_of(length_m, bearing_deg=75.0, tracks=1):
    draw = PlaceDraw(seed=3, tracks=tracks, length_m=length_m, bearing_deg=bearing_deg)
    return draw_place(draw).sidings


def ground(footprint):
    """The pieces' ground, metres."""
    side, grid = PIECE_PX * footprint.grid.gsd_m, footprint.grid
    squares = [
        shapely.box(
            grid.west + col * side,
            grid.north - (row + 1) * side,
            grid.west + (col + 1) * side,
            grid.north - row * side,
        )
        for row, col in np.argwhere(footprint.pieces).tolist()
    ]
    return shapely.union_all(squares)


def lines(sidings: SidingSet):
    return shapely.MultiLineString([np.asarray(s.projected(sidings.utm)) for s in sidings])


@settings(max_examples=25, deadline=None)
@given(
    st.floats(300.0, 12_000.0), st.floats(0.0, 180.0), st.sampled_from([1, 6]), st.floats(-60, 60)
)
def test_the_narrowest_ring_and_land_enough(length_m, bearing_deg, tracks, bend_deg):
    """Every siding lies 120 m inside, and there are 45,000 pixels or a ring of 640 m."""
    draw = PlaceDraw(
        seed=3, tracks=tracks, length_m=length_m, bearing_deg=bearing_deg, bend_deg=bend_deg
    )
    sidings = draw_place(draw).sidings
    footprint = footprint_for(sidings, 10.0, BANDS)
    there = ground(footprint)

    assert there.contains(lines(sidings).buffer(RINGS_M[0]))
    if footprint.pieces.sum() * PIECE_PX**2 < LAND_PX:
        assert there.contains(lines(sidings).buffer(RINGS_M[-1]))


def test_long_sidings_have_a_narrow_ring_and_short_ones_a_wide_one():
    """Along 12 km due east at most half a kilometre lies across; around 300 m there are 300 m."""
    far = footprint_for(sidings_of(12_000.0, 90.0), 10.0, BANDS)
    near = footprint_for(sidings_of(300.0, 90.0), 10.0, BANDS)

    assert far.pieces.sum(axis=0).max() * PIECE_PX * 10.0 <= 500.0
    assert ground(near).contains(lines(sidings_of(300.0, 90.0)).buffer(300.0))


@pytest.mark.parametrize("length_m", [300.0, 3_000.0, 12_000.0])
def test_requests_bring_nothing_that_is_thrown_away(length_m):
    """The pieces are whole rectangles: cutting them into requests covers no other pixel."""
    footprint = footprint_for(sidings_of(length_m, 40.0, tracks=4), 10.0, BANDS)
    cover = cheapest_cover(footprint.grid, footprint.pieces, lambda w, h: w * h / 512**2 * 7 / 3)

    assert sum(one.rows * one.columns for one in cover) == footprint.pieces.sum() * PIECE_PX**2


@pytest.mark.parametrize("gsd_m", [0.5, 3.0])
def test_sharp_scenes_are_read_in_whole_tiles(gsd_m):
    """Nothing is paid for there, and files hold larger squares than pieces."""
    footprint = footprint_for(sidings_of(700.0), gsd_m, BANDS[:4])
    side = TILE_PX // PIECE_PX
    tiles = footprint.tiles.repeat(side, axis=0).repeat(side, axis=1)

    assert footprint.read is None
    np.testing.assert_array_equal(
        footprint.pieces, tiles[: len(footprint.pieces)][:, : footprint.pieces.shape[1]]
    )


def test_no_number_no_footprint():
    """A sensor that sees no train is refused."""
    with pytest.raises(ValueError, match="nothing can be counted at 250 m"):
        footprint_for(sidings_of(700.0), 250.0, BANDS)
