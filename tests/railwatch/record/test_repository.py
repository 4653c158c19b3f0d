"""Commits of the record."""

import shutil

from railwatch.record import Record, repository
from railwatch.record.repository import BRANCH, open_repository
from railwatch.store import Store
from railwatch.testing.made import MadeSource, made_footprint, made_scene


def test_every_commit_says_which_code_made_it(tmp_path, monkeypatch):
    """The revision a deployment sets, else the version; scenes and findings alike."""
    store = Store.open(str(tmp_path))
    monkeypatch.setenv("RAILWATCH_REVISION", "abc123")
    with Record.open(store, "yard", write=True) as record:
        batch = record.begin({"made@10": made_footprint()})
        batch.commit([ticket.write(MadeSource()) for ticket in batch.tickets([made_scene(0)])])

    opened = open_repository(store, "records/yard", create=False)
    said = [s.metadata.get("revision") for s in opened.ancestry(branch=BRANCH)]
    assert len(said) >= 3
    assert set(said[:-1]) == {"abc123"}  # the first snapshot is Icechunk's own


def test_what_a_killed_creation_leaves_is_finished_by_the_next(tmp_path, monkeypatch):
    """Icechunk puts a snapshot, its configuration and the branch, and may die after each."""
    monkeypatch.setattr(repository, "CREATION_TRIES", 1)
    whole = Store.open(str(tmp_path / "whole"))
    open_repository(whole, "records/yard", create=True)
    snapshot, branch = "snapshots/1CECHNKREP0F1RSTCMT0", "refs/branch.main/ref.json"
    for number, left in enumerate(
        (
            [snapshot],
            [snapshot, "config.yaml"],
            [snapshot, branch],
            [snapshot, "config.yaml", branch],
        )
    ):
        killed = tmp_path / f"killed{number}"
        for name in left:
            copy = killed / "records/yard" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tmp_path / "whole/records/yard" / name, copy)
        store = Store.open(str(killed))
        with Record.open(store, "yard", write=True) as record:
            batch = record.begin({"made@10": made_footprint()})
            batch.commit([ticket.write(MadeSource()) for ticket in batch.tickets([made_scene(0)])])
        with Record.open(store, "yard") as record:
            assert len(record.entries()) == 1
