"""The record of truth of one area."""

import os
import pickle

import numpy as np
import pytest

from railwatch.errors import IntegrityError, QuotaError, SceneError, StoreError, TransientError
from railwatch.record import Ingested, Record, Status
from railwatch.record.chunk import decoded, in_shard
from railwatch.scene import NODATA, MaskClass, SceneRaster
from railwatch.sources import Found
from railwatch.testing.made import MadeSource, made_footprint, made_raster, made_scene, seed_of


def found(scene):
    return Found(scene.id, scene)


def ingest(store, scenes, source=None, footprint=None, rejections=()):
    """Plan, fetch through pickled tickets, commit."""
    with Record.open(store, "here", write=True) as record:
        prints = {s.cube_key: footprint or made_footprint() for s in scenes}
        plan = record.plan([*map(found, scenes), *rejections], prints)
        batch = record.begin(prints)
        source = source or MadeSource()
        tickets = pickle.loads(pickle.dumps(batch.tickets(plan.scenes, scenes_each=2)))
        written = pickle.loads(pickle.dumps([ticket.write(source) for ticket in tickets]))
        batch.commit(written, plan.rejections)
    return written


def statuses(store):
    return {e.item_id: e.status.value for e in Record.open(store, "here").entries()}


def test_a_record_nobody_wrote_is_empty_and_reading_makes_nothing(store):
    """A reader of an area without a record sees no scene and leaves no trace."""
    with Record.open(store, "here") as record:
        assert record.entries() == ()
        assert record.plan([found(made_scene(0))], {"made@10": made_footprint()}).scenes

    assert not store.path.exists()


def test_scenes_come_back_in_order_of_acquisition_with_equal_pixels(store):
    """Late scenes are inserted where they belong; pixels, mask and metadata are what went in."""
    scenes = [made_scene(day, properties={"s2:cloud": [1, None]}) for day in (3, 1, 2)]
    ingest(store, scenes[:2])
    ingest(store, scenes[2:])

    with Record.open(store, "here") as record:
        assert [e.scene for e in record.entries()] == [scenes[1], scenes[2], scenes[0]]
        assert record.entries()[0].scene.properties == {"s2:cloud": [1, None]}
        for scene in scenes:
            grid, raster = record.raster(scene.id)
            expected = made_raster(seed_of(scene), made_footprint())

            assert grid == made_footprint().grid
            np.testing.assert_array_equal(raster.values, expected.values)
            np.testing.assert_array_equal(raster.mask, expected.mask)
            assert raster.bands == expected.bands


def test_a_second_run_over_the_same_scenes_does_nothing(store):
    """Known scenes are not planned; added again behind the plan's back they stay single."""
    scenes = [made_scene(day) for day in range(3)]
    ingest(store, scenes)
    with Record.open(store, "here", write=True) as record:
        prints = {"made@10": made_footprint()}
        before = record.state_digest("sidings")
        assert record.plan(map(found, scenes), prints).empty
        snapshot = record.begin(prints).commit([])
        batch = record.begin(prints)
        assert batch.commit([t.write(MadeSource()) for t in batch.tickets(scenes)]) == snapshot
        record.refresh()

        assert len(record.entries()) == 3
        assert record.state_digest("sidings") == before


def test_state_digest_follows_the_set_of_scenes_and_not_the_way_it_came(store, tmp_path):
    """Two records filled in another order and in other batches have one digest."""
    scenes = [made_scene(day) for day in range(4)]
    ingest(store, scenes)
    other = type(store)(tmp_path / "other")
    for scene in reversed(scenes):
        ingest(other, [scene])
    with Record.open(store, "here") as one, Record.open(other, "here") as two:
        assert one.state_digest("a") == two.state_digest("a")
        assert one.state_digest("a") != one.state_digest("b")
    ingest(other, [made_scene(9)])
    with Record.open(store, "here") as one, Record.open(other, "here") as two:
        assert one.state_digest("a") != two.state_digest("a")


