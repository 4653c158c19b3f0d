"""Comparability: which counts may stand in one series.

A record compares counts of one siding set, one measurement class and one detector. Class A counts
cars one by one, class C infers them from brightness: their errors differ in kind, so they meet only
where reference counts have put them on one scale (`Scale.calibrated`), and never silently.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from railwatch.count import FACILITY, BaselineState, Count, ResolutionClass
from railwatch.series.latent import LatentCount, latent_count


@dataclass(frozen=True, slots=True)
class Scale:
    """Classes that reference counts have put on one scale; none by default."""

    calibrated: frozenset[ResolutionClass] = frozenset()

    def of(self, count: Count) -> tuple[str, ...]:
        """Two counts are comparable where their keys are equal."""
        if count.resolution_class in self.calibrated:
            return (count.area_id, count.siding_set, "calibrated")
        return (count.area_id, count.siding_set, count.resolution_class.value, count.detector)


@dataclass(frozen=True, slots=True)
class Observation:
    """A usable facility count with its latent distribution."""

    count: Count
    latent: LatentCount
    key: tuple[str, ...]
    """`Scale.of` the count."""

    @property
    def acquired(self) -> dt.datetime:
        """UTC."""
        return self.count.acquired


def observations(counts: Iterable[Count], scale: Scale | None = None) -> list[Observation]:
    """Usable facility counts in order of acquisition.

    Left out: sidings and groups, refused scenes, scenes without cars, and those whose baseline is
    unanchored, because they give changes and not counts.
    """
    by = scale if scale is not None else Scale()
    usable = [
        Observation(count, _latent(count.quantiles), by.of(count))
        for count in counts
        if count.siding_id == FACILITY
        and count.refusal is None
        and count.quantiles
        and count.baseline_state is not BaselineState.UNANCHORED
    ]
    return sorted(usable, key=lambda seen: (seen.acquired, seen.count.scene_id))


@lru_cache(maxsize=4096)
def _latent(quantiles: tuple[float, ...]) -> LatentCount:
    """Read a distribution once: one publication asks for records, surges and standings of it."""
    made = latent_count(quantiles)
    made.cdf.setflags(write=False)
    return made
