"""Commits of the record."""

from railwatch.record import Record
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

    repository = open_repository(store, "records/yard", create=False)
    said = [s.metadata.get("revision") for s in repository.ancestry(branch=BRANCH)]
    assert len(said) >= 3
    assert set(said[:-1]) == {"abc123"}  # the first snapshot is Icechunk's own
