"""The page of a run in the Prefect UI."""

import base64
import datetime as dt
import io
import json

import numpy as np
import pytest
from PIL import Image

from flows.outcome import Outcome
from flows.summary import page
from railwatch.area import Area
from railwatch.publication.pointer import Pointer
from railwatch.siding import Siding, SidingSet
from railwatch.store import Store

DAY = dt.datetime(2023, 9, 1, 2, 0, tzinfo=dt.UTC)


def row(day, metres, *, cars=None, refusal=None, sentence=None):
    cars_low, cars_high = (None, None) if cars is None else (cars - 4, cars + 5)
    return {
        "siding_id": "*",
        "scene_id": f"scene-{day}",
        "acquired": DAY + dt.timedelta(days=day),
        "sensor": "sentinel-2a",
        "gsd_m": 10.0,
        "resolution_class": "C",
        "occupied_m": metres,
        "occupied_m_low": None if metres is None else metres - 20,
        "occupied_m_high": None if metres is None else metres + 30,
        "cars": cars,
        "cars_low": cars_low,
        "cars_high": cars_high,
        "refusal": refusal,
        "record_sentence": sentence,
    }


@pytest.fixture
def area():
    line = ((130.61, 42.41), (130.62, 42.42))
    return Area(id="yard", name="The Yard", sidings=SidingSet((Siding(id="s1", coordinates=line),)))


@pytest.fixture
def store(tmp_path):
    """A store in which two scenes have pictures."""
    store = Store.open(str(tmp_path))
    pointer = Pointer("yard", "p1", dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "set", "made", "state")
    store.put("areas/yard/latest.json", pointer.to_json())
    for day in (0, 10):
        held = io.BytesIO()
        Image.fromarray(np.full((12, 40, 3), 20 * day, np.uint8)).save(held, "WEBP", lossless=True)
        store.put(f"areas/yard/evidence/scene-{day}-aa.webp", held.getvalue())
        item = {"assets": {"thumbnail": {"href": f"../../../../evidence/scene-{day}-aa.webp"}}}
        store.put(
            f"areas/yard/publications/p1/stac/items/scene-{day}.json", json.dumps(item).encode()
        )
    return store


ROWS = [
    row(0, 100.0, cars=7),
    row(5, 400.0, cars=29),
    row(10, 1000.0, cars=73, sentence="More railcars than ever."),
    row(15, None, refusal="cloud"),
]
DONE = Outcome(
    area_id="yard", store="/s", publication="p1", refused={"cloud": 1}, spent_pu=1.5, report="/s/r"
)


def test_the_page_says_the_newest_count_with_its_interval_and_the_record(area, store):
    """A refused scene is in the table with its reason, and takes nothing from the count."""
    said = page(area, store, DONE, ROWS)

    assert "**73 cars (69-78)** on 2023-09-11 (sentinel-2a)" in said
    assert "> More railcars than ever." in said
    assert "| 2023-09-16 | sentinel-2a | no count |  | cloud |" in said
    assert "| 2023-09-11 | sentinel-2a | 73 cars (69-78) | 1000 m (980-1030) |  |" in said
    assert "| processing units spent | 1.50 |" in said


def test_the_emptiest_scene_stands_beside_the_record(area, store):
    """Pictures are in the page itself, enlarged without blurring."""
    said = page(area, store, DONE, ROWS)

    assert "| 2023-09-01: 7 cars (3-12) | 2023-09-11: 73 cars (69-78) |" in said
    pictures = [part.split(")")[0] for part in said.split("base64,")[1:]]
    images = [Image.open(io.BytesIO(base64.b64decode(p))) for p in pictures]
    assert [image.size for image in images] == [(480, 144)] * 2


def test_with_a_public_address_pictures_and_report_are_links(area, store, monkeypatch):
    """RAILWATCH_PUBLIC_URL says how people reach the store."""
    monkeypatch.setenv("RAILWATCH_PUBLIC_URL", "https://counts.example.org/x/")

    said = page(area, store, DONE, ROWS)

    assert "(https://counts.example.org/x/areas/yard/evidence/scene-10-aa.webp)" in said
    assert "[Report](https://counts.example.org/x/areas/yard/report/index.html)" in said
    assert "base64" not in said


def test_before_the_first_publication_the_page_says_so(area, store):
    """No table, no picture."""
    said = page(area, store, Outcome(area_id="yard", store="/s"), [])

    assert "Nothing is published yet." in said
