"""Catalog and page of all areas: written by whoever publishes one, or at the end of a round."""

import datetime as dt

import pytest

from railwatch.integrity import publications as verified
from railwatch.publication import Retention, publish_content, stac
from railwatch.publication.roots import refresh
from railwatch.store import FolderStore
from railwatch.testing.five_years import FiveYears, place

NOW = dt.datetime.now(dt.UTC)
LONG_AGO = NOW - dt.timedelta(days=40)


def content(scenes, area):
    return FiveYears(place(area), scenes).content()


def shown(store):
    return stac.children(store.get("catalog.json"))


def test_a_round_leads_readers_to_its_areas_at_its_end(tmp_path):
    """Until then the catalog names what was published before, whole; refreshing twice is once."""
    store = FolderStore(tmp_path)
    old = {area: publish_content(store, content(3, area), LONG_AGO).id for area in ("a", "b")}
    page = store.get("index.html")
    new = {
        area: publish_content(store, content(4, area), NOW, roots=False).id for area in ("a", "b")
    }
    still, page_still = shown(store), store.get("index.html")
    wrote = refresh(store, ["a", "b", "never-published"])

    assert (still, page_still) == (old, page)
    assert wrote
    assert shown(store) == new
    assert store.get("index.html") != page
    assert not refresh(store, ["a", "b"])


def test_what_the_catalog_shows_is_not_collected(tmp_path):
    """A publication that readers are still sent to stays, however few are kept."""
    store = FolderStore(tmp_path)
    one = Retention(keep=1)
    old = publish_content(store, content(3, "a"), LONG_AGO, one)
    publish_content(store, content(4, "a"), NOW, one, roots=False)
    assert store.get(f"areas/a/publications/{old.id}/stac/collection.json")
    refresh(store, ["a"])
    publish_content(store, content(5, "a"), NOW, one)

    with pytest.raises(KeyError):
        store.get(f"areas/a/publications/{old.id}/stac/collection.json")


def test_a_catalog_that_is_behind_is_no_damage_for_a_day(tmp_path, monkeypatch):
    """A round under way raises no alarm; one that never ended does, and so does a lost folder."""
    monkeypatch.setattr(verified, "SETTLE_S", 0.0)
    store = FolderStore(tmp_path)
    old = publish_content(store, content(3, "a"), LONG_AGO)
    new = publish_content(store, content(4, "a"), NOW, roots=False)
    fine = verified.check_roots(store)
    manifest = f"areas/a/history/{old.id}.json"
    held = store.get(manifest)
    store.delete(manifest)
    lost = verified.check_roots(store)
    store.put(manifest, held)
    monkeypatch.setattr(verified, "ROUND", dt.timedelta(0))
    late = verified.check_roots(store)

    assert fine == ()
    assert {one.key for one in lost} == {one.key for one in late} == {"catalog.json", "index.html"}
    refresh(store, ["a"])
    assert verified.check_roots(store) == ()
    assert shown(store) == {"a": new.id}


def test_one_that_was_killed_between_page_and_catalog_does_both_again(tmp_path):
    """The page goes first, so a catalog that is up to date has its page."""
    store = FolderStore(tmp_path)
    publish_content(store, content(3, "a"), LONG_AGO)
    publish_content(store, content(4, "a"), NOW, roots=False)

    class Dying(FolderStore, scheme="dying"):
        def put_if_match(self, *said, **_):
            raise InterruptedError(said[0])

    with pytest.raises(InterruptedError):
        refresh(Dying(tmp_path), ["a"])
    assert refresh(store, ["a"])
    assert verified.check_roots(store) == ()
