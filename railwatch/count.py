"""A count: railcars with low and high, the metres they rest on, or the reason there is none.

One `Count` is one row of contract 4 (docs/consumers.md): a facility (`siding_id` = `*`), siding or
track group, and scene. Refused scenes have rows too: numbers are None and `refusal` says why.
"""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass, field

FACILITY = "*"
"""`siding_id` of the row that sums the whole facility."""

INTERVAL = 0.9
"""Nominal coverage of every published low-high pair."""

CONDITIONAL_WAGON_M = 14.0
"""Russian unit of train length, metres (method.md 3.1)."""


class ResolutionClass(enum.StrEnum):
    """What a GSD lets physics say (method.md 2.2)."""

    A = "A"
    """<= 1 m: single cars."""
    B = "B"
    """About 3-5 m: occupied length a siding."""
    C = "C"
    """10 m: occupied length a track group."""
    D = "D"
    """Sentinel-1: presence; never cars."""


class BaselineState(enum.StrEnum):
    """How well the empty track's look is known (method.md 2.3 step 5)."""

    ANCHORED = "anchored"
    """Dates or places declared empty by a person or a sharper sensor."""
    MODE = "mode"
    """Tightest mode over enough dates."""
    DONOR = "donor"
    """Borrowed from nearby track that is empty."""
    SPATIAL = "spatial"
    """From this scene alone: empty stretches and shoulders."""
    UNANCHORED = "unanchored"
    """Never seen empty: only changes are known."""


class Refusal(enum.StrEnum):
    """Why a scene gives no count."""

    NODATA = "nodata"
    CLOUD = "cloud"
    HAZE = "haze"
    SNOW = "snow"
    REGISTRATION = "registration"
    """Too few ties or too uncertain a shift."""
    BASELINE = "baseline"
    """The track was never seen empty."""
    RESOLUTION = "resolution"
    """The GSD cannot show what was asked; occupied metres may still be given."""
    HISTORY = "history"
    """Too few earlier scenes to know the empty track."""
    INVISIBLE = "invisible"
    """Under a roof, or not built on that date."""
    ILLUMINATION = "illumination"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Count:
    """One row of contract 4: metres and railcars, None where physics gives no number."""

    area_id: str
    siding_id: str
    """`*` for the facility, else a siding's id, or a group's: member ids joined by `+`."""
    scene_id: str
    acquired: dt.datetime
    sensor: str
    gsd_m: float
    resolution_class: ResolutionClass
    method: str
    """segmented | length | energy | presence, by resolution class."""
    occupied_m: float | None
    occupied_m_low: float | None
    occupied_m_high: float | None
    cars: float | None
    cars_low: float | None
    cars_high: float | None
    visible_m: float
    total_m: float
    clear_fraction: float
    baseline_state: BaselineState | None
    registration_shift_m: float | None
    registration_sigma_m: float | None
    refusal: Refusal | None
    siding_set: str
    detector: str
    """Fingerprint of the code and parameters that made the number."""
    snapshot: str = ""
    """Icechunk snapshot the count was made from."""
    published_at: dt.datetime | None = None
    interval: float = INTERVAL
    p_record: float | None = None
    """Facility rows: probability that this is higher than every comparable count before it."""
    record_sentence: str | None = None
    quantiles: tuple[float, ...] = ()
    """Cars at `QUANTILE_LEVELS`; empty where refused. What records and sums are computed from."""
    static_stock_m: float | None = None
    """Occupied metres that have not changed for 180 days."""
    lateral_cargo: bool | None = None
    """Bright or dark piles beside the track, not on it."""
    moving: bool | None = None
    """Bands disagree on where the train is: it was under way."""
    tarp_share: float | None = None
    """Class A: share of cars under a tarpaulin."""
    conditional_wagons: float | None = None
    """Occupied length in the Russian unit of 14 m."""
    extra: dict[str, float | str | None] = field(default_factory=dict, compare=False)
    """Diagnostics that are published but carry no promise."""


QUANTILE_LEVELS: tuple[float, ...] = (
    0.005,
    0.01,
    0.025,
    *(round(0.05 * k, 3) for k in range(1, 20)),
    0.975,
    0.99,
    0.995,
)
"""Levels of `Count.quantiles`."""


@dataclass(frozen=True, slots=True)
class Car:
    """One railcar seen at class A."""

    siding_id: str
    from_m: float
    """Chainage of one end, metres along the siding."""
    to_m: float
    outline: tuple[tuple[float, float], ...]
    """Corners as (x, y) in the grid's UTM zone, metres, closed."""
    probability: float
    kind: str | None = None
    """Type by length and look where they tell, e.g. `gondola`; None else."""
    tarp: bool | None = None
