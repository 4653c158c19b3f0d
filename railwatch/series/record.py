"""A record: a count higher than all comparable ones before it, with its probability and sentence.

This module holds the values; `railwatch.series.judgement` decides.
"""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

from railwatch.count import Count


class RecordStatus(enum.StrEnum):
    """What may be said of one observation."""

    NONE = "none"
    """Not a record."""
    WITHHELD = "withheld"
    """High enough, but a gate is shut; `Record.reasons` says which."""
    CANDIDATE = "candidate"
    """A record by this scene alone, waiting for a second one."""
    CONFIRMED = "confirmed"
    """A second scene or another sensor agrees."""
    STANDING = "standing"
    """The record's cars are still there; it has been said already."""


@dataclass(frozen=True, slots=True)
class RecordRules:
    """Thresholds, from method.md 2.3 steps 12 and 13 and docs/method/series.md."""

    window: dt.timedelta = dt.timedelta(days=1826)
    """How far back "every comparable one" reaches: five years."""
    probability: float = 0.95
    """Least P(record)."""
    tail: float = 1e-3
    """Most chance of such a height by the site's own past; measured in docs/method/series.md."""
    least_history: int = 20
    """Comparable observations needed before the rise."""
    rise: dt.timedelta = dt.timedelta(days=30)
    """A rise may take this long; the past that a rise is judged by ends before it."""
    visible: float = 0.7
    """Least visible share of the siding length."""
    registration_px: float = 0.15
    """Most registration uncertainty, pixels; class A snaps to the rails and is not asked."""
    memory: dt.timedelta = dt.timedelta(days=60)
    """A candidate or a standing record with no scene for so long is over."""
    apart: dt.timedelta = dt.timedelta(hours=12)
    """Scenes of one sensor closer than this are one overpass and confirm nothing."""


@dataclass(frozen=True, slots=True)
class Record:
    """What one usable facility observation says about the highest count."""

    scene_id: str
    acquired: dt.datetime
    status: RecordStatus
    p_record: float | None
    """P(latent count > every comparable one before it in the window); None without any."""
    p_rise: float | None
    """The same against what stood before the present rise; this is what status rests on."""
    before: dt.datetime
    """End of what `p_rise` compares with; the scene's own date where no rise is under way."""
    tail: float | None
    """Chance of such a height by the site's past; None while that is too short."""
    chance: float | None
    """1 / (n + 1): how often the newest of so many is the highest by nothing but order."""
    earlier: int
    """Comparable observations that `p_rise` compares with."""
    since: dt.datetime
    """First of them; the scene's own date without any."""
    longest_gap_days: int
    """Longest time in between, to this scene, without a usable observation."""
    reasons: tuple[str, ...] = ()
    """Shut gates of a withheld record."""
    supports: str | None = None
    """Scene id of the candidate that this scene confirms."""
    sentence: str | None = None
    """Ready to quote; None unless the status says something new."""


def record_sentence(count: Count, record: Record, supports: Count | None) -> str:
    """Say a record so that it can be quoted with everything it is conditional on.

    Parameters
    ----------
    count
        The row the record is about.
    record
        Its assessment.
    supports
        The candidate that this scene confirms, if any.
    """
    said = f"{record.status.value}: highest of {record.earlier + 1} usable observations since"
    parts = [f"{said} {record.since:%Y-%m-%d}"]
    if record.before < count.acquired:
        parts.append(f"set against those before {record.before:%Y-%m-%d}")
    parts += [
        f"longest gap {record.longest_gap_days} days",
        f"siding set {count.siding_set}",
        f"class {count.resolution_class.value} ({count.sensor})",
        f"{count.interval * 100:.0f} % interval {_cars(count.cars_low)}-{_cars(count.cars_high)}",
        f"P {_probability(record.p_rise)}",
    ]
    if record.tail is not None:
        parts.append(f"chance of such a height by the site's past {_small(record.tail)}")
    if supports is not None:
        by = f"class {supports.resolution_class.value}, {supports.sensor}"
        parts.append(f"confirms the candidate of {supports.acquired:%Y-%m-%d} ({by})")
    return ", ".join(parts)


def _cars(value: float | None) -> str:
    return "?" if value is None else f"{value:.0f}"


def _probability(p: float | None) -> str:
    """Two digits, never rounded up to certainty."""
    if p is None:
        return "unknown"
    return "= .99" if p >= 0.99 else f"= {int(p * 100) / 100:.2f}".replace("0.", ".")


def _small(p: float) -> str:
    return "< 1e-6" if p < 1e-6 else f"{p:.1g}"
