"""Order statistics over dates against slow, obvious ones."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from railwatch.detector.order import half_sample_mode, median, median_and_miss

NUMBERS = st.one_of(
    st.floats(-1e6, 1e6, width=32), st.sampled_from([0.0, 0.1, 0.25, np.nan, np.inf, -np.inf])
)


def finite(series):
    return np.array([v for v in series if np.isfinite(v)], dtype=np.float64)


def slow_half_sample_mode(series):
    """By trying every window of the sorted half, again and again."""
    left = sorted(finite(series).tolist())
    while len(left) > 2:
        half = (len(left) + 1) // 2
        windows = [left[k : k + half] for k in range(len(left) - half + 1)]
        left = min(windows, key=lambda window: window[-1] - window[0])
    return sum((left[0], left[-1])) / 2 if left else np.nan


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 23).flatmap(lambda n: arrays(np.float32, (n, 3), elements=NUMBERS)),
    st.sampled_from([np.float32, np.float64]),
)
def test_every_answer_is_that_of_the_slow_way(values, dtype):
    """Exactly, with ties, gaps and series that hold one value or none."""
    values = values.astype(dtype)
    centre, miss = median_and_miss(values)
    columns = [finite(series) for series in values.T]
    expected = np.array([np.median(c) if len(c) else np.nan for c in columns])
    misses = [np.median(np.abs(c - np.median(c))) if len(c) else np.nan for c in columns]

    np.testing.assert_array_equal(median(values), expected)
    np.testing.assert_array_equal(centre, expected)
    np.testing.assert_array_equal(miss, misses)
    np.testing.assert_array_equal(half_sample_mode(values), [*map(slow_half_sample_mode, values.T)])


def test_the_mode_is_where_values_crowd():
    """Five of nine lie around 0.2, wherever the others are: the mode is among them."""
    crowd = [0.19, 0.2, 0.2, 0.21, 0.22]

    for others in itertools.combinations([0.3, 0.35, 0.42, 0.5, 0.61, 0.7], 4):
        assert half_sample_mode(np.array([*others, *crowd])) == pytest.approx(0.2, abs=0.005)


@pytest.mark.parametrize("shape", [(0, 3), (5, 0), (7, 2, 3, 4), (4,)])
def test_shapes_are_kept(shape):
    """All axes but the first stay; no dates give NaN."""
    values = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)

    found = median(values)

    assert found.shape == shape[1:]
    assert np.isnan(found).all() == (shape[0] == 0 or found.size == 0)


def test_series_beyond_one_sorting_block_are_all_answered():
    """Blocks are cut by series, and none is left out between them."""
    values = np.random.default_rng(0).random((301, 2000), dtype=np.float32)

    centre, miss = median_and_miss(values)

    np.testing.assert_array_equal(centre, np.median(values, axis=0).astype(np.float64))
    np.testing.assert_allclose(
        miss, np.median(abs(values - np.median(values, axis=0)), axis=0), atol=1e-7
    )
