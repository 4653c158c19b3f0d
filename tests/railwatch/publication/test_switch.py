"""Publishing: one whole publication or the other, written once."""

import datetime as dt
import io
import json
import threading

import pyarrow.parquet as pq
import pytest

from railwatch.publication import current_pointer, publish_content
from railwatch.store import FolderStore
from railwatch.testing.five_years import FiveYears, place

MORNING = dt.datetime(2026, 3, 1, 6, tzinfo=dt.UTC)
EVENING = dt.datetime(2026, 3, 1, 18, tzinfo=dt.UTC)


class MortalStore(FolderStore, scheme="mortal"):
    """A folder whose writer dies after a given number of writes, as kill -9 would have it."""

    def __init__(self, path, writes_left):
        super().__init__(path)
        self.writes_left = writes_left
        self.counting = threading.Lock()

    def write(self, key):
        with self.counting:
            if self.writes_left == 0:
                raise InterruptedError(key)
            self.writes_left -= 1

    def copy_all(self, pairs):
        for pair in pairs:
            self.write(pair[1])
            super().copy_all([pair])

    def put(self, key, data, *, content_type="application/octet-stream", lasting=False):
        self.write(key)
        super().put(key, data, content_type=content_type, lasting=lasting)


def content(scenes=4, area="tumangang"):
    return FiveYears(place(area), scenes).content()


def everything(store):
    return {key: store.get(key) for key in store.list()}


def test_publishing_twice_writes_nothing_the_second_time(tmp_path):
    """The same content keeps its id and its time, and no object is touched."""
    store = FolderStore(tmp_path)
    first = publish_content(store, content(), MORNING)
    held = everything(store)
    second = publish_content(store, content(), EVENING)

    assert first.changed
    assert not second.changed
    assert (second.id, second.published_at, second.objects) == (first.id, MORNING, 0)
    assert everything(store) == held


def test_every_link_of_the_pointer_leads_to_an_object(tmp_path):
    """latest.json names only objects that exist, in the folder of its publication."""
    store = FolderStore(tmp_path)
    done = publish_content(store, content(), MORNING)
    said = json.loads(store.get("areas/tumangang/latest.json"))

    assert said["publication"] == done.id
    for path in said["links"].values():
        assert path.startswith(f"publications/{done.id}/")
        assert (tmp_path / "areas/tumangang" / path).exists()


@pytest.mark.parametrize(
    "share",
    [
        *(pytest.param(share, marks=pytest.mark.slow) for share in (0.0, 0.2, 0.4, 0.6, 0.8, 0.97)),
        0.5,
        1.0,
    ],
)
def test_killed_at_any_write_readers_see_the_old_publication_or_the_new(tmp_path, share):
    """Whichever write never happens, the pointer leads to one whole folder; a retry completes."""
    undisturbed = FolderStore(tmp_path / "undisturbed")
    old = publish_content(undisturbed, content(1), MORNING)
    before = everything(undisturbed)
    writes = publish_content(undisturbed, content(2), EVENING).objects
    after = everything(undisturbed)
    store = FolderStore(tmp_path / "killed")
    for key, data in before.items():
        store.put(key, data)
    with pytest.raises(InterruptedError):
        publish_content(MortalStore(store.path, round(share * writes)), content(2), EVENING)

    pointer = current_pointer(store, "tumangang")
    assert pointer is not None
    assert pointer.publication == old.id
    folder = [key for key in before if key.startswith(pointer.folder)]
    assert {key: store.get(key) for key in folder} == {key: before[key] for key in folder}
    publish_content(store, content(2), EVENING)
    assert everything(store) == after


