"""Tip and cue: where a sharper image would tell most, and why.

The 10 m series tips, a sharp satellite is cued. An order is worth its price where the answer would
change what is published: a record nobody has confirmed, an interval too wide to use, a place that
clouds have hidden for long. The three reasons are put on one scale from 0 to 1 and added.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from railwatch.count import FACILITY, Count, ResolutionClass
from railwatch.series.comparability import Observation, Scale, observations
from railwatch.series.judgement import assess
from railwatch.series.record import Record, RecordRules, RecordStatus


@dataclass(frozen=True, slots=True)
class TipRules:
    """What a reason is worth."""

    record: float = 1.0
    """A candidate whose record is certain, on the day it was seen."""
    width: float = 0.5
    """An interval much wider than the site's ordinary scatter."""
    blind: float = 0.5
    """A place that has not been seen for many times its usual gap."""
    fading: dt.timedelta = dt.timedelta(days=7)
    """Time in which an unconfirmed record loses two thirds of its worth: trains leave."""


@dataclass(frozen=True, slots=True)
class Tip:
    """One place and date that deserve a sharp image."""

    area_id: str
    date: dt.date
    """Date to order: of the candidate in an archive, else today for tasking."""
    worth: float
    """Sum of the reasons' worths; only its order means something."""
    sentence: str


def tips(
    counts: Iterable[Count],
    today: dt.datetime,
    *,
    rules: TipRules | None = None,
    record_rules: RecordRules | None = None,
    scale: Scale | None = None,
) -> list[Tip]:
    """Rank places by what a sharp image would tell, the most worthwhile first.

    Parameters
    ----------
    counts
        Rows of any number of areas in any order; those after `today` are passed over.
    today
        When the order would be placed, UTC.
    rules
        Worth of the reasons.
    record_rules, scale
        As in `assess`.

    Returns
    -------
    list[Tip]
        At most one an area; areas without any reason are left out.
    """
    worth = rules if rules is not None else TipRules()
    areas: dict[str, list[Count]] = {}
    for count in counts:
        if count.siding_id == FACILITY and count.acquired <= today:
            areas.setdefault(count.area_id, []).append(count)
    found = [
        _tip(observations(rows, scale), rows, assess(rows, record_rules, scale), today, worth)
        for _, rows in sorted(areas.items())
    ]
    return sorted(
        (tip for tip in found if tip is not None), key=lambda tip: (-tip.worth, tip.area_id)
    )


def _tip(
    seen: Sequence[Observation],
    rows: Sequence[Count],
    records: Sequence[Record],
    today: dt.datetime,
    rules: TipRules,
) -> Tip | None:
    area_id = rows[0].area_id
    blunt = [o for o in seen if o.count.resolution_class is not ResolutionClass.A]
    candidate = _unconfirmed(records)
    reasons = [
        _record_reason(candidate, today, rules),
        _width_reason(blunt, rules),
        _blind_reason(rows, today, rules),
    ]
    said = [(worth, words) for worth, words in reasons if worth >= 0.05]
    if not said:
        return None
    date = candidate.acquired.date() if candidate and reasons[0][0] >= 0.05 else today.date()
    words = "; ".join(words for _, words in sorted(said, reverse=True))
    return Tip(
        area_id, date, round(sum(worth for worth, _ in said), 6), f"{area_id}, {date}: {words}"
    )


def _unconfirmed(records: Sequence[Record]) -> Record | None:
    """Find the latest candidate that nothing after it confirmed."""
    pending = None
    for record in records:
        if record.status is RecordStatus.CANDIDATE:
            pending = record
        elif record.status is RecordStatus.CONFIRMED:
            pending = None
    return pending


def _record_reason(
    candidate: Record | None, today: dt.datetime, rules: TipRules
) -> tuple[float, str]:
    """Worth P(record), fading as the trains may have left."""
    if candidate is None or candidate.p_rise is None:
        return 0.0, ""
    age = (today - candidate.acquired) / rules.fading
    p = min(int(candidate.p_rise * 100) / 100, 0.99)
    said = f"a record candidate of {candidate.acquired:%Y-%m-%d} (P {p:.2f}) nothing has confirmed"
    return rules.record * candidate.p_rise * math.exp(-age), said


def _width_reason(seen: Sequence[Observation], rules: TipRules) -> tuple[float, str]:
    """Worth (w - 2s) / (w + 2s): the latest interval's half-width w against the site's scatter s.

    The scatter is the robust one of its own medians and at least 2.5 cars, the goal at 10 m.
    """
    if not seen:
        return 0.0, ""
    latest = seen[-1].count
    low, high = seen[-1].latent.quantile(0.05), seen[-1].latent.quantile(0.95)
    medians = np.array([o.latent.quantile(0.5) for o in seen if o.key == seen[-1].key])
    scatter = float(np.median(np.abs(medians - np.median(medians)))) * 1.4826
    half = (high - low) / 2
    share = half / (half + 2 * max(scatter, 2.5))
    said = f"{low:.0f}-{high:.0f} cars on {latest.acquired:%Y-%m-%d}, wide for this site's scatter"
    return rules.width * max(0.0, 2 * share - 1), said


def _blind_reason(rows: Sequence[Count], today: dt.datetime, rules: TipRules) -> tuple[float, str]:
    """Worth 1 - exp(-(gap - usual) / (4 usual)) from the usual gap between usable scenes on."""
    ordered = sorted(rows, key=lambda count: (count.acquired, count.scene_id))
    usable = [count.acquired for count in ordered if count.refusal is None]
    if len(usable) < 2:
        return 0.0, ""
    usual = float(np.median([(b - a).total_seconds() for a, b in itertools.pairwise(usable)]))
    gap = (today - usable[-1]).total_seconds()
    refused = [count for count in ordered if count.acquired > usable[-1]]
    excess = max(gap - usual, 0.0) / (4 * max(usual, 86400.0))
    return (
        rules.blind * (1 - math.exp(-excess)),
        f"{gap / 86400:.0f} days without a usable scene, {len(refused)} refused in a row",
    )
