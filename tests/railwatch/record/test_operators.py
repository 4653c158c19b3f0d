"""Several operators at once, and processes that are killed: nothing lost, nothing twice."""

import random
import subprocess
import sys
import time

import numpy as np
import pytest

from railwatch.record import Record, Status
from railwatch.sources import Found
from railwatch.store import Store
from railwatch.testing.made import MadeSource, made_footprint, made_raster, made_scene, seed_of

SCENES = 24

OPERATOR = """
import sys, time
from railwatch.errors import StoreError, TransientError
from railwatch.record import Record
from railwatch.sources import Found
from railwatch.store import Store
from railwatch.testing.made import MadeSource, made_footprint, made_scene

url, backwards, count, each = sys.argv[1], sys.argv[2] == "1", int(sys.argv[3]), int(sys.argv[4])
scenes = [made_scene(day) for day in range(count)]
prints = {"made@10": made_footprint()}
print("ready", flush=True)
with Record.open(Store.open(url), "here", write=True) as record:
    while True:
        record.refresh()
        order = reversed(scenes) if backwards else scenes
        pending = record.plan([Found(s.id, s) for s in order], prints).scenes[:each]
        if not pending:
            break
        batch = record.begin(prints)
        batch.commit([ticket.write(MadeSource()) for ticket in batch.tickets(pending)])
        print("committed", flush=True)
"""


def operator(url, *, backwards=False, each=4, count=SCENES):
    return subprocess.Popen(
        [sys.executable, "-c", OPERATOR, url, "1" if backwards else "0", str(count), str(each)],
        stdout=subprocess.PIPE,
    )


def assert_every_scene_is_there_once(url, count=SCENES):
    """All in order, ingested, with their own pixels, and each in one row of the ledger."""
    with Record.open(Store.open(url), "here") as record:
        entries = record.entries()

        assert [e.item_id for e in entries] == [f"day-{d}" for d in range(count)]
        assert {e.status for e in entries} == {Status.INGESTED}
        assert len(record._rows) == count
        assert len({(e.cube_path, e.slot) for e in entries}) == count
        for entry in entries:
            expected = made_raster(seed_of(entry.scene), made_footprint())
            np.testing.assert_array_equal(record.raster(entry.item_id)[1].values, expected.values)


@pytest.mark.server
def test_three_operators_on_one_bucket_add_each_scene_once(bucket_url):
    """Same scenes, different orders and batches, all at once: optimistic commits sort it out."""
    others = [operator(bucket_url, backwards=b, each=e) for b, e in ((0, 4), (1, 3), (0, 7))]
    try:
        assert [one.wait(timeout=200) for one in others] == [0, 0, 0]
    finally:
        for one in others:
            one.kill()
            one.wait()
            one.stdout.close()

    assert_every_scene_is_there_once(bucket_url)


@pytest.mark.server
def test_the_record_on_a_bucket_reads_back(bucket_url):
    """The whole way on S3: tickets, commit, cube, tag."""
    store, scenes = Store.open(bucket_url), [made_scene(day) for day in range(3)]
    prints = {"made@10": made_footprint()}
    with Record.open(store, "here", write=True) as record:
        batch = record.begin(prints)
        batch.commit([ticket.write(MadeSource()) for ticket in batch.tickets(scenes)])
        digest = record.tag_state("sidings")
        assert record.cube("made@10")["values"].shape == (3, 2, 128, 128)
        assert record.plan([Found(s.id, s) for s in scenes], prints).empty
        assert len(record.at(digest).entries()) == 3

    assert_every_scene_is_there_once(bucket_url, 3)


@pytest.mark.slow
def test_killed_at_any_moment_the_record_is_whole_and_the_next_run_goes_on(tmp_path):
    """kill -9 at twelve random moments: a reader always sees whole scenes, the lock is free."""
    url, dice = str(tmp_path / "store"), random.Random(20231005)
    kills = 0
    while kills < 12:
        writer = operator(url, each=1, count=200)
        try:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(dice.uniform(0.0, 0.4))
            ended = writer.poll() is not None
            writer.kill()
            writer.wait()
        finally:
            writer.stdout.close()
        if ended:
            break
        kills += 1
        with Record.open(Store.open(url), "here") as record:
            for entry in record.entries():
                assert entry.status is Status.INGESTED
                record.raster(entry.item_id)  # compares checksums
    last = operator(url, each=50, count=200)
    last.communicate(timeout=200)

    assert last.returncode == 0
    assert kills == 12
    assert_every_scene_is_there_once(url, 200)
