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
    """Icechunk puts a snapshot, the branch and its configuration, and may die after each."""
    monkeypatch.setattr(repository, "CREATION_TRIES", 1)
    whole = Store.open(str(tmp_path / "whole"))
    open_repository(whole, "records/yard", create=True)
    files = [p for p in (tmp_path / "whole/records/yard").rglob("*") if p.is_file()]
    files.sort(key=lambda p: p.stat().st_mtime_ns)
    assert "refs" in {p.parts[-3] for p in files[1:]}
    for kept in range(1, len(files) + 1):
        killed = tmp_path / f"killed{kept}"
        for file in files[:kept]:
            copy = killed / file.relative_to(tmp_path / "whole")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
        store = Store.open(str(killed))
        with Record.open(store, "yard", write=True) as record:
            batch = record.begin({"made@10": made_footprint()})
            batch.commit([ticket.write(MadeSource()) for ticket in batch.tickets([made_scene(0)])])
        with Record.open(store, "yard") as record:
            assert len(record.entries()) == 1
