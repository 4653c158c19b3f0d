"""The page for people: one self-contained file an area, and one for all areas.

Everything that the page shows before evidence is opened is inside it: figures as JSON, the chart
library, style and script. Whatever comes from outside (names, scene ids, sentences) is escaped by
Jinja or spelled as JSON that cannot end its script element. Chips and strips are loaded when asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from railwatch import __version__
from railwatch.count import FACILITY, INTERVAL
from railwatch.publication import feed
from railwatch.publication.content import Content, StatementKind
from railwatch.publication.parquet import Row
from railwatch.publication.pointer import LINKS
from railwatch.publication.report.figures import answer, cards, lead, references, spark, summary
from railwatch.publication.report.payload import Pictures, payload

ROOT_IN_FOLDER = b'data-root="../../../"'
"""How the page in a publication's folder names the area's root."""

ROOT_OF_AREA = b'data-root="../"'
"""How the same page names it at its fixed place, `areas/{area}/report/index.html`."""

CARD_COLUMNS = (
    *("siding_id", "acquired", "resolution_class", "rendered"),
    *("occupied_m", "occupied_m_low", "occupied_m_high", "cars", "cars_low", "cars_high"),
)
"""What the page of all areas asks of an area's rows."""

SCRIPT = ("page", "series", "zoom", "map", "evidence", "table", "start")
"""Parts of the page's script, in order."""

STATEMENTS = 12
"""So many latest statements are shown; the feed has them all."""


def area_page(content: Content, rows: Sequence[Row], pictures: Pictures) -> bytes:
    """Build an area's page from contract 4's rows."""
    said = [s for s in feed.statements(content) if s.kind is not StatementKind.REFUSALS][::-1]
    figures = payload(content, rows, pictures)
    facility = [row for row in rows if row["siding_id"] == FACILITY]
    dated = [row["acquired"] for row in facility if row["acquired"] is not None]
    text = (
        _environment()
        .get_template("area.html.j2")
        .render(
            area=content.area,
            version=__version__,
            publication=content.id,
            folder=f"publications/{content.id}/",
            snapshot=content.snapshot,
            siding_set=content.siding_set,
            detector=content.detector,
            sources=sorted({row.scene.collection for row in content.used if row.scene}),
            links=LINKS,
            interval=INTERVAL,
            span=f"{min(dated):%B %Y} to {max(dated):%B %Y}" if dated else "",
            tally={
                "scenes": len(facility),
                "counted": sum(row["refusal"] is None for row in facility),
                "refused": sum(row["refusal"] is not None for row in facility) - _rejected(content),
                "rejected": _rejected(content),
            },
            rendered=sum(bool(row["rendered"]) for row in facility),
            answer=answer(content, facility),
            cards=cards(facility),
            statements=[(s, lead(s, content)) for s in said[:STATEMENTS]],
            more_statements=max(0, len(said) - STATEMENTS),
            sensitivity=content.sensitivity,
            references=references(content),
            left_out=figures.left_out,
            data=_script_json(figures.json),
            css=_asset("report.css"),
            js=_script(),
            uplot_js=_asset("uPlot.iife.min.js"),
            uplot_css=_asset("uPlot.min.css"),
        )
    )
    return text.encode()


def index_page(areas: Sequence[tuple[str, str, Sequence[Row]]]) -> bytes:
    """Build the page of all areas.

    Parameters
    ----------
    areas
        (id, name, rows) of each area's current publication; rows need `CARD_COLUMNS` only.
    """
    shown: list[dict[str, Any]] = []
    for area_id, name, rows in areas:
        facility = [row for row in rows if row["siding_id"] == FACILITY]
        shown.append(
            {
                "id": area_id,
                "name": name,
                "spark": spark(facility),
                "rendered": any(row["rendered"] for row in facility),
                **summary(facility),
            }
        )
    page = _environment().get_template("areas.html.j2")
    return page.render(areas=shown, css=_asset("report.css")).encode()


def _rejected(content: Content) -> int:
    """Scenes that never reached the cube."""
    return sum(row.rejection is not None for row in content.listed)


@cache
def _environment() -> jinja2.Environment:
    """Templates that escape everything they are not told to trust."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("railwatch.publication.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _script() -> Markup:
    """Join the parts of the page's script in one scope."""
    parts = "".join(_asset(f"{part}.js") for part in SCRIPT)
    return Markup(f'(function () {{\n"use strict";\n{parts}}})();')  # noqa: S704  # our own files


@cache
def _asset(name: str) -> Markup:
    """One of our own files, inlined as it is."""
    folder = resources.files("railwatch.publication.report") / "assets"
    return Markup((folder / name).read_text(encoding="utf-8"))  # noqa: S704  # our own file


def _script_json(spelled: str) -> Markup:
    """JSON that no text in it can end the script element of."""
    safe = spelled.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(safe)  # noqa: S704  # holds no character that HTML reads
