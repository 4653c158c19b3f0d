"""What a record is made of: checksums on every chunk, and a version that others are refused by."""

import numpy as np
import pytest
import zarr

from railwatch.detection import Detection, Occupancy
from railwatch.errors import StoreError
from railwatch.record import Ingested, Record, layout
from railwatch.record.repository import open_repository
from railwatch.testing.made import made_footprint, made_raster, made_scene


def filled(store):
    """A record with one of everything."""
    footprint, scene = made_footprint(), made_scene(0)
    occupancy = Occupancy("a", np.zeros(9, np.float32), np.ones(9, np.float32))
    with Record.open(store, "here", write=True) as record:
        record.add([Ingested(scene, footprint, made_raster(0, footprint))])
        record.put_detections("sidings", "detector", [Detection(scene.id, (), None, (occupancy,))])
        return record


def test_every_array_of_a_record_ends_its_chunks_with_a_checksum(store):
    """zarr itself says so, of whatever array there is: none was forgotten."""
    root = zarr.open_group(filled(store)._session.store, mode="r")
    arrays = [member for _, member in root.members(max_depth=None) if hasattr(member, "shape")]
    last = {array.path: type(array.compressors[-1]).__name__ for array in arrays}

    assert len(last) >= 8
    assert set(last.values()) == {"Crc32cCodec"}, last


@pytest.mark.parametrize(("said", "remedy"), [(layout.LAYOUT + 1, "update"), (None, "remove")])
def test_a_record_of_another_layout_is_refused(store, said, remedy):
    """A newer railwatch wrote it, or one from before checksums."""
    record = filled(store)
    session = record._repository.writable_session("main")
    root = zarr.open_group(session.store, mode="a")
    if said is None:
        del root.attrs["layout"]
    else:
        root.attrs["layout"] = said
    session.commit("other layout")

    for write in (False, True):
        with pytest.raises(StoreError, match=f"layout.*{remedy}"):
            Record.open(store, "here", write=write)


def test_a_repository_without_its_first_commit_is_no_record_yet(store):
    """A writer was killed in between: readers see nothing, the next writer begins."""
    open_repository(store, "records/here", create=True)

    with Record.open(store, "here") as record:
        assert record.entries() == ()
        with Record.open(store, "here", write=True) as writer:
            assert writer.entries() == ()
        record.refresh()
        assert record.entries() == ()
