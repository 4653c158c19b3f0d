"""Standing stock: simulated truth and class C counts of a site, without any imagery.

For judging what is made *of* counts (records, onsets, sums) over thousands of site-years, which
rendering could not pay for. Truth is an integer-valued autoregression: cars leave one by one with
some probability a day and others arrive, which gives Poisson-like stock that persists for days;
the kinds differ in how arrivals vary. What is seen is noisy, refused half of the time, and carries
quantiles that are right for the noise but know nothing of the site's own scale error.
"""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from railwatch.count import (
    FACILITY,
    QUANTILE_LEVELS,
    BaselineState,
    Count,
    Refusal,
    ResolutionClass,
)

FIRST_DAY = dt.datetime(2018, 10, 5, 2, 12, tzinfo=dt.UTC)
"""Day 0 of every simulated site; start of the published Tumangang story."""

_NORMAL = np.array([NormalDist().inv_cdf(level) for level in QUANTILE_LEVELS])


class Traffic(enum.StrEnum):
    """How arrivals vary."""

    STEADY = "steady"
    """The same rate every day."""
    BURSTS = "bursts"
    """The rate changes each week by a gamma of shape 0.7: overdispersed."""
    SEASONAL = "seasonal"
    """Summer brings six times as much as winter."""
    WEEKLY = "weekly"
    """Five busy days, two quiet ones."""
    TRAINS = "trains"
    """Whole trains of 5-25 cars that stand for days and leave whole."""
    QUIET = "quiet"
    """Empty but for a short train every few months."""
    GROWING = "growing"
    """Three times as much after five years; its new highs are true."""


@dataclass(frozen=True, slots=True)
class Influx:
    """Cars that come at once, on top of the traffic: what a surge is in truth."""

    day: int
    """First day of the rise."""
    level: int = 73
    """Cars standing at its height."""
    ramp_days: int = 1
    """Days until the height is reached."""
    days: int = 40
    """How long it stands."""


def standing_cars(
    traffic: Traffic,
    mean: float,
    days: int,
    rng: np.random.Generator,
    surge: Influx | None = None,
) -> npt.NDArray[np.int64]:
    """Cars standing on each day.

    Parameters
    ----------
    traffic
        How arrivals vary.
    mean
        Long-term mean of standing cars.
    days
        Length of the series.
    rng
        Source of chance.
    surge
        Rise to lay over it; stock then stands at the surge's level where that is higher.

    Returns
    -------
    numpy.ndarray
        (day,) int64, cars.
    """
    if traffic in {Traffic.TRAINS, Traffic.QUIET}:
        cars = _trains(mean, days, rng, quiet=traffic is Traffic.QUIET)
    else:
        leave = rng.uniform(0.05, 0.4)
        cars = _thinned(_rate(traffic, days, rng) * mean * leave, leave, mean, rng)
    if surge is not None:
        since = np.arange(days) - surge.day
        height = surge.level * np.clip((since + 1) / surge.ramp_days, 0.0, 1.0)
        height[(since < 0) | (since >= surge.days)] = 0
        cars = np.maximum(cars, np.rint(height).astype(np.int64))
    return cars


