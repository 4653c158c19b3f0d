"""What a run tells people in the Prefect UI: a page an area, with what is published of it now.

Everything is read back from the publication, so the page shows what consumers see. Nobody looks at
the private server of the command line, and there nothing is written (`unheard`).
"""

import base64
import datetime as dt
import io
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from flows.outcome import Outcome
from railwatch.area import Area
from railwatch.count import FACILITY
from railwatch.published import Row, published_rows
from railwatch.store import Store

NEWEST = 12
"""Counted scenes shown on the page; all of them are in the report."""

TABLE_ROWS = 200
"""Scenes in the table artifact; the server keeps artifacts for ever, whole."""

BEFORE = dt.timedelta(days=120)
"""How far back the emptiest scene is looked for, to stand beside the newest."""

CHIP_PX = 480
"""Widest a chip is shown, pixels."""

_heard: ContextVar[bool] = ContextVar("heard", default=True)


@contextmanager
def unheard() -> Iterator[None]:
    """Write no pages while the body runs: its server goes away with it."""
    token = _heard.set(False)
    try:
        yield
    finally:
        _heard.reset(token)


def tell(area: Area, store: Store, done: Outcome) -> None:
    """Write the artifacts of one area's run: page, table of scenes, link to the report."""
    if not _heard.get():
        return
    rows = published_rows(store, area.id) if done.publication else []
    facility = [row for row in rows if row["siding_id"] == FACILITY]
    create_markdown_artifact(
        page(area, store, done, facility),
        key=f"{area.id}-summary",
        description=f"{area.name}: counts, intervals and the record sentence",
    )
    if facility:
        create_table_artifact(
            [_scene(row) for row in reversed(facility[-TABLE_ROWS:])],
            key=f"{area.id}-scenes",
            description=f"{area.name}: newest scenes, with their refusals",
        )
    link = public_url(f"areas/{area.id}/report/index.html")
    if link is not None and done.publication:
        create_link_artifact(link, link_text=f"Report of {area.name}", key=f"{area.id}-report")


def page(area: Area, store: Store, done: Outcome, facility: Sequence[Row]) -> str:
    """Say in Markdown what a run did and what is known of its area now.

    Parameters
    ----------
    facility
        Published rows of the whole facility, by time.
    """
    counted = [row for row in facility if row["occupied_m"] is not None]
    said = [f"## {area.name}", ""]
    if counted:
        said += [f"**{_count(counted[-1])}** on {_day(counted[-1])} ({counted[-1]['sensor']})", ""]
    sentence = next((row["record_sentence"] for row in reversed(facility) if _record(row)), None)
    if sentence:
        said += [f"> {sentence}", ""]
    said += [*_chips(area, store, facility, counted), done.sentence(), ""]
    said += [*_newest(facility), *_numbers(done)]
    link = public_url(f"areas/{area.id}/report/index.html")
    where = f"[Report]({link})" if link else f"Report: `{done.report}`"
    return "\n".join([*said, "", where if done.publication else "Nothing is published yet.", ""])


def public_url(key: str) -> str | None:
    """Where people reach an object of the store, if `RAILWATCH_PUBLIC_URL` says."""
    base = os.environ.get("RAILWATCH_PUBLIC_URL")
    return f"{base.rstrip('/')}/{key}" if base else None


def _newest(facility: Sequence[Row]) -> list[str]:
    if not facility:
        return []
    head = ["| acquired | sensor | count | occupied | refusal |", "|---|---|---:|---:|---|"]
    return [
        *head,
        *(
            f"| {_day(row)} | {row['sensor']} | {_count(row)} | {_metres(row)} | "
            f"{row['refusal'] or ''} |"
            for row in reversed(facility[-NEWEST:])
        ),
        "",
    ]


def _numbers(done: Outcome) -> list[str]:
    reasons = [f"| rejected: {name} | {n} |" for name, n in done.rejected.items()]
    reasons += [f"| refused: {name} | {n} |" for name, n in done.refused.items()]
    return [
        "| this run | |",
        "|---|---:|",
        f"| listed by the archive | {done.found} |",
        f"| ingested | {done.ingested} |",
        *reasons,
        f"| scenes of the area | {done.scenes} |",
        f"| processing units spent | {done.spent_pu:.2f} |",
    ]


def _chips(area: Area, store: Store, facility: Sequence[Row], counted: Sequence[Row]) -> list[str]:
    """Show the newest record, else the newest count, beside the emptiest scene before it."""
    if not counted:
        return []
    after = next((row for row in reversed(facility) if _record(row)), counted[-1])
    earlier = [
        row
        for row in counted
        if row["sensor"] == after["sensor"]
        and row["gsd_m"] == after["gsd_m"]
        and after["acquired"] - BEFORE <= row["acquired"] < after["acquired"]
    ]
    shown = [min(earlier, key=lambda row: row["occupied_m"])] if earlier else []
    pictures = [(row, _chip(area, store, row)) for row in [*shown, after]]
    found = [(row, picture) for row, picture in pictures if picture]
    if not found:
        return []
    cells = " | ".join(f"![{row['scene_id']}]({picture})" for row, picture in found)
    heads = " | ".join(f"{_day(row)}: {_count(row)}" for row, _ in found)
    return [f"| {heads} |", f"|{'---|' * len(found)}", f"| {cells} |", ""]


def _chip(area: Area, store: Store, row: Row) -> str | None:
    """Address of a scene's picture: public where there is one, else the picture itself."""
    from railwatch.publication import current_pointer
    from railwatch.publication.content import slug
    from railwatch.publication.pointer import evidence_key

    pointer = current_pointer(store, area.id)
    if pointer is None:
        return None
    try:
        item = json.loads(
            store.get(f"{pointer.folder}stac/items/{slug(str(row['scene_id']))}.json")
        )
        key = evidence_key(area.id, str(item["assets"]["thumbnail"]["href"]).rsplit("/", 1)[-1])
        return public_url(key) or _inline(store.get(key))
    except KeyError:
        return None


def _inline(picture: bytes) -> str:
    from PIL import Image

    with Image.open(io.BytesIO(picture)) as image:
        small = image.convert("RGB")
    if small.width < CHIP_PX:
        times = CHIP_PX // small.width
        small = small.resize((small.width * times, small.height * times), Image.Resampling.NEAREST)
    small.thumbnail((CHIP_PX, CHIP_PX))
    held = io.BytesIO()
    small.save(held, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(held.getvalue()).decode()}"


def _record(row: Row) -> bool:
    return bool(row["record_sentence"])


def _scene(row: Row) -> dict[str, Any]:
    return {
        "acquired": f"{row['acquired']:%Y-%m-%d %H:%M}" if row["acquired"] else "",
        "scene": row["scene_id"],
        "sensor": row["sensor"],
        "class": row["resolution_class"],
        "count": _count(row),
        "occupied": _metres(row),
        "refusal": row["refusal"] or "",
    }


def _count(row: Row) -> str:
    """Say cars with their interval, else metres, else that there is no number."""
    if row["cars"] is not None:
        return f"{row['cars']:.0f} cars ({row['cars_low']:.0f}-{row['cars_high']:.0f})"
    if row["occupied_m"] is not None:
        return f"{_metres(row)} occupied"
    return "no count"


def _metres(row: Row) -> str:
    if row["occupied_m"] is None:
        return ""
    low, high = row["occupied_m_low"], row["occupied_m_high"]
    return f"{row['occupied_m']:.0f} m ({low:.0f}-{high:.0f})"


def _day(row: Row) -> str:
    return f"{row['acquired']:%Y-%m-%d}" if row["acquired"] else ""
