"""The page in a real browser: from a folder and from a real S3 server, wide and narrow."""

import dataclasses
import datetime as dt
import json

import pytest

from railwatch.publication import Sensitivity, publish_content
from railwatch.series.reference import Reference
from railwatch.store import FolderStore
from railwatch.testing.five_years import FiveYears, place

pytestmark = pytest.mark.server

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
PAGE = "areas/tumangang/report/index.html"
CURVE = Sensitivity("cars injected into rendered scenes", (1, 2, 4, 8), (0.1, 0.4, 0.8, 0.97))


def wait_for_pictures(page):
    """Wait until each is loaded; asked from outside, since the page's policy forbids `eval`."""
    asked = "[...document.querySelectorAll('#scene img')].every(i => i.complete)"
    for _ in range(200):
        if page.evaluate(asked):
            return
        page.wait_for_timeout(50)
    pytest.fail("pictures of the evidence did not load within ten seconds")


def series():
    """Forty scenes, one of them sharp, with a sensitivity curve and a count by eye."""
    made = FiveYears(place(), 40).content()
    counted = [count for count in made.facility if count.refusal is None][3]
    eye = Reference("tumangang", counted.acquired.date(), 17.0, "An Analyst", "image 7")
    return dataclasses.replace(made, sensitivity=CURVE, references=(eye,))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    store = FolderStore(tmp_path_factory.mktemp("store"))
    publish_content(store, series(), NOW)
    return store.path


@pytest.fixture(scope="module")
def served(public_store):
    """The same series published into a real S3 server that everybody may read."""
    store, address = public_store()
    publish_content(store, series(), NOW)
    return address


@pytest.fixture(params=["folder", "bucket"])
def base(request):
    if request.param == "folder":
        return f"file://{request.getfixturevalue('folder')}/"
    return request.getfixturevalue("served")


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["desktop", "phone"])
def page(request, browser):
    """A page that notes what it complains of and what it asks for."""
    width, scheme = request.param
    opened = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
    )
    opened.complaints = []
    opened.asked = []
    opened.on("console", lambda said: opened.complaints.append(said.text))
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.on("requestfailed", lambda request: opened.complaints.append(request.url))
    opened.on("request", lambda request: opened.asked.append(request.url))
    yield opened
    opened.close()


def test_page_loads_alone_and_evidence_on_demand(page, base):
    """One request until evidence is reached; then pictures of the same store, no complaint."""
    page.goto(base + PAGE)
    page.wait_for_selector("#chart-m canvas")

    assert [url for url in page.asked if not url.startswith("data:")] == [base + PAGE]
    page.locator("#evidence").scroll_into_view_if_needed()
    page.wait_for_selector("#scene .layers img")
    wait_for_pictures(page)
    sizes = page.evaluate("[...document.querySelectorAll('#scene img')].map(i => i.naturalWidth)")
    assert len(sizes) >= 3
    assert all(size > 0 for size in sizes)
    assert all(url.startswith((base, "data:")) for url in page.asked)
    assert page.complaints == []


def test_charts_answer_to_pointer_and_keyboard(page, base):
    """Hovering and arrow keys say the same count; Enter opens its evidence."""
    page.goto(base + PAGE)
    box = page.locator("#chart-m .u-over").bounding_box()
    page.locator("#chart-m").scroll_into_view_if_needed()
    page.locator("#chart-m .u-over").hover(position={"x": box["width"] - 3, "y": 40})
    tip = page.locator("#chart-m .tip")
    tip.wait_for(state="visible")
    hovered = tip.inner_text().splitlines()[-1]

    page.locator("#chart-m").focus()
    page.keyboard.press("ArrowLeft")
    assert hovered in page.locator("#readout").inner_text()
    page.keyboard.press("Enter")
    assert hovered in page.locator("#scene").inner_text()
    assert page.complaints == []


def test_zoom_narrows_both_charts(page, base):
    """The period buttons set the same range on metres and railcars."""
    page.goto(base + PAGE)
    page.get_by_role("button", name="3 months").click()

    assert page.get_by_role("button", name="3 months").get_attribute("aria-pressed") == "true"
    assert page.get_by_role("button", name="All", exact=True).get_attribute("aria-pressed") == (
        "false"
    )


def test_table_filters_and_downloads_what_it_shows(page, base, tmp_path):
    """Filters combine; the CSV holds the filtered rows and nothing else."""
    page.goto(base + PAGE)
    page.locator("select[name=siding]").select_option("spur")
    page.locator("select[name=result]").select_option("refused")
    shown = int(page.locator("#matches").inner_text().split()[0])
    refused = sum(
        count.siding_id == "spur" and count.refusal is not None
        for count in FiveYears(place(), 40).counts
    )

    assert shown == refused > 0
    with page.expect_download() as download:
        page.locator("#csv").click()
    download.value.save_as(tmp_path / "counts.csv")
    lines = (tmp_path / "counts.csv").read_text().splitlines()
    assert len(lines) == refused + 1
    assert all(line.split(",")[1] == "spur" for line in lines[1:])
    assert page.complaints == []


