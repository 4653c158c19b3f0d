"""The archive as a source: what it finds, what it rejects, what it never does."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from railwatch.errors import SceneError, SourceError
from railwatch.grid import PIECE_PX, grid_for, tiles_touching
from railwatch.record import Footprint
from railwatch.scene import Rejection
from railwatch.siding import Siding, SidingSet
from railwatch.sources import Query
from railwatch.sources.archive import ArchiveSource
from railwatch.store import Store
from railwatch.testing.source_contract import SourceContract

SHARED = Path(os.environ.get("RAILWATCH_SHARED", Path(__file__).parents[4].parent / "shared"))
BBOX = (130.41, 40.1, 130.59, 40.9)


class TestArchiveKeepsTheContract(SourceContract):
    """Two scenes, one aligned and one that has to be warped."""

    @pytest.fixture
    def source(self, archive, south_up):
        archive.file("a/red.tif")
        archive.item("a", folder="a")
        archive.file("b/red.tif", to_ground=south_up)
        archive.item("b", folder="b", properties={"datetime": "2024-01-01T02:00:00+09:00"})
        (archive.path / "catalog.json").write_text('{"type": "Catalog", "links": []}')
        return ArchiveSource(str(archive.path))

    @pytest.fixture
    def query(self):
        return Query(BBOX)

    @pytest.fixture
    def footprint(self, grid):
        return Footprint(grid, np.array([[True, False, True], [True, True, False]]))

    @pytest.fixture
    def elsewhere(self):
        return (10.0, 50.0, 11.0, 51.0)


@pytest.mark.skipif(
    not (SHARED / "data/sentinel2-belgium").is_dir(), reason="shared/data is not here"
)
def test_ten_months_of_real_sentinel_2_are_read_and_two_are_empty():
    """Real files: vegetation is bright in the near infrared, and two months hold no data."""
    source = ArchiveSource(str(SHARED / "data/sentinel2-belgium"))
    line = Siding("a", ((5.3200, 50.6300), (5.3300, 50.6360)))
    grid = grid_for(SidingSet((line,)), 10.0, 200.0)
    pieces = tiles_touching(grid, SidingSet((line,)), 100.0, PIECE_PX)
    found = list(source.search(Query((5.31, 50.62, 5.34, 50.64))))
    read, empty = {}, {}
    for one in found:
        assert one.scene is not None
        try:
            read[one.item_id] = source.fetch(one.scene, grid, pieces)
        except SceneError as exc:
            empty[one.item_id] = exc

    assert len(read) == 10
    assert sorted(empty) == ["S2_L2A_monthly_2020-12", "S2_L2A_monthly_2021-01"]
    assert {exc.reason for exc in empty.values()} == {"nodata"}
    assert all("blue.tif" in exc.detail for exc in empty.values())
    june = read["S2_L2A_monthly_2021-06"]
    red, nir = (june.values[june.bands.index(b)] for b in ("red", "nir"))
    assert np.median(nir[nir < 65535]) > 2 * np.median(red[red < 65535])


def test_a_scene_elsewhere_and_one_of_another_time_are_left_out(archive):
    """Elsewhere is a rejection that names both boxes; another time is not mentioned."""
    archive.file("red.tif")
    archive.item("far", bbox=[5.0, 50.0, 5.1, 50.1])
    archive.item("late", properties={"datetime": "2030-01-01T00:00:00Z"})
    import datetime as dt

    (found,) = archive.search(end=dt.datetime(2025, 1, 1, tzinfo=dt.UTC))

    assert (found.item_id, found.rejection) == ("far", Rejection.OUTSIDE_AREA)
    assert "far.json: bbox: [5.0000" in found.detail


def test_an_unknown_collection_is_told_what_there_is(archive):
    """The one line names the archive, the collection asked for and those it holds."""
    archive.file("red.tif")
    archive.item("a")
    archive.item("b", collection="other")

    assert [f.item_id for f in archive.search(collections=("other",))] == ["b"]
    with pytest.raises(SourceError, match=r"collection sentinel-2-l2a; it holds made, other"):
        archive.search(collections=("made", "sentinel-2-l2a"))
    with pytest.raises(SourceError, match="no such folder"):
        list(ArchiveSource(str(archive.path / "nothing")).search(Query(BBOX)))


def test_of_two_versions_the_one_processed_last_is_used(archive):
    """Same acquisition under two ids: the newer is a scene, the older a rejection naming it."""
    archive.file("red.tif")
    said = {"s2:processing_baseline": "05.09", "datetime": "2024-01-02T02:00:03Z"}
    archive.item("old", properties=said)
    archive.item("new", properties={"s2:processing_baseline": "05.10"})
    old, new = archive.search()

    assert (old.item_id, old.rejection) == ("old", Rejection.SUPERSEDED)
    assert "new is a newer version" in old.detail
    assert new.scene is not None
    assert new.item_id == "new"


def test_an_item_that_was_copied_is_one_scene(archive):
    """The same document in two places counts once; one id in two collections is two scenes."""
    archive.file("red.tif")
    archive.file("copy/red.tif")
    archive.item("a")
    archive.item("a", folder="copy")
    archive.file("zz/red.tif")
    archive.item("a", folder="zz", collection="zz")

    assert [f.item_id for f in archive.search()] == ["a", "zz/a"]


GOOD = {"href": "red.tif", "type": "image/tiff", "eo:bands": [{"common_name": "red"}]}


@pytest.mark.parametrize(
    ("said", "reason", "sentence"),
    [
        ({"properties": {"datetime": "yesterday"}}, "bad_item", "one.json: properties.datetime:"),
        ({"properties": {"datetime": None}}, "bad_item", "properties.datetime: is missing"),
        ({"properties": {"gsd": -1}}, "bad_item", "properties.gsd: -1.0 is not positive"),
        ({"assets": []}, "bad_item", "assets: is not an object"),
        ({"assets": {"red": 1}}, "bad_item", "assets: is not an object"),
        ({"assets": {}}, "no_usable_band", "assets: no GeoTIFF holds a band named"),
        (
            {"assets": {"a": GOOD | {"eo:bands": [{"common_name": "lwir11"}]}}},
            "no_usable_band",
            "a",
        ),
        ({"assets": {"a": GOOD | {"type": "image/png"}}}, "no_usable_band", "assets: a"),
        ({"assets": {"a": GOOD | {"href": "no.tif"}}}, "asset_missing", "assets.a.href: no.tif"),
        ({"assets": {"a": GOOD | {"href": None}}}, "bad_item", "assets.a.href"),
        ({"assets": {"a": GOOD | {"href": "https://x.org/a.tif"}}}, "no_usable_band", "on the web"),
        ({"assets": {"a": GOOD | {"href": "../../etc/x.tif"}}}, "bad_item", "leads out of the"),
        ({"assets": {"a": GOOD | {"href": "file:///etc/x.tif"}}}, "bad_item", "leads out of the"),
        ({"assets": {"a": GOOD | {"href": "/etc/x.tif"}}}, "bad_item", "leads out of the archive"),
        ({"assets": {"a": GOOD | {"href": "/vsicurl/http://h/x"}}}, "bad_item", "leads out of the"),
        ({"bbox": [1, 2, "x", 4]}, "bad_item", "bbox: is not four numbers"),
        ({"bbox": [500, 2, 501, 4]}, "bad_item", "are not degrees"),
        ({"properties": []}, "bad_item", "properties: is not an object"),
    ],
)
def test_a_bad_item_is_rejected_with_file_and_field(archive, said, reason, sentence):
    """Each gets its reason and one sentence; the good one beside it is found."""
    archive.file("red.tif")
    path = archive.item("one", **said)
    if said.get("properties") == []:
        path.write_text(path.read_text().replace('"properties": {', '"properties": [], "x": {'))
    archive.file("good/red.tif")
    archive.item("good", folder="good", properties={"datetime": "2024-03-01T00:00:00Z"})

    assert "good" in {f.item_id for f in archive.search() if f.scene}
    got, detail = archive.rejection()
    assert got == reason
    assert sentence in detail
    assert "one.json" in detail


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b'\xff\xfe{"a": 1}', "is not JSON"),
        (b'{"type": "Feature", "assets": {}, "stac_version": "1", "bbox": [NaN]}', "NaN is not a"),
        (b"[" * 100_000, "nested deeper than 64"),
        (b" " * (8 << 20) + b"{}", "more than the"),
    ],
)
def test_a_document_that_cannot_be_parsed_is_rejected_by_its_name(archive, text, sentence):
    """No crash, no recursion, no memory: a rejection under the file's name."""
    (archive.path / "x.json").write_bytes(text)

    reason, detail = archive.rejection("x.json")
    assert reason == Rejection.BAD_ITEM
    assert sentence in detail


