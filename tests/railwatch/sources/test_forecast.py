"""Forecasts are plain sums of exact prices."""

import datetime as dt

import numpy as np
import pytest

from railwatch.grid import Grid
from railwatch.scene import Scene
from railwatch.sources import Price
from railwatch.sources.forecast import Quota, forecast

GRID = Grid(32652, 10.0, 0.0, 0.0, (64, 64))
BLOCK = GRID, np.ones((4, 4), dtype=np.bool_)


class Priced:
    """A source that asks 2 PU and 3 requests for optical scenes, 1 PU and 1 for radar."""

    def price(self, scene, grid, pieces):
        assert grid is GRID
        assert pieces.all()
        return Price(3, 2.0, 100) if scene.collection == "optical" else Price(1, 1.0, 10)


def scene(day, collection="optical"):
    moment = dt.datetime(2024, 1, 1, 2, tzinfo=dt.UTC) + dt.timedelta(days=day)
    return Scene(f"{collection}-{day}", collection, moment, "p", 10.0, ("red",))


def test_sums_by_collection_and_month():
    """Forty daily optical scenes and one radar scene, by hand."""
    planned = forecast(
        Priced(),
        [*(scene(day) for day in range(40)), scene(3, "radar")],
        lambda _: [BLOCK],
    )
    optical, radar = planned.lines

    assert (optical.scenes, optical.requests, optical.processing_units) == (40, 120, 80.0)
    assert (optical.first, optical.last) == ("2024-01-01", "2024-02-09")
    assert (radar.scenes, radar.bytes) == (1, 10)
    assert planned.total == Price(121, 81.0, 4010)
    assert planned.months == (("2024-01", 32, 94, 63.0), ("2024-02", 9, 27, 18.0))
    assert planned.watching == Price(94, 63.0)


@pytest.mark.parametrize(
    ("quota", "months"),
    [(Quota(80, 1e9), 1), (Quota(79.9, 1e9), 2), (Quota(1e9, 40), 3), (Quota(8, 12), 10)],
)
def test_the_scarcer_quota_decides(quota, months):
    """80 PU and 120 requests: whichever runs out first."""
    planned = forecast(
        Priced(),
        [scene(day) for day in range(40)],
        lambda _: [BLOCK],
    )

    assert planned.months_of_quota(quota) == months


def test_a_large_scene_costs_what_its_blocks_cost():
    """Ingest asks for one block after the other: three blocks are three prices."""
    planned = forecast(Priced(), [scene(0), scene(0, "radar")], lambda _: [BLOCK] * 3)

    assert planned.total == Price(12, 9.0, 330)


def test_nothing_to_fetch_costs_nothing():
    """No scenes, no lines, no months."""
    planned = forecast(Priced(), [], lambda _: [BLOCK])

    assert planned.total == Price()
    assert planned.months_of_quota(Quota(1, 1)) == 0
