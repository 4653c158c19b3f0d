"""The seam between evaluation and whatever counts: a site goes in, counts and cars come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from railwatch.count import (
    FACILITY,
    QUANTILE_LEVELS,
    BaselineState,
    Car,
    Count,
    Refusal,
)
from railwatch.testing.evaluation.site import Site


@dataclass(frozen=True, slots=True)
class Answer:
    """What a counter said of a site."""

    counts: tuple[Count, ...]
    """Rows of contract 4, refusals included."""
    cars: Mapping[str, tuple[Car, ...]] = field(default_factory=dict)
    """Single cars by scene id, where the resolution shows them."""


class Counter(Protocol):
    """Counts a site from its area file and archive; it never sees the truth."""

    def __call__(self, site: Site) -> Answer:
        """Count every scene of the archive."""
        ...


def oracle(site: Site, *, half_width: float = 1.0, bias: float = 0.0) -> Answer:
    """Copy the truth into counts: a counter whose errors are known, to test the harness with.

    Parameters
    ----------
    half_width
        Half of each 90 % interval, cars.
    bias
        Cars added to every count.
    """
    counts, cars = [], {}
    length = sum(t.length_m for t in site.place.tracks)
    for scene in site.truth.scenes:
        cloudy = scene.clouded > 0.5
        for siding_id in (*(s.id for s in site.place.sidings), FACILITY):
            number = len(scene.on(siding_id)) + bias
            metres = scene.occupied_m(siding_id)
            spread = np.interp(QUANTILE_LEVELS, (0.05, 0.95), (-half_width, half_width))
            counts.append(
                Count(
                    area_id=site.id,
                    siding_id=siding_id,
                    scene_id=scene.scene_id,
                    acquired=scene.acquired,
                    sensor=scene.collection,
                    gsd_m=scene.gsd_m,
                    resolution_class=site.stratum.resolution_class,
                    method="oracle",
                    occupied_m=None if cloudy else metres,
                    occupied_m_low=None if cloudy else metres - 14.0 * half_width,
                    occupied_m_high=None if cloudy else metres + 14.0 * half_width,
                    cars=None if cloudy else number,
                    cars_low=None if cloudy else number - half_width,
                    cars_high=None if cloudy else number + half_width,
                    visible_m=length,
                    total_m=length,
                    clear_fraction=1.0 - scene.clouded,
                    baseline_state=BaselineState.MODE,
                    registration_shift_m=0.0,
                    registration_sigma_m=0.0,
                    refusal=Refusal.CLOUD if cloudy else None,
                    siding_set=site.place.sidings.digest,
                    detector="oracle",
                    quantiles=() if cloudy else tuple((number + spread).tolist()),
                )
            )
        cars[scene.scene_id] = tuple(
            Car(c.siding_id, c.from_m, c.to_m, (), 1.0, c.kind) for c in scene.on(FACILITY)
        )
    return Answer(tuple(counts), cars)