def test_a_rejection_quotes_no_more_of_a_document_than_a_person_reads(archive):
    """Found by fuzzing: a time of 100,000 letters went into the sentence and the record."""
    archive.file("red.tif")
    archive.item(properties={"datetime": "a" * 100_000})

    reason, sentence = archive.rejection()

    assert reason == "bad_item"
    assert sentence.startswith("one.json: properties.datetime: 'aaa")
    assert len(sentence) < 500


def test_other_json_in_the_tree_is_passed_over(archive):
    """Catalogs, collections, plain GeoJSON and a supplier's own metadata are no items."""
    for i, said in enumerate(
        ('{"type": "Collection"}', '{"type": "FeatureCollection"}', "[]", "1", '{"type":"Feature"}')
    ):
        (archive.path / f"{i}.json").write_text(said)

    assert archive.search() == []


def test_a_rejected_scene_changes_its_digest_when_a_file_does(archive):
    """A file that arrived in full has another size, so the scene is tried again."""
    path = archive.file("red.tif")
    archive.item()
    before = archive.search()[0].scene
    path.write_bytes(path.read_bytes()[:-100])
    after = archive.search()[0].scene

    assert before.digest == after.digest
    assert before.properties["item_digest"] != after.properties["item_digest"]
    assert archive.search()[0].scene.properties == after.properties


