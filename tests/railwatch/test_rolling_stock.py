"""Rolling stock: sizes and tops."""

import numpy as np
import pytest
import shapely

from railwatch.rolling_stock import CATALOGUE, dress


@pytest.mark.parametrize("stock", CATALOGUE, ids=lambda s: s.kind)
def test_panels_tile_the_body(stock):
    """Whatever is drawn, a vehicle's panels cover its body once and nothing else."""
    rng = np.random.default_rng(7)
    for tarp in (False, True):
        vehicle = dress(rng, stock, tarp=tarp)
        boxes = [
            shapely.box(p.along_m[0], p.across_m[0], p.along_m[1], p.across_m[1])
            for p in vehicle.panels
        ]
        body = (stock.length_m - stock.gap_m) * stock.width_m

        assert sum(b.area for b in boxes) == pytest.approx(body)
        assert shapely.union_all(boxes).area == pytest.approx(body)


def test_freight_lengths_are_physical():
    """Coupled lengths lie in the 9-26 m that couplings are searched in."""
    assert all(9.0 < stock.length_m < 26.0 for stock in CATALOGUE)
    assert all(0.3 < stock.gap_m < 2.7 for stock in CATALOGUE)
