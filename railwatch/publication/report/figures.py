"""Headline figures: the few numbers and words at the top of a page.

Metres come first wherever a car cannot be seen singly; a number never stands without its interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from railwatch.count import Count, ResolutionClass
from railwatch.publication.content import Content, Statement
from railwatch.publication.parquet import Row, is_rendered
from railwatch.publication.standing import between, same_day, standings

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
    return _counted_on(content, count)


def _counted_on(content: Content, count: Count) -> str:
    """One sentence that may be quoted: where, when, how much, how sure, seen how."""
    words = f"{content.area.name}, {count.acquired:%-d %B %Y}: "
    cars = ""
    if count.cars is not None:
        cars = f"{count.cars:.0f} railcars ({between(count.cars_low, count.cars_high)})"
    if cars and count.resolution_class is ResolutionClass.A:
        words += f"{cars} seen singly, on {_metres(count)}"
    else:
        words += _metres(count) + (f", about {cars}" if cars else "")
    kind = "rendered imagery" if _rendered(content, count) else "imagery"
    return f"{words}; {count.interval * 100:.0f} % intervals, {kind} at {count.gsd_m:g} m."


def _rendered(content: Content, count: Count) -> bool:
    """Whether nobody must quote it as an observation."""
    return any(is_rendered(row) for row in content.used if row.item_id == count.scene_id)


def answer(content: Content, facility: Sequence[Row]) -> dict[str, Any] | None:
    """Say the latest count first: how many, how sure, since when the highest, and from what.

    Of the counts of the latest day the sharpest speaks; the others stand beside it.
    """
    row = speaking(facility)
    if row is None:
        return None
    count = content.facility_by_scene[row["scene_id"]]
    beside = same_day(content.facility, count)
    shown = {count.scene_id, *(other.scene_id for other in beside)}
    verdicts = [
        {"of": _seen(s.count), "title": s.title, "text": s.sentence, "scene": s.count.scene_id}
        for s in standings(content.counts, content.records)
        if s.count.scene_id in shown
    ]
    verdicts.sort(key=lambda verdict: verdict["scene"] != count.scene_id)
    return {
        "scene": count.scene_id,
        "when": f"{count.acquired:%-d %B %Y, %H:%M} UTC",
        "since": _refused_since(facility, row),
        **_headline(row),
        "beside": [_beside(count, other) for other in beside],
        "verdicts": verdicts,
        "quote": _counted_on(content, count),
    }


def speaking(facility: Sequence[Row]) -> Row | None:
    """Choose the sharpest count of the latest day that has one."""
    counted = [row for row in facility if row["occupied_m"] is not None]
    if not counted:
        return None
    day = counted[-1]["acquired"].date()
    return min((r for r in counted if r["acquired"].date() == day), key=lambda r: r["gsd_m"])


def _headline(row: Row) -> dict[str, str]:
    """Cars first where they were seen one by one, metres first where they were not."""
    metres = f"{row['occupied_m']:,.0f}\N{NO-BREAK SPACE}m of track occupied"
    reach = between(row["occupied_m_low"], row["occupied_m_high"])
    if row["cars"] is None:
        return {"figure": metres, "interval": f"{reach}\N{NO-BREAK SPACE}m", "second": ""}
    cars = between(row["cars_low"], row["cars_high"])
    if row["resolution_class"] == "A":
        return {
            "figure": f"{row['cars']:.0f}\N{NO-BREAK SPACE}railcars",
            "interval": cars,
            "second": f"Seen one by one at {row['gsd_m']:g} m, on {metres} ({reach} m).",
        }
    return {
        "figure": metres,
        "interval": f"{reach}\N{NO-BREAK SPACE}m",
        "second": f"About {row['cars']:.0f} railcars ({cars}), from that length: at "
        f"{row['gsd_m']:g} m no car is seen singly.",
    }


def _beside(count: Count, other: Count) -> str:
    """Say what another sensor gave that day, and whether the two can both be right."""
    words = f"The same day at {other.gsd_m:g} m: {_metres(other)}"
    ends = (count.cars_low, count.cars_high, other.cars_low, other.cars_high)
    if other.cars is None or any(end is None for end in ends):
        return f"{words}."
    words += f", about {other.cars:.0f} railcars ({between(other.cars_low, other.cars_high)})"
    low, high = max(ends[0] or 0.0, ends[2] or 0.0), min(ends[1] or 0.0, ends[3] or 0.0)
    if low > high:
        return f"{words}. The two intervals do not meet: at least one of them is wrong."
    return f"{words}. The two intervals share {between(low, high)} railcars."


def _metres(count: Count) -> str:
    return (
        f"{count.occupied_m:,.0f} m of track occupied "
        f"({between(count.occupied_m_low, count.occupied_m_high)} m)"
    )


def _seen(count: Count) -> str:
    """Name the series of a count by what a reader knows of it."""
    return f"At {count.gsd_m:g} m"


def cards(facility: Sequence[Row]) -> list[dict[str, str]]:
    """Choose what stands beside the answer: the highest of each class, and how often none came."""
    counted = [row for row in facility if row["occupied_m"] is not None]
    made = []
    for name in sorted({row["resolution_class"] for row in counted}):
        of_class = [row for row in counted if row["resolution_class"] == name]
        if len(of_class) > 1:
            made.append(_highest(of_class))
    recent = facility[-RECENT:]
    given = sum(row["refusal"] is None for row in recent)
    made.append(
        {
            "title": f"Last {len(recent)} scenes",
            "figure": f"{given} of {len(recent)} counted",
            "interval": "",
            "note": _reasons(recent) or "None of them was refused.",
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


def _highest(rows: Sequence[Row]) -> dict[str, str]:
    """Show the highest estimate of one class, and how many others reach it by their intervals."""
    row = max(rows, key=lambda row: row["occupied_m"])
    reach = sum(other["occupied_m_high"] >= row["occupied_m"] for other in rows) - 1
    other = f"The intervals of {reach} others reach it."
    if reach < 2:
        other = f"The interval of {'one other reaches' if reach else 'no other reaches'} it."
    return {
        "title": f"Highest of {len(rows)} counts at {row['gsd_m']:g} m",
        "figure": f"{row['occupied_m']:,.0f}\N{NO-BREAK SPACE}m",
        "interval": f"{between(row['occupied_m_low'], row['occupied_m_high'])} m",
        "note": f"{row['acquired']:%-d %B %Y}. {other}",
    }


def _refused_since(facility: Sequence[Row], last: Row | None) -> str:
    """Say how many scenes after the last count gave none."""
    after = 0 if last is None else list(facility).index(last) + 1
    refused = sum(row["occupied_m"] is None for row in facility[after:])
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
