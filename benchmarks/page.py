"""The page of five years and 700 scenes in Chromium: first paint, size, and pictures of it.

    make page

Builds the page alone (no evidence is drawn) and loads it from a folder in a fresh browser context
some times. Prints the median of first contentful paint and of the moment both charts stand, and the
page's size; fails above 1 s or 2 MB. With a store, takes the pictures kept in docs/images:

    python -m benchmarks.page --store build/demo/store --area tumangang-rendered
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from railwatch.publication import Sensitivity, evidence
from railwatch.publication.parquet import count_rows
from railwatch.publication.report import ROOT_IN_FOLDER, ROOT_OF_AREA, area_page
from railwatch.publication.report.payload import Pictures
from railwatch.testing.five_years import FiveYears, place

MOST_S = 1.0
MOST_BYTES = 2_000_000
LOADS = 7
CURVE = Sensitivity("cars injected into rendered scenes", (1, 2, 4, 8), (0.1, 0.4, 0.8, 0.97))
IMAGES = Path("docs/images")
QUALITY = 72

PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
CHARTED = "performance.now() * (document.querySelectorAll('.chart canvas').length > 1)"


def five_years(scenes: int = 700) -> bytes:
    """Build the page of an area with so many scenes."""
    content = dataclasses.replace(FiveYears(place(), scenes).content(), sensitivity=CURVE)
    rows = count_rows(content, dt.datetime(2026, 3, 1, tzinfo=dt.UTC), [])
    pictures = Pictures(evidence.frames(content), evidence.names(content))
    return area_page(content, rows, pictures).replace(ROOT_IN_FOLDER, ROOT_OF_AREA, 1)


def timed(browser: Any, url: str) -> tuple[float, float]:
    """Load a page in a fresh context: seconds to first contentful paint, and until charts stand."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(url, wait_until="load")
    charted = page.evaluate(CHARTED)
    painted = None
    while painted is None:
        page.wait_for_timeout(20)
        painted = page.evaluate(PAINTED)
    context.close()
    return painted / 1000, charted / 1000


def pictured(browser: Any, url: str) -> None:
    """Take the pictures of docs/images: wide and narrow, light and dark, top and evidence."""
    from PIL import Image

    for name, size, scheme, place_shown in (
        ("report-desktop", (1280, 1500), "light", "top"),
        ("report-desktop-dark", (1280, 1500), "dark", "top"),
        ("report-evidence", (1280, 1250), "light", "#place"),
        ("report-phone", (390, 1400), "light", "top"),
        ("report-phone-dark", (390, 1400), "dark", "#evidence"),
    ):
        page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        page.goto(url)
        page.wait_for_selector("#chart-m canvas")
        page.locator("#evidence").scroll_into_view_if_needed()
        page.wait_for_selector("#scene .layers img")
        # The last sentence's own evidence: what a reader would open first.
        quoted = page.locator("[data-scene]").first
        if quoted.count():
            quoted.click()
        page.wait_for_timeout(1500)
        if place_shown == "top":
            page.evaluate("scrollTo(0, 0)")
        else:
            page.evaluate(f"document.querySelector('{place_shown}').scrollIntoView()")
        page.wait_for_timeout(200)
        with tempfile.NamedTemporaryFile(suffix=".png") as shot:
            page.screenshot(path=shot.name)
            Image.open(shot.name).convert("RGB").save(IMAGES / f"{name}.webp", quality=QUALITY)
        page.close()


def main() -> int:
    """Measure, print, fail above the limits; or take pictures."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--store", type=Path, help="folder published to: take its pictures")
    asked.add_argument("--area", default="tumangang-rendered")
    wanted = asked.parse_args()
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        print("page: skipped: no Chromium on this machine: apt-get install chromium")
        return 0
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory(prefix="railwatch-page-") as folder,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(
            executable_path=program, args=["--disable-gpu"], chromium_sandbox=False
        )
        if wanted.store is not None:
            report = wanted.store / "areas" / wanted.area / "report/index.html"
            pictured(browser, report.resolve().as_uri())
            return 0
        page = Path(folder) / "index.html"
        page.write_bytes(five_years())
        times = [timed(browser, page.as_uri()) for _ in range(LOADS)]
        browser.close()
        size = page.stat().st_size
    painted, charted = (statistics.median(column) for column in zip(*times, strict=True))
    print(f"700 scenes: {size / 1e6:.2f} MB; median of {LOADS} loads: first paint {painted:.2f} s,")
    print(f"charts {charted:.2f} s; slowest first paint {max(t[0] for t in times):.2f} s")
    return 0 if painted <= MOST_S and size <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