def test_links_lead_to_the_data(page, base, folder):
    """Every data link of the page names an object in the store."""
    page.goto(base + PAGE)
    links = page.evaluate("[...document.querySelectorAll('a[data-href]')].map(a => a.href)")

    assert len(links) > 5
    for link in links:
        assert link.startswith(base)
        assert (folder / link.removeprefix(base)).exists()


def test_kept_page_of_a_publication_shows_its_evidence(page, base, folder):
    """The page inside the immutable folder finds evidence and data, too."""
    said = json.loads((folder / "areas/tumangang/latest.json").read_text())
    page.goto(f"{base}areas/tumangang/{said['links']['report']}")
    page.locator("#evidence").scroll_into_view_if_needed()
    page.wait_for_selector("#scene .layers img")
    wait_for_pictures(page)

    assert page.complaints == []


def test_nothing_is_wider_than_the_window(page, base):
    """No sideways scrolling on a phone or a desk."""
    page.goto(base + PAGE)

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_prints_to_pdf(browser, folder):
    """The print style gives pages that begin with the title."""
    page = browser.new_page()
    page.goto(f"file://{folder}/{PAGE}")
    page.wait_for_selector("#chart-m canvas")
    page.emulate_media(media="print")
    pdf = page.pdf(format="A4")

    assert pdf.startswith(b"%PDF")
    assert not page.locator("#filters").is_visible()
    page.close()


def test_hostile_names_stay_text(browser, tmp_path):
    """Scene ids and names from outside run nothing, break nothing and are shown as they are."""
    evil = "</script><img src=x onerror=alert(1)>&{{7*7}}\"'"
    content = FiveYears(place(name=evil), 4).content()
    row = content.used[1]
    scene = dataclasses.replace(row.scene, id=evil)
    series = content.reader

    class Renamed:
        def grid(self, key):
            return series.grid(key)

        def pixels(self, scene_id, *window):
            return series.pixels(row.item_id if scene_id == evil else scene_id, *window)

        def detection(self, scene_id):
            return series.detection(row.item_id if scene_id == evil else scene_id)

    content = dataclasses.replace(
        content,
        listed=tuple(
            dataclasses.replace(r, item_id=evil, scene=scene) if r is row else r
            for r in content.listed
        ),
        counts=tuple(
            dataclasses.replace(c, scene_id=evil) if c.scene_id == row.item_id else c
            for c in content.counts
        ),
        reader=Renamed(),
    )
    store = FolderStore(tmp_path)
    publish_content(store, content, NOW)
    page = browser.new_page()
    complaints = []
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append("dialog"), dialog.dismiss()))
    page.goto(f"file://{tmp_path}/{PAGE}")

    assert page.locator("h1").inner_text() == evil
    assert evil in page.locator("#table").inner_text()
    assert page.locator("img[src=x]").count() == 0
    page.goto(f"file://{tmp_path}/index.html")
    assert page.locator("h2").first.inner_text() == evil
    assert complaints == []
    page.close()


def test_before_and_after_are_looked_at_together(page, base):
    """A double click brings both chips to the same part of the ground; 0 shows all again."""
    page.goto(base + PAGE)
    page.locator("#evidence").scroll_into_view_if_needed()
    page.wait_for_selector("#scene .layers img")
    views = page.locator("#scene .view")
    shown = "[...document.querySelectorAll('#scene .view > .inner')].map(i => i.style.transform)"
    views.last.dblclick(position={"x": 40, "y": 30})

    before, after = page.evaluate(shown)
    assert before == after
    assert before.startswith("scale(2.5)")
    views.first.press("0")
    assert page.evaluate(shown) == ["scale(1) translate(0%, 0%)"] * 2
    assert page.complaints == []


def test_any_siding_can_be_charted(page, base):
    """Choosing a siding charts its own rows; its name in the table of states does the same."""
    page.goto(base + PAGE)
    rows = [c for c in FiveYears(place(), 40).counts if c.siding_id == "spur"]
    given = sum(count.refusal is None for count in rows)
    page.locator("#charted").select_option("spur")

    said = page.locator("#readout").inner_text()
    assert said == f"Spur: {given} of {len(rows)} scenes gave a number."
    page.locator("#sidings th button", has_text="Loading").click()
    assert page.locator("#charted").input_value() == "loading"
    assert page.complaints == []


def test_counts_by_eye_are_named_beside_the_scene(page, base):
    """Stepping to the scene of a reference count tells who counted how many from what."""
    page.goto(base + PAGE)
    page.locator("#chart-c").focus()
    for _ in range(40):
        page.keyboard.press("ArrowLeft")
        if "By eye" in page.locator("#readout").inner_text():
            break

    assert "17 railcars (An Analyst, image 7)" in page.locator("#readout").inner_text()
