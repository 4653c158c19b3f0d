"""Standing: how the latest counts compare with those before them, also where no record is called.

A reader who sees a high figure and no record asks why. The answer is in the same probabilities that
`railwatch.series` judges by: how likely the count is above all comparable ones, which of those may
have been as high, and which gate is shut. Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from railwatch.count import Count
from railwatch.series import Record, RecordRules, RecordStatus, assess
from railwatch.series.comparability import Observation, observations
from railwatch.series.conformal import calibrated

RIVALS = 3
"""So many of the counts that may have been as high are named."""

WORTH_NAMING = 0.05
"""Least probability of having been as high that is worth a word."""

TITLES = {
    RecordStatus.CONFIRMED: "Record, confirmed by a second scene.",
    RecordStatus.CANDIDATE: "Record by this scene alone.",
    RecordStatus.STANDING: "The record stands.",
    RecordStatus.WITHHELD: "Not called a record.",
}
"""What stands before the sentence; by probability for the others."""


@dataclass(frozen=True, slots=True)
class Rival:
    """An earlier comparable count that may have been as high."""

    count: Count
    probability: float
    """P(it was at least as high), 0-1."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The latest count of one comparable series, and those it has to be held against."""

    count: Count
    record: Record
    rivals: tuple[Rival, ...]
    """Most likely first; those of the same rise included where it is judged against them."""

    @property
    def title(self) -> str:
        """The verdict in a few words."""
        if self.record.status in TITLES:
            return TITLES[self.record.status]
        if not self.record.earlier:
            return "Nothing to compare with yet."
        return "Not called a record." if (self._p or 0.0) >= WORTH_NAMING else "Not a record."

    @property
    def sentence(self) -> str:
        """The verdict's reasons, one to three sentences."""
        said = self.record
        if not said.earlier:
            return "No comparable count came before it."
        past = (
            f"{_counts(said.earlier)} since {said.since:%-d %B %Y}"
            f" (longest gap {said.longest_gap_days} days)"
        )
        if said.before < said.acquired:
            past += f", not counting those of the rise since {said.before:%-d %B %Y}"
        words = f"P\N{NO-BREAK SPACE}{_p(self._p)} that it is above all {past}"
        if said.status is RecordStatus.WITHHELD:
            return f"{words}, but {'; '.join(said.reasons)}."
        if said.status is RecordStatus.NONE and (self._p or 0.0) < WORTH_NAMING:
            return f"{self._rivals()} Compared with {past}."
        if said.status is RecordStatus.NONE:
            words += f"; {RecordRules().probability:.2f} is asked.".replace("0.", ".")
            return f"{words} {self._rivals()}".strip()
        return f"{words}."

    @property
    def _p(self) -> float | None:
        """What the verdict rests on."""
        return self.record.p_rise

    def _rivals(self) -> str:
        """Name those that may have been as high."""
        likely = [rival for rival in self.rivals if rival.probability >= WORTH_NAMING]
        named = likely[:RIVALS] or self.rivals[:1]
        if not named:
            return ""
        parts = [
            f"{rival.count.acquired:%-d %B %Y} ({_figure(rival.count)}; "
            f"P\N{NO-BREAK SPACE}{_p(rival.probability)})"
            for rival in named
        ]
        more = len(likely) - len(named)
        if more > 0:
            parts.append(f"{more} more")
        last = parts.pop()
        listed = f"{', '.join(parts)} and {last}" if parts else last
        return f"As high or higher may have been {listed}."


def standings(counts: Sequence[Count], records: Sequence[Record] | None = None) -> list[Standing]:
    """Compare the latest count of every comparable series, latest first.

    Parameters
    ----------
    counts
        Rows of one area with their quantiles; siding rows and refused scenes are passed over.
    records
        What `railwatch.series.assess` said of them, where that is known already.
    """
    scale = calibrated(counts)
    found = assess(counts, scale=scale) if records is None else records
    judged = {record.scene_id: record for record in found}
    series: dict[tuple[str, ...], list[Observation]] = {}
    for seen in observations(counts, scale):
        series.setdefault(seen.key, []).append(seen)
    standing = [_standing(seen, judged[seen[-1].count.scene_id]) for seen in series.values()]
    return sorted(standing, key=lambda one: one.count.acquired, reverse=True)


def _standing(seen: Sequence[Observation], record: Record) -> Standing:
    """Hold the last of a series against those that its record compares with."""
    last = seen[-1]
    rivals = [
        Rival(other.count, _as_high(other, last))
        for other in seen[:-1]
        if record.since <= other.acquired < record.before
    ]
    rivals.sort(key=lambda rival: (-rival.probability, rival.count.acquired))
    return Standing(last.count, record, tuple(rivals))


def _as_high(other: Observation, last: Observation) -> float:
    """P(other >= last) = sum_k P(other = k) P(last <= k), both independent."""
    pmf, cdf = other.latent.pmf, last.latent.cdf
    below = np.ones(pmf.size)
    below[: min(pmf.size, cdf.size)] = cdf[: pmf.size]
    return float(pmf @ below)


def _figure(count: Count) -> str:
    if count.cars is None:
        return f"{count.occupied_m:,.0f} m"
    return f"{count.cars:.0f} railcars, {between(count.cars_low, count.cars_high)}"


def between(low: float | None, high: float | None) -> str:
    """Spell an interval in whole units, thousands set apart."""
    return f"{low:,.0f}\N{EN DASH}{high:,.0f}"


def same_day(counts: Iterable[Count], count: Count) -> list[Count]:
    """List counts of other classes on the day of `count`, sharpest first."""
    others = [
        other
        for other in counts
        if other.occupied_m is not None
        and other.acquired.date() == count.acquired.date()
        and other.resolution_class is not count.resolution_class
    ]
    return sorted(others, key=lambda other: other.gsd_m)


def _counts(n: int) -> str:
    return f"{n:,} comparable count{'s' if n > 1 else ''}"


def _p(p: float | None) -> str:
    """Two digits, never rounded up to certainty nor down to none."""
    if p is None:
        return "unknown"
    if p >= 0.99:
        return "> .99" if p > 0.99 else "= .99"
    if p < 0.01:
        return "< .01"
    return f"= {int(p * 100) / 100:.2f}".replace("0.", ".")
