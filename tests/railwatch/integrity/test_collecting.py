"""Collecting beside a writer: what somebody is about to refer to stays, what nobody needs goes."""

import dataclasses
import datetime as dt
import os
import shutil
import time

import pytest

from railwatch.cli import main
from railwatch.errors import TransientError
from railwatch.integrity.scan import scan
from railwatch.publication.history import Manifest, Retention, collect, history
from railwatch.publication.pointer import manifest_key
from railwatch.publication.switch import _taken_back
from railwatch.record import Record
from railwatch.testing.made import MadeSource, made_footprint, made_scene

LATER = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)


def test_chunks_of_a_transaction_under_way_are_never_collected(stored):
    """Workers have written, nobody has committed: the commit afterwards is whole."""
    store, scenes = stored.store, [made_scene(day) for day in range(3)]
    prints = {"made@10": made_footprint()}
    with Record.open(store, "other", write=True) as record:
        batch = record.begin(prints)
        written = [ticket.write(MadeSource()) for ticket in batch.tickets(scenes)]
        removed = record.upkeep().collect(dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
        batch.commit(written)
        record.refresh()

        assert removed == 0
        for scene in scenes:
            record.raster(scene.id)  # compares checksums
        with pytest.raises(ValueError, match="may be a writer's"):
            record.upkeep().collect(dt.datetime.now(dt.UTC))


def test_what_a_killed_run_left_long_ago_is_removed(stored):
    """And the inventory forgets it, so that nobody misses it."""
    whole = stored.bytes()
    chunks = stored.store.file("records/yard/chunks")
    orphan = chunks / "0000000000000000000G"
    shutil.copy(next(chunks.iterdir()), orphan)
    scan(stored.store, "yard")
    for path in stored.store.file("records/yard").rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - 3e6, time.time() - 3e6))

    assert main(["verify", "yard", "--store", stored.url, "--collect"]) == 0
    assert not orphan.exists()
    assert scan(stored.store, "yard").problems == ()
    assert stored.bytes() == whole


def test_a_mistyped_area_is_refused_and_no_record_of_it_begun(stored, capsys):
    """Opened for writing, a record is made where there was none."""
    before = stored.bytes()

    assert main(["verify", "yrad", "--store", stored.url, "--collect"]) == 1
    assert "no record of area 'yrad'" in capsys.readouterr().err
    assert stored.bytes() == before


def test_a_folder_that_a_publisher_turned_back_to_is_not_collected(stored):
    """The collector listed it as old; then a publisher took it up; then the collector comes."""
    (made,) = history(stored.store, "yard")
    old = dataclasses.replace(made, published_at=LATER - dt.timedelta(days=400))
    stored.store.put(old.key, old.to_json())
    stored.store.delete("areas/yard/latest.json")
    listed = history(stored.store, "yard")
    taken = _taken_back(stored.store, "yard", made.publication, LATER, Retention())
    from railwatch.publication.history import _remove

    assert (taken.published_at, taken.taken_up) == (old.published_at, LATER)
    assert [_remove(stored.store, one) for one in listed] == [0]
    assert collect(stored.store, "yard", Retention(1), LATER).publications == ()
    kept = Manifest.from_json("", stored.store.get(manifest_key("yard", made.publication)))
    assert kept.complete
    assert (
        scan(stored.store, "yard").problems[0].key == "areas/yard/latest.json"
    )  # as deleted above


def test_a_folder_that_is_being_collected_is_not_taken_up(stored, monkeypatch):
    """The collector came first: the publisher is told to publish again."""
    (made,) = history(stored.store, "yard")
    read = type(stored.store).read

    def read_and_lose(self, key):
        seen = read(self, key)
        if key == made.key:
            self.put(key, dataclasses.replace(made, complete=False).to_json())
        return seen

    store = stored.store
    monkeypatch.setattr(type(store), "read", read_and_lose)
    with pytest.raises(TransientError, match="being collected"):
        _taken_back(store, "yard", made.publication, LATER, Retention())
