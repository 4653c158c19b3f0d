"""The network's teacher."""

import numpy as np
import pytest

from benchmarks.class_a import network
from benchmarks.class_a.teach import labelled
from benchmarks.class_a.yard import Layout


def test_gradients_are_the_slopes_of_the_loss():
    """Every layer's steepest weight: the analytic gradient equals a central difference."""
    rng = np.random.default_rng(0)
    weights = [w.astype(np.float64) for w in network.initial(rng, 7)]
    x = rng.standard_normal((2, 40, 7))
    cover, axis = rng.integers(-1, 3, (2, 40)), rng.integers(-1, 10, (2, 40))

    def loss():
        by_class, by_axis, _ = network.losses(weights, x, cover, axis)
        return by_class + 0.3 * by_axis

    gradients = network.losses(weights, x, cover, axis)[2]
    for weight, gradient in zip(weights, gradients, strict=True):
        at = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        kept = weight[at]
        weight[at] = kept + 1e-5
        above = loss()
        weight[at] = kept - 1e-5
        slope = (above - loss()) / 2e-5
        weight[at] = kept

        assert gradient[at] == pytest.approx(slope, rel=1e-3)


def test_labels_tell_couplings_from_empty_track():
    """Two cars 1 m apart have a gap between them; 5 m of track between two others is empty."""
    label = labelled(240, [(5.0, 15.0), (16.0, 26.0), (31.0, 41.0)])

    assert label[[10, 40, 61, 62, 80, 110, 150, 200]].tolist() == [0, 1, 2, 2, 1, 0, 1, 0]


@pytest.mark.parametrize("radius_m", [np.inf, 400.0, -700.0])
def test_yard_coordinates_close(radius_m):
    """Ground positions of chainage and offset lead back to both, on lines and arcs either way."""
    layout = Layout(np.zeros(1), 200.0, radius_m, 0.7)
    chainage, offset = np.linspace(-90, 90, 7), 6.5

    s, d = layout.track(*layout.ground(chainage, offset).T)

    assert s == pytest.approx(chainage, abs=1e-9)
    assert d == pytest.approx(offset, abs=1e-9)
