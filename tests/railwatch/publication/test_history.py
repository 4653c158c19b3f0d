"""Publications that are kept, and removing the others."""

import contextlib
import datetime as dt
import json

import pytest

from railwatch.cli import main
from railwatch.errors import IntegrityError
from railwatch.publication import Retention, collect, history, publish_content
from railwatch.publication.pointer import current_pointer
from railwatch.publication.stac import children
from railwatch.store import FolderStore
from railwatch.testing.five_years import FiveYears, place

DAY = dt.timedelta(days=1)
START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Three publications, two days apart, none collected."""
    store = FolderStore(tmp_path_factory.mktemp("store"))
    ids = [
        publish_content(store, FiveYears(place(), n).content(), START + 2 * n * DAY).id
        for n in (1, 2, 3)
    ]
    return store, ids


def copied(store, folder):
    other = FolderStore(folder)
    for key in store.list():
        other.put(key, store.get(key))
    return other


def test_history_lists_publications_in_the_order_they_were_made(published):
    """Oldest first, each whole, with what it rests on."""
    store, ids = published
    made = history(store, "tumangang")

    assert [manifest.publication for manifest in made] == ids
    assert all(manifest.complete for manifest in made)
    assert [manifest.scenes for manifest in made] == [1, 2, 3]
    sizes = {key: len(store.get(key)) for key in store.list("areas/tumangang/publications")}
    assert sum(manifest.size for manifest in made) == sum(sizes.values())


def test_collecting_keeps_the_newest_and_all_they_refer_to(published, tmp_path):
    """Old folders and pictures nobody refers to go; the rest stays readable."""
    store = copied(published[0], tmp_path)
    ids = published[1]
    done = collect(store, "tumangang", Retention(keep=2), START + 20 * DAY)
    left = history(store, "tumangang")

    assert done.publications == (ids[0],)
    assert [manifest.publication for manifest in left] == ids[1:]
    assert not list(store.list(f"areas/tumangang/publications/{ids[0]}"))
    wanted = {f"areas/tumangang/evidence/{name}" for made in left for name in made.evidence}
    assert set(store.list("areas/tumangang/evidence")) == wanted
    for manifest in left:
        for path in manifest.objects:
            assert store.size(f"areas/tumangang/publications/{manifest.publication}/{path}") >= 0


@pytest.mark.slow
def test_the_young_and_the_current_stay(published, tmp_path):
    """Within the grace period nothing goes, and the current publication never does."""
    store = copied(published[0], tmp_path)
    ids = published[1]

    assert not collect(store, "tumangang", Retention(1, 30 * DAY), START + 20 * DAY).publications
    old = FiveYears(place(), 1).content()
    publish_content(store, old, START + 20 * DAY, Retention(1, 30 * DAY))
    assert collect(store, "tumangang", Retention(1), START + 60 * DAY).publications == (ids[1],)
    assert [m.publication for m in history(store, "tumangang")] == [ids[0], ids[2]]


@pytest.mark.slow
def test_what_a_killed_collector_left_is_removed_by_the_next(published, tmp_path):
    """Deletion cut short leaves a publication that no reader takes for whole."""

    class Mortal(FolderStore, scheme="mortal-collector"):
        deletions = 3

        def delete(self, key):
            if self.deletions == 0:
                raise InterruptedError(key)
            self.deletions -= 1
            super().delete(key)

    copied(published[0], tmp_path)
    with pytest.raises(InterruptedError):
        collect(Mortal(tmp_path), "tumangang", Retention(2), START + 20 * DAY)
    store = FolderStore(tmp_path)
    assert [m.complete for m in history(store, "tumangang")] == [False, True, True]
    collect(store, "tumangang", Retention(2), START + 20 * DAY)

    assert [m.publication for m in history(store, "tumangang")] == published[1][1:]
    assert not list(store.list(f"areas/tumangang/publications/{published[1][0]}"))


def test_the_command_names_the_current_one(published, capsys):
    """`railwatch history` lists all and marks the one readers see."""
    store, ids = published

    assert main(["history", "tumangang", "--store", store.url, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [(one["publication"], one["state"]) for one in said] == [
        (ids[0], "kept"),
        (ids[1], "kept"),
        (ids[2], "current"),
    ]


def test_an_area_without_publications_is_said_to_have_none(tmp_path, capsys):
    """Exit code 1 and one line."""
    assert main(["history", "nowhere", "--store", str(tmp_path)]) == 1
    assert "nothing is published of area 'nowhere'" in capsys.readouterr().err


ODD = [None, [], {}, -1, 1e400, True, "\0", "2026-03-01T00:00:00"]


@pytest.mark.parametrize("kind", ["history", "latest", "catalog"])
def test_what_somebody_else_wrote_is_named_and_not_followed(published, tmp_path, capsys, kind):
    """Each value in turn is of another type, and whole documents are none: one sentence each."""
    store = copied(published[0], tmp_path)
    key = {
        "history": f"areas/tumangang/history/{published[1][0]}.json",
        "latest": "areas/tumangang/latest.json",
        "catalog": "catalog.json",
    }[kind]
    good = json.loads(store.get(key))
    spoilt = [json.dumps(good | {name: odd}).encode() for name in good for odd in ODD]
    for data in [*spoilt, b"[" * 100_000, b"\xff", b"null", b"9" * 5000]:
        store.put(key, data)
        for read in (current_pointer, history):
            with contextlib.suppress(IntegrityError):
                read(store, "tumangang")
        with contextlib.suppress(IntegrityError):
            children(store.get("catalog.json"))
        assert main(["history", "tumangang", "--store", str(tmp_path)]) in (0, 1)
        said = capsys.readouterr().err
        assert "Traceback" not in said
        assert len(said) < 1000
