"""Judgement: walks one area's counts forwards and says which are records.

    each usable facility count
        -> P(latent count > every comparable one before it in the window)       `p_record`
        -> gates: history, visibility, registration, chance                     may it be said?
        -> candidate, then confirmed by a second scene or another sensor        is it said?

Everything is causal: the assessment of a scene rests on that scene and earlier ones only, so a
backfill says what watching would have said. A rise may take weeks; scenes inside it compete with
what stood *before the rise*, or a yard that fills by three cars a day would never make a record.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from railwatch.count import FACILITY, Count, ResolutionClass
from railwatch.series.chance import chance_rate, tail_probability
from railwatch.series.comparability import Observation, Scale, observations
from railwatch.series.record import Record, RecordRules, RecordStatus, record_sentence

_DAY_S = 86400


def assess(
    counts: Iterable[Count], rules: RecordRules | None = None, scale: Scale | None = None
) -> list[Record]:
    """Judge every usable facility count of one area, in order of acquisition.

    Parameters
    ----------
    counts
        Rows of one area in any order; siding rows and refused scenes are passed over.
    rules
        Thresholds; the defaults are measured in docs/method/series.md.
    scale
        Which classes reference counts have put on one scale; by default none.

    Returns
    -------
    list[Record]
        One for each usable facility row, by acquisition and scene id.
    """
    walk = _Walk(rules if rules is not None else RecordRules(), observations(counts, scale))
    return walk.records()


def with_records(
    counts: Sequence[Count],
    rules: RecordRules | None = None,
    scale: Scale | None = None,
    *,
    judged: Sequence[Record] | None = None,
) -> list[Count]:
    """Fill `p_record` and `record_sentence` of the facility rows; other rows pass unchanged.

    Parameters
    ----------
    counts, rules, scale
        As in `assess`.
    judged
        What `assess` said of the same counts, where that is known already.
    """
    found = assess(counts, rules, scale) if judged is None else judged
    said = {record.scene_id: record for record in found}
    return [
        dataclasses.replace(
            count,
            p_record=said[count.scene_id].p_record,
            record_sentence=said[count.scene_id].sentence,
        )
        if count.siding_id == FACILITY and count.scene_id in said
        else count
        for count in counts
    ]


@dataclass(slots=True)
class _Episode:
    """A rise under way."""

    before: dt.datetime
    """Observations before this are what it has to beat."""
    last: dt.datetime
    """Latest scene that stood above them."""
    candidate: int | None = None
    """Index of the first scene that passed the gates; None while all were withheld."""
    confirmed: bool = False


class _Walk:
    """One pass over an area's observations, oldest first."""

    def __init__(self, rules: RecordRules, seen: Sequence[Observation]) -> None:
        self._rules = rules
        self._seen = seen
        width = max((observed.latent.cdf.size for observed in seen), default=0)
        self._cdf = np.ones((len(seen), width))
        for row, observed in zip(self._cdf, seen, strict=True):
            row[: observed.latent.cdf.size] = observed.latent.cdf
        names = sorted({observed.key for observed in seen})
        self._key = np.array([names.index(observed.key) for observed in seen], dtype=np.intp)
        self._acquired_s = np.array([observed.acquired.timestamp() for observed in seen])
        self._median = np.array([observed.latent.quantile(0.5) for observed in seen])
        self._open: dict[int, _Episode] = {}

    def records(self) -> list[Record]:
        return [self._judge(index) for index in range(len(self._seen))]

    def _judge(self, index: int) -> Record:
        """Judge observation `index`; those before it have been judged."""
        self._forget(self._seen[index].acquired)
        return self._second_opinion(index) or self._first_opinion(index)

    def _forget(self, now: dt.datetime) -> None:
        """Close episodes that no scene has supported for long."""
        self._open = {
            key: episode
            for key, episode in self._open.items()
            if now - episode.last <= self._rules.memory
        }

    def _second_opinion(self, index: int) -> Record | None:
        """Confirm another sensor's candidate: this count too exceeds what that one had to beat."""
        if int(self._key[index]) in self._open:
            return None
        count = self._seen[index].count
        for key, episode in sorted(self._open.items()):
            if episode.candidate is None or episode.confirmed:
                continue
            opener = self._seen[episode.candidate].count
            if opener.siding_set != count.siding_set:
                continue
            record = self._against(index, key, episode.before)
            if self._high(record) and not self._shut_gates(index, record):
                episode.confirmed, episode.last = True, count.acquired
                return self._said(index, record, RecordStatus.CONFIRMED, opener)
        return None

    def _first_opinion(self, index: int) -> Record:
        """Open, confirm, keep or close the episode of the observation's own series."""
        key, now = int(self._key[index]), self._seen[index].acquired
        episode = self._open.get(key)
        record = self._against(index, key, episode.before if episode else now)
        likely = record.p_record is not None and record.p_record >= 0.5
        if episode is None and likely and not self._high(record):
            record = self._against(index, key, now - self._rules.rise)
        if not self._high(record):
            if episode is not None and record.p_rise is not None and record.p_rise < 0.5:
                del self._open[key]
            return record
        if episode is None:
            episode = self._open[key] = _Episode(record.before, now)
        episode.last = now
        reasons = self._shut_gates(index, record)
        if reasons:
            return dataclasses.replace(record, status=RecordStatus.WITHHELD, reasons=reasons)
        return self._passed(index, record, episode)

    def _passed(self, index: int, record: Record, episode: _Episode) -> Record:
        """Say what is new about a scene that stands above the past and passed the gates."""
        count = self._seen[index].count
        if episode.candidate is None:
            episode.candidate = index
            return self._said(index, record, RecordStatus.CANDIDATE, None)
        if episode.confirmed:
            if record.p_record is not None and record.p_record >= self._rules.probability:
                return self._said(index, record, RecordStatus.CONFIRMED, None)
            return dataclasses.replace(record, status=RecordStatus.STANDING)
        opener = self._seen[episode.candidate].count
        later = count.acquired - opener.acquired >= self._rules.apart
        if not later and count.sensor == opener.sensor:
            return dataclasses.replace(record, status=RecordStatus.STANDING)
        episode.confirmed = True
        return self._said(index, record, RecordStatus.CONFIRMED, opener)

    def _said(
        self, index: int, record: Record, status: RecordStatus, supports: Count | None
    ) -> Record:
        by = None if supports is None else supports.scene_id
        record = dataclasses.replace(record, status=status, supports=by)
        said = record_sentence(self._seen[index].count, record, supports)
        return dataclasses.replace(record, sentence=said)

    def _high(self, record: Record) -> bool:
        return record.p_rise is not None and record.p_rise >= self._rules.probability

    def _against(self, index: int, key: int, before: dt.datetime) -> Record:
        """Measure an observation against the part of a series that lies before a date."""
        observed = self._seen[index]
        now = observed.acquired
        past = self._past(index, key, before)
        older = self._past(index, key, min(before, now - self._rules.rise))
        enough = older.size >= self._rules.least_history
        times_s = np.append(self._acquired_s[past], self._acquired_s[index])
        return Record(
            scene_id=observed.count.scene_id,
            acquired=now,
            status=RecordStatus.NONE,
            p_record=self._exceeds(index, self._past(index, int(self._key[index]), now)),
            p_rise=self._exceeds(index, past),
            before=before,
            tail=tail_probability(observed.latent, self._median[older]) if enough else None,
            chance=chance_rate(past.size) if past.size else None,
            earlier=int(past.size),
            since=self._seen[past[0]].acquired if past.size else now,
            longest_gap_days=int(np.diff(times_s).max() // _DAY_S) if past.size else 0,
        )

    def _past(self, index: int, key: int, before: dt.datetime) -> npt.NDArray[np.intp]:
        """Find a series' observations before a date and in the window of `index`."""
        first_s = self._acquired_s[index] - self._rules.window.total_seconds()
        end_s = min(before.timestamp(), float(self._acquired_s[index]))
        wanted = (self._key == key) & (self._acquired_s >= first_s) & (self._acquired_s < end_s)
        return np.flatnonzero(wanted)

    def _exceeds(self, index: int, others: npt.NDArray[np.intp]) -> float | None:
        """P(N > max of the others) = sum_k P(N = k) prod P(other <= k - 1); None without others."""
        if others.size == 0:
            return None
        pmf = self._seen[index].latent.pmf
        highest = self._cdf[others, : pmf.size - 1].prod(axis=0)
        return round(math.fsum(pmf[1:] * highest), 6)

    def _shut_gates(self, index: int, record: Record) -> tuple[str, ...]:
        """Say in words what forbids announcing it."""
        count, rules = self._seen[index].count, self._rules
        shut = []
        if record.tail is None:
            shut.append(f"fewer than {rules.least_history} comparable observations before the rise")
        elif record.tail > rules.tail:
            shut.append(f"the site's past reaches this height by chance ({record.tail:.1g})")
        if count.visible_m < rules.visible * count.total_m:
            shut.append(f"only {count.visible_m:.0f} of {count.total_m:.0f} m visible")
        if count.resolution_class is not ResolutionClass.A:
            sigma_m = count.registration_sigma_m
            if sigma_m is None or sigma_m > rules.registration_px * count.gsd_m:
                shut.append("registration too uncertain" if sigma_m else "registration unknown")
        return tuple(shut)