@pytest.mark.parametrize("lost", [False, True], ids=["whole", "chunk-lost"])
def test_what_did_not_change_is_neither_made_nor_moved(tmp_path, lost):
    """Of a full block no pixel is read and no byte written again, unless a chunk of it is gone."""
    store = FolderStore(tmp_path)
    old = publish_content(store, content(18), MORNING)
    second = FiveYears(place(), 19)
    seen = []

    class Watching(FiveYears):
        def pixels(self, scene_id, rows, columns):
            seen.append(scene_id)
            return super().pixels(scene_id, rows, columns)

    before = tmp_path / "areas/tumangang/publications" / old.id
    chunk = "cube.zarr/sentinel-2-l2a-10m/imagery/values/c/0/0/0/0"
    held = (before / chunk).read_bytes()
    if lost:
        (before / chunk).unlink()
    new = publish_content(store, Watching(place(), 19).content(), EVENING)
    after = before.parent / new.id
    in_full_block = {row.item_id for row in [r for r in second.listed if not r.rejection][:16]}

    assert second.listed[-1].item_id in seen
    assert (after / chunk).read_bytes() == held
    assert (in_full_block <= set(seen)) == lost
    if not lost:
        assert not in_full_block & set(seen) - {second.listed[-1].item_id}
        assert (before / chunk).samefile(after / chunk)


@pytest.mark.parametrize("flipped", [False, True], ids=["whole", "byte-flipped"])
def test_a_publication_that_grew_is_the_one_made_alone(tmp_path, flipped):
    """Scene by scene or at once, every object is the same; a damaged one before is not built on."""
    grown, alone = FolderStore(tmp_path / "grown"), FolderStore(tmp_path / "alone")
    for scenes in (20, 21):
        old = publish_content(grown, content(scenes), MORNING)
    if flipped:
        blocks = "cube.zarr/sentinel-2-l2a-10m/imagery/values/c/1"
        folder = tmp_path / "grown/areas/tumangang/publications" / old.id
        path = next(p for p in (folder / blocks).rglob("*") if p.is_file())
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    seen = []

    class Watching(FiveYears):
        def detection(self, scene_id):
            seen.append(scene_id)
            return super().detection(scene_id)

    new = publish_content(grown, Watching(place(), 22).content(), MORNING)
    publish_content(alone, content(22), MORNING)
    top = f"areas/tumangang/publications/{new.id}"

    assert {k: grown.get(k) for k in grown.list(top)} == {k: alone.get(k) for k in alone.list(top)}
    manifest = f"areas/tumangang/history/{new.id}.json"
    assert grown.get(manifest) == alone.get(manifest)
    # What the new scene shows, and the first of each siding, which says how long it is.
    assert len(set(seen)) < 8


def test_an_item_of_a_scene_stays_as_it_is_when_others_come(tmp_path):
    """A reader who has it need not read it again; nobody wrote it again."""
    store = FolderStore(tmp_path)
    old = publish_content(store, content(18), MORNING)
    new = publish_content(store, content(19), EVENING)
    folders = [tmp_path / "areas/tumangang/publications" / one.id for one in (old, new)]
    before, after = ({path.name: path for path in f.glob("stac/items/*")} for f in folders)

    assert len(after) == len(before) + 1
    assert all(path.samefile(after[name]) for name, path in before.items())


def test_a_row_keeps_the_time_it_was_first_published(tmp_path):
    """A new scene gets the new time; rows that say the same keep theirs."""
    store = FolderStore(tmp_path)
    publish_content(store, content(4), MORNING)
    publish_content(store, content(5), EVENING)
    rows = pq.read_table(io.BytesIO(store.get("areas/tumangang/counts.parquet"))).to_pylist()
    latest = content(5).listed[-1].item_id

    assert {row["published_at"] for row in rows if row["scene_id"] == latest} == {EVENING}
    assert {row["published_at"] for row in rows if row["scene_id"] != latest} == {MORNING}


def test_two_areas_share_the_catalog_and_the_index(tmp_path):
    """Publishing a second area keeps the first in catalog.json and index.html."""
    store = FolderStore(tmp_path)
    publish_content(store, content(area="khasan"), MORNING)
    publish_content(store, content(area="tumangang"), EVENING)
    links = json.loads(store.get("catalog.json"))["links"]
    children = [link["href"] for link in links if link["rel"] == "child"]

    assert [href.split("/")[2] for href in children] == ["khasan", "tumangang"]
    assert all((tmp_path / href).exists() for href in children)
    page = store.get("index.html").decode()
    assert all(f"areas/{area}/report/index.html" in page for area in ("khasan", "tumangang"))