def test_a_reprocessed_version_supersedes_whatever_came_first(store):
    """Same acquisition under another id, or the same id processed again: the newest one counts."""
    old = made_scene(1, "old", processed="05.09")
    new = made_scene(1.00004, "new", processed="05.10")
    same_old = made_scene(2, "same", processed="1")
    same_new = made_scene(2, "same", processed="2")
    ingest(store, [new, same_new])
    ingest(store, [old, same_old])

    assert statuses(store) == {"old": "superseded", "new": "ingested", "same": "ingested"}
    with Record.open(store, "here") as record:
        assert next(e for e in record.entries() if e.item_id == "same").scene == same_new
        np.testing.assert_array_equal(
            record.raster("same")[1].values, made_raster(seed_of(same_new), made_footprint()).values
        )
        assert "new" in next(e for e in record.entries() if e.item_id == "old").detail


def test_a_scene_that_cannot_be_read_is_rejected_by_name_and_tried_again_when_it_changes(store):
    """The others go in; the rejection says why; the same item is left alone, a changed one not."""
    bad, good = made_scene(1, properties={"item_digest": "a"}), made_scene(2)
    broken = MadeSource({bad.id: SceneError(bad.id, "asset_unreadable", "red.tif: truncated")})
    ingest(store, [bad, good], broken)

    with Record.open(store, "here") as record:
        rejected, ingested = record.entries()
        assert (rejected.status, rejected.rejection) == (Status.REJECTED, "asset_unreadable")
        assert rejected.detail == "red.tif: truncated"
        assert ingested.status is Status.INGESTED
    ingest(store, [bad, good], again := MadeSource())
    assert again.fetched == []
    mended = made_scene(1, properties={"item_digest": "b"})
    ingest(store, [mended, good], again)

    assert again.fetched == [bad.id]
    assert statuses(store) == {bad.id: "ingested", good.id: "ingested"}


def test_an_item_that_is_no_scene_is_recorded_once(store):
    """A rejection of the search has its entry, and another one only when it says something else."""
    item = Found("x", None, "bad_item", "x.json: no datetime")
    ingest(store, [], rejections=[item])
    ingest(store, [], rejections=[item])
    with Record.open(store, "here") as record:
        (entry,) = record.entries()
        assert (entry.item_id, entry.rejection, entry.detail) == ("x", "bad_item", item.detail)
        assert record.plan([item], {}).empty
        assert record.plan([Found("x", None, "bad_item", "other")], {}).rejections


def test_a_scene_without_a_measured_pixel_is_rejected(store):
    """All no-data over the wanted tiles: named `nodata`, nothing in the cube."""
    scene, footprint = made_scene(1), made_footprint()
    raster = made_raster(1, footprint)
    raster.values[:] = NODATA
    with Record.open(store, "here", write=True) as record:
        record.add([Ingested(scene, footprint, raster)])
        (entry,) = record.entries()

    assert (entry.status, entry.rejection) == (Status.REJECTED, "nodata")


def test_scenes_that_may_come_later_stay_pending(store):
    """A transient failure postpones one scene; a quota ends the ticket; neither is recorded."""
    scenes = [made_scene(day) for day in range(4)]
    source = MadeSource(
        {"day-0": TransientError("503"), "day-2": QuotaError("no units left in the account")}
    )
    written = ingest(store, scenes, source)

    assert [w.postponed for w in written] == [(("day-0", "503"),), ()]
    assert [w.quota for w in written] == [None, "no units left in the account"]
    assert statuses(store) == {"day-1": "ingested"}
    with Record.open(store, "here") as record:
        pending = record.plan(map(found, scenes), {"made@10": made_footprint()}).scenes
        assert [s.id for s in pending] == ["day-0", "day-2", "day-3"]


