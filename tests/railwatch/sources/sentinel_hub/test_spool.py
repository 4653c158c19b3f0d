"""Paid answers survive, are checked when they come back, and go when they are not needed."""

from railwatch.sources.sentinel_hub.spool import Paid, Spool, request_digest
from railwatch.store import Store


def test_kept_answers_come_back_whole(tmp_path):
    """Body and price, for the request they answered only."""
    spool = Spool(Store.open(str(tmp_path)), "yard")
    spool.keep("scene/1", "d1", Paid(b"pixels", 1.25))

    assert spool.get("scene/1", "d1") == Paid(b"pixels", 1.25)
    assert spool.get("scene/1", "d2") is None
    assert spool.get("scene", "d1") is None


def test_damaged_answers_are_dropped(tmp_path):
    """A flipped bit is noticed; the answer is gone and can be paid for anew."""
    store = Store.open(str(tmp_path))
    spool = Spool(store, "yard")
    spool.keep("scene-1", "d1", Paid(b"pixels", 1.0))
    (key,) = store.list("spool")
    damaged = bytearray(store.get(key))
    damaged[-1] ^= 1
    store.put(key, bytes(damaged))

    assert spool.get("scene-1", "d1") is None
    assert list(store.list("spool")) == []


def test_dropped_after_the_commit(tmp_path):
    """Only the named scene's answers go, also where ids begin alike."""
    store = Store.open(str(tmp_path))
    spool = Spool(store, "yard")
    for scene in ("scene-1", "scene-10"):
        spool.keep(scene, "d", Paid(b"pixels", 1.0))
    spool.drop(["scene-1"])

    assert spool.get("scene-1", "d") is None
    assert spool.get("scene-10", "d") is not None


def test_digest_is_of_what_is_asked():
    """Key order does not matter, deployment and every value do."""
    one = request_digest("https://a", {"x": 1, "y": [2]})

    assert one == request_digest("https://a", {"y": [2], "x": 1})
    assert one != request_digest("https://b", {"x": 1, "y": [2]})
    assert one != request_digest("https://a", {"x": 1, "y": [3]})