def test_absolute_hrefs_into_the_archive_are_followed(archive):
    """A mirror may name its files in full, or escape blanks in them."""
    path = archive.file("my red.tif")
    archive.item("full", assets={"red": GOOD | {"href": str(path)}})
    archive.item(
        "escaped",
        assets={"red": GOOD | {"href": "./my%20red.tif"}},
        properties={"datetime": "2024-01-03T02:00:00Z"},
    )

    assert [f.item_id for f in archive.search() if f.scene] == ["full", "escaped"]


def test_a_symbolic_link_out_of_the_archive_is_not_followed(archive, tmp_path):
    """Neither a linked folder nor a linked file is read."""
    outside = archive.file("red.tif").rename(tmp_path / "red.tif")
    (archive.path / "red.tif").symlink_to(outside)
    archive.item()

    assert archive.rejection() == (
        Rejection.ASSET_MISSING,
        "one.json: assets.red.href: red.tif is not in the archive",
    )


@pytest.mark.server
def test_an_archive_in_a_bucket_gives_what_it_gives_on_disk(archive, bucket_url, grid, south_up):
    """Items and windows come through the store by ranges; a file cut short is named."""
    archive.file("a/red.tif", to_ground=south_up)
    archive.item("a", folder="a")
    archive.file("b/red.tif")
    archive.item("b", folder="b", properties={"datetime": "2024-01-03T02:00:00Z"})
    bucket = Store.open(bucket_url)
    for path in archive.path.rglob("*.*"):
        bucket.put(path.relative_to(archive.path).as_posix(), path.read_bytes())
    wanted = Footprint(grid, np.array([[True, False, True], [True, True, False]]))
    source = ArchiveSource(bucket_url)
    found = [one.scene for one in source.search(Query(BBOX))]

    assert [scene.id for scene in found] == ["a", "b"]
    for scene in found:
        got = pickle.loads(pickle.dumps(source)).fetch(scene, grid, wanted.pieces)
        np.testing.assert_array_equal(got.values, archive.fetch(scene.id, wanted).values)
    bucket.put("a/red.tif", bucket.get("a/red.tif")[:2000])
    with pytest.raises(SceneError, match=r"asset_unreadable: a/red\.tif"):
        ArchiveSource(bucket_url).fetch(found[0], grid, wanted.pieces)
    bucket.delete("b/red.tif")
    with pytest.raises(SceneError, match=r"asset_missing: b/b\.json: assets\.red\.href"):
        ArchiveSource(bucket_url).fetch(found[1], grid, wanted.pieces)