def test_sidings_that_need_other_tiles_get_a_cube_of_their_own(store):
    """A larger footprint ingests again beside the old cube; going back fetches nothing."""
    scenes = [made_scene(day) for day in range(2)]
    small, large = made_footprint(), made_footprint(3, 3)
    ingest(store, scenes, footprint=small)
    ingest(store, scenes[:1], footprint=large)
    assert statuses(store) == {"day-0": "ingested", "day-1": "outgrown"}
    ingest(store, scenes, footprint=large)
    with Record.open(store, "here") as record:
        assert record.footprint("made@10") == large
        assert record.raster("day-1")[0] == large.grid
        assert record.plan(map(found, scenes), {"made@10": small}).switched == ("made@10",)
    ingest(store, scenes, back := MadeSource(), footprint=small)

    assert back.fetched == []
    assert set(statuses(store).values()) == {"ingested"}
    with Record.open(store, "here") as record:
        assert record.raster("day-1")[0] == small.grid


def test_tiles_that_hold_nothing_are_never_written(store):
    """Neither unwanted tiles nor wanted ones without data become objects."""
    footprint, scene = made_footprint(8, 4, unwanted=1), made_scene(0)
    raster = made_raster(0, footprint)
    raster.values[:, 64:] = NODATA
    raster.mask[64:] = MaskClass.NODATA
    with Record.open(store, "here", write=True) as record:
        before = set(store.list())
        record.add([Ingested(scene, footprint, raster)])
        written = [key for key in set(store.list()) - before if "/chunks/" in key]
    shard, mask = sorted(map(store.get, written), key=len, reverse=True)

    # One shard of the two, with three of its tiles, and one chunk of the mask.
    assert list(in_shard(shard, 16, "")) == [0, 2, 3]
    assert len(decoded(mask, (256, 256), np.uint8, "")) == 256


def test_pixels_that_changed_in_the_store_are_found(store):
    """Any flipped byte of a stored tile is an integrity error, never another number."""
    ingest(store, [made_scene(0)])
    chunks = sorted((k for k in store.list() if "/chunks/" in k), key=store.size)
    path = store.file(chunks[-1])
    clean = path.read_bytes()
    for position in np.random.default_rng(1).integers(0, len(clean), 20).tolist():
        path.write_bytes(clean[:position] + bytes([clean[position] ^ 8]) + clean[position + 1 :])
        with pytest.raises(IntegrityError, match="day-0: stored pixels"):
            Record.open(store, "here").raster("day-0")
    path.write_bytes(clean)
    Record.open(store, "here").raster("day-0")


def test_a_second_writer_of_a_folder_is_told_who_is_writing(store):
    """One writer at a time; readers go on."""
    with (
        Record.open(store, "here", write=True),
        pytest.raises(StoreError, match=rf"records/here is being written by process {os.getpid()}"),
    ):
        Record.open(store, "here", write=True)
    with Record.open(store, "here", write=True), Record.open(store, "here") as reader:
        assert reader.entries() == ()


def test_a_reader_cannot_write(store):
    """A record opened for reading refuses to begin a batch."""
    with Record.open(store, "here") as record, pytest.raises(StoreError, match="for reading"):
        record.begin({})


def test_an_unwritable_store_is_one_line_and_leaves_nothing(tmp_path):
    """A store that cannot be made: the reason, and no file."""
    from railwatch.store import Store

    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="Not a directory"):
        Record.open(Store.open(str(tmp_path / "file" / "x")), "here", write=True)

    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_batches_of_one_snapshot_do_not_lose_each_other(store):
    """Two batches begun together both commit; each scene is there once with its own pixels."""
    scenes = [made_scene(day) for day in range(6)]
    prints = {"made@10": made_footprint()}
    ingest(store, scenes[:1])
    with Record.open(store, "here", write=True) as record:
        one, two = record.begin(prints), record.begin(prints)
        first = [t.write(MadeSource()) for t in one.tickets(scenes[1:4])]
        second = [t.write(MadeSource()) for t in two.tickets(scenes[2:])]
        one.commit(first)
        two.commit(second)
        record.refresh()

        assert [e.item_id for e in record.entries()] == [s.id for s in scenes]
        for scene in scenes:
            np.testing.assert_array_equal(
                record.raster(scene.id)[1].values,
                made_raster(seed_of(scene), made_footprint()).values,
            )


