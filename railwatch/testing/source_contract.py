"""What every `SceneSource` must keep, as tests.

Subclass `SourceContract` in a test module and give four fixtures:

    source      a fresh source that holds at least two scenes
    query       a `Query` that finds them
    footprint   grid and pieces, some of them unwanted, that every scene reaches
    elsewhere   a box of the earth where the source holds nothing
"""

from __future__ import annotations

import datetime as dt
import pickle
from dataclasses import replace

import numpy as np

from railwatch.grid import PIECE_PX
from railwatch.record import Footprint
from railwatch.scene import NODATA, MaskClass, Rejection, Scene
from railwatch.sources import Query, SceneSource

Box = tuple[float, float, float, float]

EVERY = 29
"""Of the wanted pieces, every how manyth is fetched alone: each costs a request."""


class SourceContract:
    """Tests of the seam; each docstring states what a source keeps."""

    def test_scenes_come_ordered_and_once(self, source: SceneSource, query: Query) -> None:
        """Search lists scenes by (acquired, id), each id once, and the same twice."""
        found = self._scenes(source, query)
        keys = [(scene.acquired, scene.id) for scene in found]

        assert len(found) >= 2
        assert keys == sorted(set(keys))
        assert [s.digest for s in found] == [s.digest for s in self._scenes(source, query)]

    def test_what_is_no_scene_says_why(self, source: SceneSource, query: Query) -> None:
        """An item without a scene has a known rejection and a sentence."""
        for found in source.search(query):
            if found.scene is None:
                assert found.rejection in set(Rejection)
                assert found.detail
            else:
                assert found.rejection is None

    def test_start_is_inclusive_and_end_exclusive(self, source: SceneSource, query: Query) -> None:
        """The query's times cut where they say."""
        first, second = self._scenes(source, query)[:2]
        upto = replace(query, start=first.acquired, end=second.acquired)
        after = replace(query, start=first.acquired + dt.timedelta(microseconds=1))

        assert first.id in {s.id for s in self._scenes(source, upto)}
        assert second.acquired not in {s.acquired for s in self._scenes(source, upto)}
        assert first.id not in {s.id for s in self._scenes(source, after)}

    def test_elsewhere_there_is_nothing(
        self, source: SceneSource, query: Query, elsewhere: Box
    ) -> None:
        """A box far away gives no scene."""
        assert self._scenes(source, replace(query, bbox=elsewhere)) == []

    def test_pixels_lie_on_the_grid_in_the_wanted_pieces(
        self, source: SceneSource, query: Query, footprint: Footprint
    ) -> None:
        """Bands are the scene's, the shape is the grid's, and unwanted pieces hold nothing."""
        scene = self._scenes(source, query)[0]
        raster = source.fetch(scene, footprint.grid, footprint.pieces)
        piece = np.ones((PIECE_PX, PIECE_PX), dtype=np.bool_)
        rows, cols = footprint.grid.shape
        unwanted = np.kron(~footprint.pieces, piece)[:rows, :cols]

        assert raster.bands == scene.bands
        assert raster.values.shape == (len(scene.bands), rows, cols)
        assert unwanted.any()
        assert (raster.values[:, unwanted] == NODATA).all()
        assert (raster.mask[unwanted] == MaskClass.NODATA).all()
        assert (raster.values[:, ~unwanted] != NODATA).any()
        assert set(np.unique(raster.mask)) <= {int(c) for c in MaskClass}

    def test_fetching_twice_gives_equal_bytes(
        self, source: SceneSource, query: Query, footprint: Footprint
    ) -> None:
        """Also when the second one runs in a worker that got source and scene by pickle."""
        scene = self._scenes(source, query)[0]
        one = source.fetch(scene, footprint.grid, footprint.pieces)
        far_source, far_scene = pickle.loads(pickle.dumps((source, scene)))  # noqa: S301  our own
        two = far_source.fetch(far_scene, footprint.grid, footprint.pieces)

        np.testing.assert_array_equal(one.values, two.values)
        np.testing.assert_array_equal(one.mask, two.mask)

    def test_a_piece_is_the_same_whatever_else_is_wanted(
        self, source: SceneSource, query: Query, footprint: Footprint
    ) -> None:
        """Fetching one piece alone gives the pixels it has among the others."""
        scene = self._scenes(source, query)[0]
        whole = source.fetch(scene, footprint.grid, footprint.pieces)
        for row, col in np.argwhere(footprint.pieces)[::EVERY].tolist():
            rows, cols = (slice(n * PIECE_PX, (n + 1) * PIECE_PX) for n in (row, col))
            part = rows, cols
            if (whole.values[(..., *part)] == NODATA).all():
                continue
            alone = np.zeros_like(footprint.pieces)
            alone[row, col] = True
            raster = source.fetch(scene, footprint.grid, alone)

            np.testing.assert_array_equal(raster.values[(..., *part)], whole.values[(..., *part)])
            np.testing.assert_array_equal(raster.mask[part], whole.mask[part])

    def test_the_price_is_known_before_and_costs_nothing(
        self, source: SceneSource, query: Query, footprint: Footprint
    ) -> None:
        """Asking twice says the same, and fetching then spends exactly that."""
        scene = self._scenes(source, query)[0]
        price = source.price(scene, footprint.grid, footprint.pieces)

        assert source.price(scene, footprint.grid, footprint.pieces) == price
        raster = source.fetch(scene, footprint.grid, footprint.pieces)
        assert raster.spent_pu == price.processing_units

    @staticmethod
    def _scenes(source: SceneSource, query: Query) -> list[Scene]:
        return [found.scene for found in source.search(query) if found.scene is not None]
