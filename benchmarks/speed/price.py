"""A1: what 100 yards cost to ask Sentinel Hub for, against a client that asks for bounding boxes.

Both want the sidings of a yard at 10 m and land to register on, the same bands and quality layers
of the same scenes, and neither asks twice for a scene. The client knows as much of registration as
we do: it takes the narrowest of our rings whose box holds `LAND_PX`, the box to the pixel, split,
as sentinelhub-py's `BBoxSplitter` does, where a side is longer than a request may be. Clients that
take the same ring for every yard are priced beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from railwatch.detector.window import LAND_PX, RINGS_M, footprint_for
from railwatch.rectangle import MAX_SIDE_PX, cheapest_cover
from railwatch.siding import SidingSet
from railwatch.sources.sentinel_hub.collection import collection_of
from railwatch.sources.sentinel_hub.price import processing_units
from railwatch.testing.scenery import draw_place
from railwatch.testing.scenery.place import PlaceDraw

YARDS = 100
COLLECTION = "sentinel-2-l2a"
GSD_M = 10.0
BANDS = ("blue", "green", "red", "nir", "swir16")


FIXED_RINGS_M = (150.0, 300.0, 640.0)
"""Rings of clients that take the same for every yard; 640 m was ours."""


@dataclass(frozen=True)
class YardPrice:
    """Processing units a scene."""

    ours: float
    box: float
    fixed: tuple[float, ...]
    """Boxes with `FIXED_RINGS_M`."""


def prices() -> Iterator[YardPrice]:
    """Price yards of 0.3 to 30 km: 1 to 7 tracks, straight or bent."""
    for seed in range(YARDS):
        rng = np.random.default_rng([seed, 77])
        draw = PlaceDraw(
            seed=seed,
            tracks=int(rng.integers(1, 8)),
            length_m=float(np.exp(rng.uniform(np.log(300.0), np.log(30_000.0)))),
            bearing_deg=float(rng.uniform(0.0, 180.0)),
            bend_deg=float(rng.uniform(-60.0, 60.0)),
        )
        sidings = draw_place(draw).sidings
        footprint = footprint_for(sidings, GSD_M, BANDS)
        ours = sum(
            _price(one.columns, one.rows)
            for _, block in footprint.blocks(len(BANDS))
            for one in cheapest_cover(block.grid, block.pieces, _price)
        )
        sizes = [_box(sidings, ring_m) for ring_m in RINGS_M]
        enough = next((size for size in sizes if size[0] * size[1] >= LAND_PX), sizes[-1])
        fixed = tuple(_box_price(*_box(sidings, ring_m)) for ring_m in FIXED_RINGS_M)
        yield YardPrice(ours, _box_price(*enough), fixed)


def _price(width: int, height: int) -> float:
    return processing_units(collection_of(COLLECTION, {}), width, height)


def _box(sidings: SidingSet, ring_m: float) -> tuple[int, int]:
    """Width and height of the box around the sidings and a ring, pixels."""
    points = np.concatenate([np.asarray(siding.projected(sidings.utm)) for siding in sidings])
    width, height = np.ceil((np.ptp(points, axis=0) + 2.0 * ring_m) / GSD_M)
    return int(width), int(height)


def _box_price(width: int, height: int) -> float:
    """Price of a box, in equal parts where a side is longer than a request may be."""
    down, across = math.ceil(height / MAX_SIDE_PX), math.ceil(width / MAX_SIDE_PX)
    return down * across * _price(math.ceil(width / across), math.ceil(height / down))