def _rate(traffic: Traffic, days: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """(day,) float64, arrivals relative to their mean."""
    day = np.arange(days)
    if traffic is Traffic.BURSTS:
        return np.asarray(rng.gamma(0.7, 1 / 0.7, days // 7 + 1)[day // 7])
    if traffic is Traffic.SEASONAL:
        return np.asarray(1 + 0.71 * np.cos(2 * np.pi * day / 365.25 + rng.uniform(0, 6)))
    if traffic is Traffic.WEEKLY:
        return np.where(day % 7 < 5, 1.3, 0.25)
    if traffic is Traffic.GROWING:
        return np.asarray(0.5 + day / days)
    return np.ones(days)


def _thinned(
    arrivals: npt.NDArray[np.float64], leave: float, mean: float, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Integer autoregression (McKenzie 1985): survivors of yesterday plus Poisson arrivals."""
    cars = np.empty(arrivals.size, dtype=np.int64)
    standing = int(rng.poisson(mean))
    for day, rate in enumerate(arrivals):
        standing = int(rng.binomial(standing, 1 - leave)) + int(rng.poisson(rate))
        cars[day] = standing
    return cars


def _trains(
    mean: float, days: int, rng: np.random.Generator, *, quiet: bool
) -> npt.NDArray[np.int64]:
    """Sum of trains that come and go whole."""
    cars = np.zeros(days, dtype=np.int64)
    stay = rng.uniform(2, 8)
    a_day = 1 / 90 if quiet else mean / (15 * stay)
    for start in np.flatnonzero(rng.random(days) < a_day):
        length = rng.integers(1, 9) if quiet else rng.integers(5, 26)
        cars[start : start + 1 + int(rng.exponential(stay))] += length
    return cars


@dataclass(frozen=True, slots=True)
class Seeing:
    """How a sensor sees a site."""

    revisit_days: int = 5
    refused: float = 0.5
    """Share of scenes refused for cloud."""
    floor: float = 1.5
    """Standard deviation at no cars."""
    slope: float = 0.12
    """Standard deviation a car."""
    gain: float = 1.0
    """The site's own scale error, which the quantiles know nothing of."""
    tails: float = 5.0
    """Degrees of freedom of the noise; the quantiles believe it is normal."""


def seen_counts(
    area_id: str, cars: npt.NDArray[np.int64], seeing: Seeing, rng: np.random.Generator
) -> list[Count]:
    """Class C facility rows of the days a satellite passes, refused ones included.

    Parameters
    ----------
    area_id
        Name of the area.
    cars
        (day,) int64, truth; day 0 is `FIRST_DAY`.
    seeing
        Noise and cloud.
    rng
        Source of chance.
    """
    rows = []
    unit = np.sqrt(seeing.tails / (seeing.tails - 2))
    for day in range(0, cars.size, seeing.revisit_days):
        truth = float(cars[day]) * seeing.gain
        noise = rng.standard_t(seeing.tails) / unit * np.hypot(seeing.floor, seeing.slope * truth)
        refused = bool(rng.random() < seeing.refused)
        rows.append(seen_count(area_id, day, None if refused else truth + noise, seeing))
    return rows


def seen_count(area_id: str, day: int, estimate: float | None, seeing: Seeing) -> Count:
    """One facility row around an estimate; None: refused for cloud."""
    quantiles: tuple[float, ...] = ()
    if estimate is not None:
        middle = max(estimate, 0.0)
        sd = float(np.hypot(seeing.floor, seeing.slope * middle))
        quantiles = tuple(float(q) for q in np.maximum(middle + sd * _NORMAL, 0.0))
    at = dict(zip(QUANTILE_LEVELS, quantiles, strict=False))
    low, middle_cars, high = at.get(0.05), at.get(0.5), at.get(0.95)
    return Count(
        area_id=area_id,
        siding_id=FACILITY,
        scene_id=f"{area_id}-{day:05d}",
        acquired=FIRST_DAY + dt.timedelta(days=day),
        sensor="sentinel-2a" if day % 10 else "sentinel-2b",
        gsd_m=10.0,
        resolution_class=ResolutionClass.C,
        method="energy",
        occupied_m=None if middle_cars is None else middle_cars * 13.9,
        occupied_m_low=None if low is None else low * 13.9,
        occupied_m_high=None if high is None else high * 13.9,
        cars=middle_cars,
        cars_low=low,
        cars_high=high,
        visible_m=2000.0,
        total_m=2000.0,
        clear_fraction=0.0 if estimate is None else 1.0,
        baseline_state=BaselineState.MODE,
        registration_shift_m=1.0,
        registration_sigma_m=0.8,
        refusal=Refusal.CLOUD if estimate is None else None,
        siding_set="ab12cd34ef56",
        detector="simulated",
        quantiles=quantiles,
    )
