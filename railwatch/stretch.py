"""Stretches of a track: disjoint chainage intervals, and which of them are seen on a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from railwatch.siding import Siding


@dataclass(frozen=True, slots=True)
class Stretches:
    """Disjoint intervals of chainage in order, metres."""

    intervals: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        edges = [edge for interval in self.intervals for edge in interval]
        if any(not a < b for a, b in zip(edges[::2], edges[1::2], strict=True)) or edges != sorted(
            edges
        ):
            raise ValueError(f"stretches must be disjoint and in order, got {self.intervals}")

    @classmethod
    def union(cls, intervals: Iterable[tuple[float, float]]) -> Stretches:
        """Join intervals in any order; those that touch become one, empty ones vanish."""
        joined: list[tuple[float, float]] = []
        for low, high in sorted(interval for interval in intervals if interval[0] < interval[1]):
            if joined and low <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(joined[-1][1], high))
            else:
                joined.append((low, high))
        return cls(tuple(joined))

    def __iter__(self) -> Iterator[tuple[float, float]]:
        return iter(self.intervals)

    @property
    def length_m(self) -> float:
        """Metres in all."""
        return sum(high - low for low, high in self.intervals)

    def minus(self, other: Stretches) -> Stretches:
        """Leave out what `other` covers."""
        left: list[tuple[float, float]] = []
        for low, high in self.intervals:
            at = low
            for cut_low, cut_high in other.intervals:
                if cut_high <= at or cut_low >= high:
                    continue
                if cut_low > at:
                    left.append((at, cut_low))
                at = max(at, cut_high)
            if at < high:
                left.append((at, high))
        return Stretches(tuple(left))

    def longer_than(self, least_m: float) -> Stretches:
        """Keep intervals of at least `least_m`."""
        return Stretches(tuple(i for i in self.intervals if i[1] - i[0] >= least_m))

    def contains(self, chainage: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Say which chainages lie in a stretch: same shape, bool; ends belong to it."""
        inside = np.zeros(chainage.shape, dtype=np.bool_)
        for low, high in self.intervals:
            inside |= (chainage >= low) & (chainage <= high)
        return inside


def existing_stretches(siding: Siding, usable: Stretches, day: dt.date) -> Stretches:
    """Where cars could stand on `day`: all that is usable, or nothing before and after its time.

    Its length is a count's `total_m`.
    """
    return usable if siding.exists(day) else Stretches()


def visible_stretches(siding: Siding, usable: Stretches, day: dt.date) -> Stretches:
    """Where standing cars could be seen on `day`; its length is a count's `visible_m`."""
    if not siding.visible:
        return Stretches()
    hidden = Stretches.union(
        (part.from_m, part.to_m)
        for part in siding.hidden
        if (part.since is None or part.since <= day) and (part.until is None or day <= part.until)
    )
    return existing_stretches(siding, usable, day).minus(hidden)
