"""Bands of an archive: numbers of a file as the cube stores them."""

import numpy as np
import pytest

from railwatch.scene import NODATA
from railwatch.sources.archive.band import Scaling, counts_shift, shift_counts, stored

EVERY = np.arange(2**16, dtype=np.uint16).reshape(256, 256)


@pytest.mark.parametrize("nodata", [(), (0.0,), (65535.0,), (0.0, 65535.0), (17.0, float("nan"))])
@pytest.mark.parametrize("offset", [0.0, -0.1, -0.1234])
def test_whole_numbers_give_what_reflectance_would(offset, nodata):
    """Every value a file can hold comes out as by way of floats, without them."""
    scaling = Scaling(1e-4, offset)
    plane = EVERY.copy()

    shift = counts_shift("red", "uint16", scaling)
    shift_counts(plane, shift, nodata)

    by_floats = np.clip(np.rint(EVERY + np.float64(offset) * 1e4), 0, int(NODATA) - 1)
    by_floats = np.where(np.isin(EVERY, nodata), NODATA, by_floats)
    if offset == 0.0:
        by_floats[EVERY == NODATA] = NODATA  # what the cube means by that number
    np.testing.assert_array_equal(plane, by_floats)
    np.testing.assert_array_equal(plane, stored(EVERY, "red", scaling, nodata))


@pytest.mark.parametrize(
    ("name", "dtype", "scaling"),
    [
        ("red", "uint8", Scaling(1e-4, 0.0)),
        ("red", "uint16", Scaling(2e-4, 0.0)),
        ("red", "uint16", Scaling(1e-4, -0.00005)),
        ("red", "uint16", Scaling(1e-4, 0.1)),
        ("vv", "uint16", Scaling(1e-4, 0.0)),
    ],
)
def test_what_needs_arithmetic_has_no_whole_number(name, dtype, scaling):
    """Other scales, parts of a step and radar go by way of floats."""
    assert counts_shift(name, dtype, scaling) is None
