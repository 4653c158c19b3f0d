"""A writer that commits for years does not keep what it committed."""

from railwatch.record import Record, truth
from railwatch.sources import Found
from railwatch.store import FolderStore


def test_the_repository_is_opened_anew_so_that_its_cache_is_let_go(tmp_path, monkeypatch):
    """Rows that were committed before and after are all there; a new repository serves them."""
    monkeypatch.setattr(truth, "REOPEN_EVERY", 3)
    with Record.open(FolderStore(tmp_path), "yard", write=True) as record:
        repositories = []
        for number in range(7):
            record.add([Found(f"item-{number}", None, "bad_item", "nothing in it")])
            repositories.append(record._repository)

            assert sorted(e.item_id for e in record.entries()) == [
                f"item-{one}" for one in range(number + 1)
            ]

    assert len({id(one) for one in repositories}) >= 3
