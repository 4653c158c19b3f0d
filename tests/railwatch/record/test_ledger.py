"""The ledger: rows as zarr itself reads them."""

import zarr

from railwatch.record import Record, ledger
from railwatch.record.entry import SceneEntry, Status
from railwatch.testing.made import made_scene


def test_rows_are_appended_across_chunks_as_zarr_would(store):
    """Batches of any size that begin and end within chunks leave all rows, in order."""
    with Record.open(store, "here", write=True) as record:
        session = record._repository.writable_session("main")
    said = []
    for batch in (1, 62, 1, 130, 3):
        entries = [
            SceneEntry(f"número {len(said) + i}", Status.INGESTED, made_scene(i), "", slot=i)
            for i in range(batch)
        ]
        ledger.append(session.store, entries, len(said))
        said += [entry.to_json() for entry in entries]

    rows = zarr.open_array(session.store, path=ledger.PATH, mode="r")
    assert rows.attrs["rows"] == 197
    assert rows[:200].tolist() == [*said, "", "", ""]
    assert [entry.to_json() for entry in ledger.read(session.store)] == said