class TallSource(MadeSource):
    """Noise of a tall grid, of which any block can be asked for; empty or late where said."""

    def __init__(self, whole, empty=(), late=None):
        super().__init__()
        self.whole, self.empty, self.late = whole, empty, late
        self.asked = []

    def fetch(self, scene, grid, tiles):
        assert tiles.any()
        top = round((self.whole.grid.north - grid.north) / grid.gsd_m)
        left = round((grid.west - self.whole.grid.west) / grid.gsd_m)
        self.asked.append((top, left, *grid.shape))
        if (scene.id, top) == self.late:
            raise TransientError("503")
        if top in self.empty:
            raise SceneError(scene.id, "outside_area", "not here")
        pixels = made_raster(seed_of(scene), self.whole)
        part = np.s_[top : top + grid.shape[0], left : left + grid.shape[1]]
        return SceneRaster(pixels.bands, pixels.values[:, *part], pixels.mask[part])


@pytest.fixture
def tall(monkeypatch):
    """A footprint read in blocks of four tile rows; of the third nothing is wanted."""
    monkeypatch.setattr("railwatch.record.footprint.WHOLE_VALUES", 1)
    whole = made_footprint(14, 6)
    whole.tiles[8:12] = False
    whole.tiles[4:8, [0, 1, 2, 3, 5]] = False
    return whole


def test_a_large_scene_is_read_block_by_block(store, tall):
    """What comes back is the whole; blocks without a wanted tile are not asked for."""
    source, scene = TallSource(tall), made_scene(0)
    ingest(store, [scene], source, tall)
    with Record.open(store, "here") as record:
        _, raster = record.raster(scene.id)

    expected = made_raster(seed_of(scene), tall)
    assert source.asked == [(0, 0, 256, 384), (256, 256, 256, 64), (768, 0, 128, 384)]
    np.testing.assert_array_equal(raster.values, expected.values)
    np.testing.assert_array_equal(raster.mask, expected.mask)


def test_a_large_scene_may_miss_some_blocks_and_not_all(store, tall):
    """Blocks that the scene does not reach are no data; if it reaches none it is rejected."""
    scene, far = made_scene(0), made_scene(1)
    ingest(store, [scene], TallSource(tall, empty=(0, 768)), tall)
    ingest(store, [far], TallSource(tall, empty=(0, 256, 768)), tall)
    with Record.open(store, "here") as record:
        entry = record.entries()[1]
        assert (entry.item_id, entry.rejection) == (far.id, "outside_area")
        _, raster = record.raster(scene.id)

    assert (raster.values[:, :256] == NODATA).all()
    assert (raster.values[:, 256:512, 256:320] != NODATA).all()


@pytest.mark.parametrize("at_once", [1, 1000])
def test_a_scene_that_failed_midway_leaves_nothing_for_the_next_in_its_slot(
    store, tall, monkeypatch, at_once
):
    """Blocks of a postponed scene are taken back, whether they were written already or wait."""
    monkeypatch.setattr("railwatch.record.chunk.AT_ONCE", at_once)
    good, late, other = (made_scene(day) for day in range(3))
    ingest(store, [good, late], TallSource(tall, late=(late.id, 768)), tall)
    ingest(store, [other], TallSource(tall, empty=(0,)), tall)
    with Record.open(store, "here") as record:
        assert statuses(store) == {good.id: "ingested", other.id: "ingested"}
        assert [e.slot for e in record.entries()] == [0, 1]
        assert (record.raster(other.id)[1].values[:, :256] == NODATA).all()
