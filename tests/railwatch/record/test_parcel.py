"""Values become bytes and come back bit for bit, led by their classes' annotations alone."""

import dataclasses
import datetime as dt
import enum
import json
import sys

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from railwatch.errors import IntegrityError
from railwatch.record import parcel


class Colour(enum.StrEnum):
    """A few."""

    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass(frozen=True)
class Inner:
    """Small."""

    numbers: npt.NDArray[np.float32]
    name: str = "x"


@dataclasses.dataclass(frozen=True, slots=True)
class Other:
    """Another."""

    day: dt.date


@dataclasses.dataclass(frozen=True)
class Outer:
    """All that may be in a parcel."""

    flags: npt.NDArray[np.bool_]
    parts: tuple[Inner, ...]
    pair: tuple[int, float]
    either: Inner | Other | None
    when: dt.datetime
    colour: Colour | None
    by_name: dict[str, tuple[int, ...]]
    shared: Inner
    maybe: float | None = None


SHARED = Inner(np.arange(3, dtype=np.float32), "shared")
ARRAYS = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.uint16, np.bool_, np.int64]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


def outer(array: npt.NDArray[np.generic], number: float = 0.1) -> Outer:
    """Fill every field."""
    return Outer(
        np.array([True, False]),
        (Inner(array), Inner(array.T, "turned")),
        (7, number),
        Other(dt.date(2024, 2, 29)),
        dt.datetime(2024, 1, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        Colour.BLUE,
        {"a": (1, 2), "b": ()},
        SHARED,
        float("-inf"),
    )


@given(ARRAYS, st.floats(allow_nan=False))
def test_a_value_comes_back_bit_for_bit(array, number):
    """Arrays of any type and shape, also views out of order, and every kind of field."""
    value = outer(array, number)
    data = parcel.packed(value, {"shared": SHARED})

    back = parcel.unpacked(Outer, data, {"shared": SHARED})

    assert parcel.packed(back, {"shared": SHARED}) == data
    for before, after in zip(value.parts, back.parts, strict=True):
        assert before.numbers.dtype == after.numbers.dtype
        assert before.numbers.shape == after.numbers.shape
        assert before.numbers.tobytes() == after.numbers.tobytes()
        assert after.numbers.flags.c_contiguous
    assert back.pair == (7, number)
    assert (back.either, back.when, back.colour) == (value.either, value.when, value.colour)
    assert back.by_name == value.by_name
    assert back.shared is SHARED


def test_numpy_s_numbers_are_kept_as_plain_ones():
    """A float64 of NumPy in a field of type float has the same bits afterwards."""
    value = dataclasses.replace(outer(np.zeros(1)), maybe=np.float64(1) / 3)

    back = parcel.unpacked(Outer, parcel.packed(value))

    assert back.maybe == 1 / 3


@given(st.data())
def test_any_damaged_byte_is_noticed(data):
    """One byte changed anywhere, or the end cut off, is an error and never a value."""
    whole = parcel.packed(outer(np.arange(5.0)))
    at = data.draw(st.integers(0, len(whole) - 1))
    broken = bytearray(whole)
    broken[at] ^= data.draw(st.integers(1, 255))

    assert parcel.whole(whole)
    for bad in (bytes(broken), whole[:at]):
        assert not parcel.whole(bad)
        with pytest.raises(IntegrityError, match="Outer"):
            parcel.unpacked(Outer, bad)


def test_small_values_become_json():
    """Words survive JSON, arrays in them as base64."""
    value = outer(np.arange(4.0))
    said = json.loads(json.dumps(parcel.words(value)))

    assert parcel.packed(parcel.from_words(Outer, said)) == parcel.packed(value)


def test_words_of_another_class_are_not_read():
    """A field that the class does not have, or lacks, is an error that names the class."""
    said = parcel.words(Other(dt.date(2024, 1, 1)))

    with pytest.raises(IntegrityError, match="Inner"):
        parcel.from_words(Inner, said)
    said["Other"]["more"] = 1
    with pytest.raises(IntegrityError, match="Other"):
        parcel.from_words(Other, said)


def test_what_holds_code_is_not_packed():
    """Only fields and numbers are kept."""
    with pytest.raises(TypeError, match="module"):
        parcel.packed(Inner(sys))  # type: ignore[arg-type]
