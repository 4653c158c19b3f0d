"""Sentinel Hub keeps what every source keeps, and gives what an archive gives."""

from collections.abc import Iterator

import numpy as np
import pytest

from railwatch.grid import PIECE_PX
from railwatch.record import Footprint
from railwatch.sources import Query
from railwatch.sources.archive import ArchiveSource
from railwatch.testing.sentinel_hub.sample import GRID
from railwatch.testing.sentinel_hub.server import CLIENT_ID, CLIENT_SECRET
from railwatch.testing.source_contract import SourceContract

WHERE = Query((130.5, 42.3, 130.8, 42.5), collections=("sentinel-2-l2a",))


class TestSentinelHubKeepsTheContract(SourceContract):
    """Over an emulator; pickled sources find their credentials in the environment."""

    @pytest.fixture
    def source(self, hub, connected, monkeypatch) -> Iterator[object]:
        monkeypatch.setenv("SH_CLIENT_ID", CLIENT_ID)
        monkeypatch.setenv("SH_CLIENT_SECRET", CLIENT_SECRET)
        return connected(hub)

    @pytest.fixture
    def query(self) -> Query:
        return WHERE

    @pytest.fixture
    def footprint(self) -> Footprint:
        pieces = np.ones(tuple(n // PIECE_PX for n in GRID.shape), dtype=np.bool_)
        pieces[8:15, 8:18] = pieces[17:, :16] = False
        return Footprint.of_pieces(GRID, pieces)

    @pytest.fixture
    def elsewhere(self) -> tuple[float, float, float, float]:
        return (5.0, 50.0, 5.1, 50.1)


def test_equal_to_the_archive_it_serves(hub, connected, sample, every_piece):
    """Where grids align, pixels and masks are those of the archive source, bit for bit."""
    archive, served = ArchiveSource(str(sample[0])), connected(hub)
    pairs = list(zip(archive.search(WHERE), served.search(WHERE), strict=True))

    assert len(pairs) == 3
    for kept, paid in pairs:
        assert (kept.scene.id, kept.scene.acquired) == (paid.scene.id, paid.scene.acquired)
        assert kept.scene.bands == paid.scene.bands
        one = archive.fetch(kept.scene, GRID, every_piece)
        two = served.fetch(paid.scene, GRID, every_piece)
        np.testing.assert_array_equal(one.mask, two.mask)
        np.testing.assert_array_equal(one.values, two.values)
