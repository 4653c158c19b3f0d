"""What a backfill would fetch and cost, and how an account's monthly quota takes it.

Nothing is spent to know it: searching is free and prices are exact before a request is sent.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from railwatch.grid import Grid
from railwatch.scene import Scene
from railwatch.sources import Price, SceneSource

Wanted = tuple[Grid, npt.NDArray[np.bool_]]
"""Grid and pieces of it, (piece row, piece column) bool: what one call of `fetch` is asked for."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What an account may use a month."""

    pu: float
    requests: float


@dataclass(frozen=True, slots=True)
class Line:
    """Sum over the scenes of one collection."""

    collection: str
    scenes: int
    requests: int
    processing_units: float
    bytes: int
    first: str
    """Day of the oldest scene, UTC."""
    last: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """What fetching some scenes costs, in all and a month."""

    lines: tuple[Line, ...]
    months: tuple[tuple[str, int, int, float], ...]
    """(month, scenes, requests, processing units) by month of acquisition."""

    @property
    def total(self) -> Price:
        """Sum of everything."""
        return Price(
            sum(line.requests for line in self.lines),
            math.fsum(line.processing_units for line in self.lines),
            sum(line.bytes for line in self.lines),
        )

    @property
    def watching(self) -> Price:
        """What a month of watching will cost: that of the dearest of the last twelve months."""
        recent = self.months[-12:]
        return Price(
            max((requests for _, _, requests, _ in recent), default=0),
            max((pu for *_, pu in recent), default=0.0),
        )

    def months_of_quota(self, quota: Quota) -> int:
        """Months the account needs for everything, spending its whole quota."""
        total = self.total
        shares = total.processing_units / quota.pu, total.requests / quota.requests
        return math.ceil(max(shares) - 1e-9)


def forecast(
    source: SceneSource, scenes: Iterable[Scene], wanted: Callable[[Scene], Iterable[Wanted]]
) -> Forecast:
    """Price scenes one by one and sum them up.

    Parameters
    ----------
    source
        Where they would be fetched from.
    scenes
        Ordered by time.
    wanted
        Grids and pieces a scene would be fetched onto, as `Footprint.blocks` cuts them.
    """
    by_collection: dict[str, list[tuple[Scene, Price]]] = {}
    for scene in scenes:
        price = _sum([source.price(scene, *block) for block in wanted(scene)])
        by_collection.setdefault(scene.collection, []).append((scene, price))
    scene_count: Counter[str] = Counter()
    request_count: Counter[str] = Counter()
    units: dict[str, list[float]] = {}
    for scene, price in (pair for pairs in by_collection.values() for pair in pairs):
        month = f"{scene.acquired:%Y-%m}"
        scene_count[month] += 1
        request_count[month] += price.requests
        units.setdefault(month, []).append(price.processing_units)
    months = tuple(
        (month, scene_count[month], request_count[month], math.fsum(units[month]))
        for month in sorted(scene_count)
    )
    return Forecast(tuple(_line(*pair) for pair in sorted(by_collection.items())), months)


def _sum(prices: list[Price]) -> Price:
    """Add up what the blocks of a scene cost."""
    return Price(
        sum(one.requests for one in prices),
        math.fsum(one.processing_units for one in prices),
        sum(one.bytes for one in prices),
    )


def _line(collection: str, priced: list[tuple[Scene, Price]]) -> Line:
    """Sum up one collection."""
    days = sorted(scene.acquired.date() for scene, _ in priced)
    return Line(
        collection,
        len(priced),
        sum(price.requests for _, price in priced),
        math.fsum(price.processing_units for _, price in priced),
        sum(price.bytes for _, price in priced),
        days[0].isoformat(),
        days[-1].isoformat(),
    )
