"""Claims: one holder a scene, dead holders found without comparing clocks."""

import threading
import uuid

import pytest

from railwatch.claim import Claims
from railwatch.store import Store

IDS = [f"scene/{n}" for n in range(20)]


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def store(tmp_path):
    return Store.open(str(tmp_path / "store"))


def test_what_one_has_another_does_not_get(store):
    """Each scene has one holder; the second gets the rest, in order."""
    with Claims(store, "yard") as first, Claims(store, "yard") as second:
        assert first.take(IDS, 5) == IDS[:5]
        assert second.take(IDS, 4) == IDS[5:9]
        assert second.take(IDS[:5], 5) == []


def test_areas_do_not_meet(store):
    """The same scene id in two areas is two scenes."""
    with Claims(store, "yard") as first, Claims(store, "port") as second:
        assert first.take(IDS[:1], 1) == second.take(IDS[:1], 1) == IDS[:1]


def test_released_scenes_are_free_and_nothing_stays_behind(store):
    """After release another takes them; at the end the store holds no claim."""
    with Claims(store, "yard") as first, Claims(store, "yard") as second:
        first.take(IDS, 3)
        first.release(IDS[:1])
        assert second.take(IDS[:3], 3) == IDS[:1]

    assert list(store.list("claims")) == []


def test_a_holder_that_gives_no_sign_is_dead_after_the_lease(store):
    """A killed run's claims go to who saw it silent for the lease, and to one only."""
    clock = Clock()
    dead = Claims(store, "yard", beat_s=1e6)
    dead.__enter__()
    dead.take(IDS[:4], 4)
    with (
        Claims(store, "yard", lease_s=30, clock=clock) as one,
        Claims(store, "yard", lease_s=30, clock=clock) as other,
    ):
        assert one.take(IDS[:4], 4) == other.take(IDS[:4], 4) == []
        clock.now = 29.0
        assert one.take(IDS[:4], 4) == []
        clock.now = 31.0
        assert one.take(IDS[:2], 4) == IDS[:2]
        assert other.take(IDS[:4], 4) == IDS[2:4]
    dead._ended.set()
    dead._beating.join()


def test_a_slow_holder_that_gives_signs_keeps_its_claims(store):
    """Long after the lease, with a beat in between, it is alive."""
    clock = Clock()
    with Claims(store, "yard") as slow, Claims(store, "yard", lease_s=30, clock=clock) as other:
        slow.take(IDS[:1], 1)
        for beat in range(1, 5):
            assert other.take(IDS[:1], 1) == []
            clock.now += 25.0
            slow._say_alive(beat)
        assert other.take(IDS[:1], 1) == []


def test_a_holder_that_is_gone_holds_nothing(store):
    """Its object was removed, its claim stayed: killed in the middle of its end."""
    with Claims(store, "yard") as first:
        first.take(IDS[:1], 1)
        store.delete(next(k for k in store.list("claims") if "/holders/" in k))
        with Claims(store, "yard") as second:
            assert second.take(IDS[:1], 1) == IDS[:1]


def test_what_was_taken_over_is_not_released_by_its_former_holder(store):
    """A holder that slept through its lease does not free what is another's now."""
    clock = Clock()
    with Claims(store, "yard", beat_s=1e6) as sleeper:
        sleeper.take(IDS[:1], 1)
        with Claims(store, "yard", lease_s=1, clock=clock) as other:
            other.take(IDS[:1], 1)
            clock.now = 2.0
            assert other.take(IDS[:1], 1) == IDS[:1]
            sleeper.release(IDS[:1])
            with Claims(store, "yard") as third:
                assert third.take(IDS[:1], 1) == []


def race(url, runs=8):
    """Let many take the same scenes at once; give what each got."""
    barrier = threading.Barrier(runs)
    got = [[] for _ in range(runs)]

    def run(number):
        with Claims(Store.open(url), "yard") as claims:
            barrier.wait()
            got[number] = claims.take(IDS, len(IDS))
            barrier.wait()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [scene_id for each in got for scene_id in each]


def test_of_many_at_once_each_scene_has_one(tmp_path):
    """Eight runs after the same twenty scenes in a folder: each scene once."""
    assert sorted(race(str(tmp_path / "store"))) == sorted(IDS)


@pytest.mark.server
def test_of_many_at_once_each_scene_has_one_on_a_bucket(bucket_url):
    """The same on a real S3 server."""
    assert sorted(race(f"{bucket_url}/{uuid.uuid4().hex}")) == sorted(IDS)
