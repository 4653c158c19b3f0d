"""A1: what 100 yards cost to ask Sentinel Hub for, against a client that asks for bounding boxes.

Both want the same ground: the sidings and the ring that registration needs, at 10 m. The client
asks, as sentinelhub-py's `BBoxSplitter` does, for the box around it, split where a side is longer
than a request may be, and for all bands of the same evalscript. Neither asks twice for a scene.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from railwatch.detector.window import footprint_for
from railwatch.sources.sentinel_hub.collection import collection_of
from railwatch.sources.sentinel_hub.price import processing_units
from railwatch.sources.sentinel_hub.rectangle import MAX_SIDE_PX, cheapest_cover
from railwatch.testing.scenery import draw_place
from railwatch.testing.scenery.place import PlaceDraw

YARDS = 100
COLLECTION = "sentinel-2-l2a"
GSD_M = 10.0


@dataclass(frozen=True)
class YardPrice:
    """Processing units a scene."""

    ours: float
    box: float


def prices() -> Iterator[YardPrice]:
    """Price yards of 0.3 to 30 km: 1 to 7 tracks, straight or bent."""
    collection = collection_of(COLLECTION, {})

    def price(width: int, height: int) -> float:
        return processing_units(collection, width, height)

    for seed in range(YARDS):
        rng = np.random.default_rng([seed, 77])
        draw = PlaceDraw(
            seed=seed,
            tracks=int(rng.integers(1, 8)),
            length_m=float(np.exp(rng.uniform(np.log(300.0), np.log(30_000.0)))),
            bearing_deg=float(rng.uniform(0.0, 180.0)),
            bend_deg=float(rng.uniform(-60.0, 60.0)),
        )
        footprint = footprint_for(draw_place(draw).sidings, GSD_M, ("red", "nir"))
        cover = cheapest_cover(footprint.grid, footprint.tiles, price)
        rows, cols = footprint.grid.shape
        down, across = math.ceil(rows / MAX_SIDE_PX), math.ceil(cols / MAX_SIDE_PX)
        box = down * across * price(math.ceil(cols / across), math.ceil(rows / down))
        yield YardPrice(sum(price(one.columns, one.rows) for one in cover), box)
