"""Headline figures: the few numbers and words at the top of a page.

Metres come first wherever a car cannot be seen singly; a number never stands without its interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from railwatch.count import Count
from railwatch.publication.content import Content, Statement
from railwatch.publication.parquet import Row

RECENT = 10
"""Scenes looked back on to say how often a number was given."""

SPARK_WIDTH, SPARK_HEIGHT = 240.0, 48.0
"""View box of a sparkline."""


def summary(facility: Sequence[Row]) -> dict[str, str]:
    """Give the latest count in words: `figure`, `interval`, `note`."""
    counted = [row for row in facility if row["occupied_m"] is not None]
    if not counted:
        return {"figure": "no count yet", "interval": "", "note": _refused_since(facility, None)}
    last = counted[-1]
    interval = f"{last['occupied_m_low']:,.0f}–{last['occupied_m_high']:,.0f} m"
    if last["cars"] is not None:
        interval += (
            f"; about {last['cars']:.0f} railcars ({last['cars_low']:.0f}–{last['cars_high']:.0f})"
        )
    when = f"{last['acquired']:%-d %B %Y}, class {last['resolution_class']}"
    return {
        "figure": f"{last['occupied_m']:,.0f}\N{NO-BREAK SPACE}m occupied",
        "interval": interval,
        "note": f"{when}. {_refused_since(facility, last)}".strip(),
    }


def lead(said: Statement, content: Content) -> str:
    """Say what was counted on the date of a statement, so that it can be quoted by itself."""
    count = content.facility_by_scene.get(said.scene_id or "")
    if count is None or count.occupied_m is None:
        return f"{content.area.name}, {said.when:%-d %B %Y}."
    words = (
        f"{content.area.name}, {count.acquired:%-d %B %Y}: {count.occupied_m:,.0f} m of track "
        f"occupied ({count.occupied_m_low:,.0f}–{count.occupied_m_high:,.0f} m)"
    )
    if count.cars is not None:
        words += f", about {count.cars:.0f} railcars ({count.cars_low:.0f}–{count.cars_high:.0f})"
    return f"{words}; {count.interval * 100:.0f} % intervals."


def cards(facility: Sequence[Row]) -> list[dict[str, str]]:
    """Choose what the page opens with: the latest count, the sharpest, the highest."""
    made = [{"title": "Latest count", **summary(facility)}]
    single = [row for row in facility if row["resolution_class"] == "A" and row["cars"] is not None]
    if single:
        made.append(_car_card("Latest seen car by car", single[-1]))
    counted = [row for row in facility if row["occupied_m"] is not None]
    if counted:
        made.append(_highest(max(counted, key=lambda row: row["occupied_m_low"])))
    recent = facility[-RECENT:]
    given = sum(row["refusal"] is None for row in recent)
    made.append(
        {
            "title": f"Last {len(recent)} scenes",
            "figure": f"{given} of {len(recent)} counted",
            "interval": "",
            "note": _reasons(recent),
        }
    )
    return made


def references(content: Content) -> list[str]:
    """Say how reference counts changed the intervals, one sentence a class; none without any."""
    if not content.references:
        return []
    n = len(content.references)
    said = [f"{n} reference count{'s' if n > 1 else ''} by eye from {_by(content)}."]
    classes: dict[str, Count] = {}
    for count in content.facility:
        if "n_ref" in count.extra:
            classes.setdefault(count.resolution_class.value, count)
    for name, count in sorted(classes.items()):
        k = f"{count.extra['n_ref']:g}"
        said.append(
            f"Class {name}: widened by {k}, too few to also move or narrow it."
            if count.extra["n_ref_pooled"] == "True"
            else f"Class {name}: put right by {k} of its own, so that 9 in 10 fall inside."
        )
    if not classes:
        said.append("None lies within a day of a counted scene, so no interval was changed.")
    return said


def _by(content: Content) -> str:
    """First and last day of the reference counts."""
    days = sorted(reference.date for reference in content.references)
    if days[0] == days[-1]:
        return f"{days[0]:%-d %B %Y}"
    return f"{days[0]:%-d %B %Y} to {days[-1]:%-d %B %Y}"


def spark(facility: Sequence[Row]) -> str:
    """Path of occupied metres over time in a `SPARK_WIDTH` x `SPARK_HEIGHT` box."""
    points = [
        (row["acquired"].timestamp(), row["occupied_m"])
        for row in facility
        if row["acquired"] is not None and row["occupied_m"] is not None
    ]
    if len(points) < 2:
        return ""
    first, last = points[0][0], points[-1][0]
    high = max(value for _, value in points) or 1.0
    steps = [
        f"{(t - first) / (last - first) * SPARK_WIDTH:.1f} "
        f"{SPARK_HEIGHT - 2 - value / high * (SPARK_HEIGHT - 4):.1f}"
        for t, value in points
    ]
    return "M" + "L".join(steps)


def _car_card(title: str, row: Row) -> dict[str, str]:
    """Show cars first: they were seen one by one."""
    return {
        "title": title,
        "figure": f"{row['cars']:.0f} railcars",
        "interval": f"{row['cars_low']:.0f}–{row['cars_high']:.0f} railcars",
        "note": f"{row['acquired']:%-d %B %Y}, {row['gsd_m']:g} m per pixel",
    }


def _highest(row: Row) -> dict[str, str]:
    """Show the date whose lower bound is the highest: no later scene says as much for sure."""
    return {
        "title": "Most for certain",
        "figure": f"at least {row['occupied_m_low']:,.0f}\N{NO-BREAK SPACE}m",
        "interval": f"{row['occupied_m']:,.0f} m, up to {row['occupied_m_high']:,.0f} m",
        "note": f"{row['acquired']:%-d %B %Y}, class {row['resolution_class']}",
    }


def _refused_since(facility: Sequence[Row], last: Row | None) -> str:
    """Say how many scenes after the last count gave none."""
    after = 0 if last is None else list(facility).index(last) + 1
    refused = len(facility) - after
    if not refused:
        return ""
    return f"{refused} scene{'s' if refused > 1 else ''}{' since' if last else ''} gave no count."


def _reasons(rows: Sequence[Row]) -> str:
    """Say why scenes were refused, most frequent first."""
    tally: dict[str, int] = {}
    for row in rows:
        if row["refusal"] is not None:
            reason = str(row["refusal"]).replace("_", " ")
            tally[reason] = tally.get(reason, 0) + 1
    ordered: list[tuple[str, Any]] = sorted(tally.items(), key=lambda pair: (-pair[1], pair[0]))
    return "Refused: " + ", ".join(f"{n} {reason}" for reason, n in ordered) if ordered else ""
