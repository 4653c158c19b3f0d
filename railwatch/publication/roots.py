"""Roots: what a store says of all its areas, `catalog.json` and `index.html`.

Both cost as much as there are areas. One area that is published by itself shows itself at once; a
round over thousands would write the same two objects thousands of times, so it shows all of its
areas at its end. Until then the catalog leads to publications that are older and whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from railwatch.errors import TransientError
from railwatch.publication import stac
from railwatch.publication.parquet import Row, read_rows
from railwatch.publication.pointer import CATALOG, current_pointer, folder_key
from railwatch.publication.report import CARD_COLUMNS, index_page
from railwatch.store import Store

INDEX = "index.html"
"""Page of all areas."""

TRIES = 20
"""Attempts at the catalog against publishers of other areas."""

JSON, HTML = "application/json", "text/html; charset=utf-8"


def refresh(store: Store, area_ids: Iterable[str]) -> bool:
    """Show the current publications of areas; say whether anything had to be written.

    Raises
    ------
    TransientError
        Other publishers were first, many times.
    StoreError
        The store cannot be read or written.
    """
    pointers = {area: current_pointer(store, area) for area in area_ids}
    return show(store, {area: said.publication for area, said in pointers.items() if said})


def show(store: Store, current: Mapping[str, str]) -> bool:
    """Lead readers of all areas to publications, by area id; say whether anything was written.

    The page goes first, so that whoever was killed between the two finds the catalog behind and
    does both again; and whoever meets another publisher makes the page of both.
    """
    for _ in range(TRIES):
        try:
            seen = store.read(CATALOG)
        except KeyError:
            seen = None
        before = stac.children(seen.data) if seen else {}
        areas = before | dict(current)
        if seen is not None and areas == before:
            return False
        store.put(INDEX, index_page(summaries(store, areas)), content_type=HTML)
        data = json.dumps(stac.catalog(areas), indent=1).encode()
        if seen is None:
            entered = store.put_if_absent(CATALOG, data, content_type=JSON)
        else:
            entered = store.put_if_match(CATALOG, data, seen.etag, content_type=JSON)
        if entered:
            return True
    raise TransientError(f"{CATALOG}: other publishers were first {TRIES} times; publish again")


def summaries(store: Store, areas: Mapping[str, str]) -> list[tuple[str, str, list[Row]]]:
    """Give (id, name, rows) of each area's publication, for the page of all areas."""
    found = []
    for area, publication in sorted(areas.items()):
        folder = folder_key(area, publication)
        name = json.loads(store.get(folder + "stac/collection.json"))["title"]
        rows = read_rows(store.get(folder + "counts.parquet"), CARD_COLUMNS)
        found.append((area, name, rows))
    return found
