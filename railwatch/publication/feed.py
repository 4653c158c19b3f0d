"""The feed: `events.ndjson`, what happened, one JSON object a line, for programs that subscribe.

Events are derived from the rows, so a feed read twice says the same; an event's `id` is stable and
a subscriber keeps the ids it has seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from railwatch.count import Count
from railwatch.publication.content import (
    Content,
    Statement,
    StatementKind,
    canonical,
    utc,
)

STREAK = 3
"""Refused scenes in a row that make an event: at 5-day revisit half a month without a number."""


def statements(content: Content) -> list[Statement]:
    """List all that may be quoted, by time: records, surges, refusal streaks."""
    found = [*content.statements, *_records(content.facility), *_streaks(content.facility)]
    return sorted(found, key=lambda said: (said.when, said.kind.value, said.sentence))


def events_ndjson(content: Content) -> bytes:
    """Write the feed, oldest first."""
    return b"".join(_line(content, said) for said in statements(content))


def _line(content: Content, said: Statement) -> bytes:
    """One event on one line."""
    name = canonical([content.area.id, said.kind.value, utc(said.when), said.scene_id])
    return (
        canonical(
            {
                "id": hashlib.sha256(name).hexdigest()[:16],
                "area_id": content.area.id,
                "kind": said.kind.value,
                "when": utc(said.when),
                "until": None if said.until is None else utc(said.until),
                "scene_id": said.scene_id,
                "probability": said.probability,
                "sentence": said.sentence,
                "detector": content.detector,
                "snapshot": content.snapshot,
            }
        )
        + b"\n"
    )


def _records(facility: tuple[Count, ...]) -> Iterator[Statement]:
    """Find the records among the facility rows; the sentence holds its own probability."""
    for count in facility:
        if count.record_sentence:
            yield Statement(
                StatementKind.RECORD,
                count.acquired,
                count.record_sentence,
                scene_id=count.scene_id,
            )


def _streaks(facility: tuple[Count, ...]) -> Iterator[Statement]:
    """Find runs of at least `STREAK` refused scenes."""
    run: list[Count] = []
    for count in facility:
        if count.refusal is not None:
            run.append(count)
            continue
        if len(run) >= STREAK:
            yield _streak(run)
        run = []
    if len(run) >= STREAK:
        yield _streak(run)


def _streak(run: list[Count]) -> Statement:
    """Say how long nothing was known and why."""
    reasons = sorted({count.refusal.value for count in run if count.refusal is not None})
    first, last = run[0].acquired.date(), run[-1].acquired.date()
    return Statement(
        StatementKind.REFUSALS,
        run[0].acquired,
        f"No count from {len(run)} scenes in a row, {first} to {last}: {', '.join(reasons)}.",
        scene_id=run[0].scene_id,
        until=run[-1].acquired,
    )
