"""Where the tracks lie in a class A scene: what is believed before looking."""

import numpy as np
import pytest

from railwatch.detector import segmented_snap as snapping


def test_a_scene_well_across_its_tracks_is_well_along_them():
    """4 m along is believed of a scene that lies 9 m across, not of one that lies right."""

    def odds(across_m):
        there, not_there = snapping.prior(np.array([[across_m, 4.0], [across_m, 0.0]]))
        return there - not_there

    # Of the wider kind alone, 4 m against none is exp(-(4 / 4)^2 / 2).
    assert odds(9.0) == pytest.approx(-0.5, abs=0.01)
    assert odds(0.0) < -2.0
