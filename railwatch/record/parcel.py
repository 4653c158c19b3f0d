"""A parcel: a value of frozen dataclasses and arrays as bytes, and back bit for bit.

What is kept are fields and numbers, never code: reading is led by the annotations of the class that
is asked for, so a parcel can make nothing else. A field may be added to any class without a word
here. Parts that the reader has anyway (a block, a scene) are named instead of kept.

    RWP1 | CRC-32C of the rest | length of the words | words, JSON | arrays, end to end
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import enum
import json
import math
import struct
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

import google_crc32c
import numpy as np
import numpy.typing as npt

from railwatch.errors import IntegrityError

T = TypeVar("T")

Array = npt.NDArray[Any]
Words = Any
"""JSON values."""

_HEAD = struct.Struct("<4sI")
_LENGTH = struct.Struct("<Q")
_MAGIC = b"RWP1"
_GIVEN = "given"
_PLAIN = (bool, int, float, str)


def packed(value: object, given: Mapping[str, object] | None = None) -> bytes:
    """Pack a value; equal values give equal bytes.

    Parameters
    ----------
    value
        A dataclass whose fields are numbers, words, times, enumerations, arrays, tuples, dicts and
        other dataclasses.
    given
        Parts, by name, that are named and not kept: whatever in `value` is one of these objects.

    Raises
    ------
    TypeError
        There is something else in it.
    """
    arrays: list[bytes] = []
    at = 0

    def keep(array: Array) -> Words:
        nonlocal at
        raw = np.ascontiguousarray(array).tobytes()
        arrays.append(raw)
        start, at = at, at + len(raw)
        return [array.dtype.str, list(array.shape), start]

    said = json.dumps(_said(value, _by_identity(given), keep), separators=(",", ":")).encode()
    body = _LENGTH.pack(len(said)) + said + b"".join(arrays)
    return _HEAD.pack(_MAGIC, google_crc32c.value(body)) + body


def unpacked(kind: type[T], data: bytes, given: Mapping[str, object] | None = None) -> T:
    """Read back what `packed` gave; arrays are contiguous, writable and owned.

    Raises
    ------
    IntegrityError
        The bytes are not what was packed, or not a `kind`.
    """
    if not whole(data):
        raise IntegrityError(f"stored {kind.__name__} is damaged")
    begin = _HEAD.size + _LENGTH.size
    start = begin + _LENGTH.unpack_from(data, _HEAD.size)[0]

    def take(word: Words) -> Array:
        dtype, shape, place = np.dtype(word[0]), word[1], start + word[2]
        flat = np.frombuffer(data, dtype, math.prod(shape), place)
        return flat.reshape(shape).copy()

    return _read(kind, json.loads(data[begin:start]), given, take)


def whole(data: bytes) -> bool:
    """Whether the bytes are a parcel as it was packed."""
    if len(data) < _HEAD.size:
        return False
    magic, crc = _HEAD.unpack_from(data)
    return bool(magic == _MAGIC and crc == google_crc32c.value(data[_HEAD.size :]))


def words(value: object, given: Mapping[str, object] | None = None) -> Words:
    """Put a small value into JSON values; arrays that are not given become base64."""

    def keep(array: Array) -> Words:
        raw = np.ascontiguousarray(array).tobytes()
        return [array.dtype.str, list(array.shape), base64.b64encode(raw).decode()]

    return _said(value, _by_identity(given), keep)


def from_words(kind: type[T], said: Words, given: Mapping[str, object] | None = None) -> T:
    """Read back what `words` gave.

    Raises
    ------
    IntegrityError
        The words do not say a `kind`.
    """

    def take(word: Words) -> Array:
        flat = np.frombuffer(base64.b64decode(word[2]), np.dtype(word[0]))
        return flat.reshape(word[1]).copy()

    return _read(kind, said, given, take)


def _by_identity(given: Mapping[str, object] | None) -> dict[int, str]:
    return {id(part): name for name, part in (given or {}).items()}


def _said(value: object, given: Mapping[int, str], keep: Callable[[Array], Words]) -> Words:
    """Put a value into words; `keep` takes its arrays."""
    if id(value) in given:
        return {_GIVEN: given[id(value)]}
    if isinstance(value, np.ndarray):
        return keep(value)
    if isinstance(value, tuple | list):
        return [_said(part, given, keep) for part in value]
    if isinstance(value, Mapping):
        return [[_said(k, given, keep), _said(v, given, keep)] for k, v in value.items()]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _said(getattr(value, f.name), given, keep) for f in _fields(type(value))}
        return {type(value).__name__: fields}
    return _spelt(value)


def _spelt(value: object) -> Words:
    """Spell a single value."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dt.date):  # datetime is one, too
        return value.isoformat()
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, _PLAIN):
        return value
    raise TypeError(f"{type(value).__name__} cannot be put into a parcel")


def _read(
    kind: type[T], said: Words, given: Mapping[str, object] | None, take: Callable[[Words], Array]
) -> T:
    try:
        value: T = _Reader(given or {}, take).made(kind, said)
    except (KeyError, TypeError, ValueError, IndexError, StopIteration) as exc:
        raise IntegrityError(f"stored {kind.__name__} cannot be read: {exc!r}") from exc
    return value


@dataclasses.dataclass(frozen=True, slots=True)
class _Reader:
    """Makes values of annotated kinds from words."""

    given: Mapping[str, object]
    take: Callable[[Words], Array]

    def made(self, kind: Any, said: Words) -> Any:
        if isinstance(said, dict) and _GIVEN in said:
            return self.given[said[_GIVEN]]
        origin = typing.get_origin(kind) or kind
        # NumPy's NDArray is an alias of its own kind from Python 3.12 on.
        origin = typing.get_origin(getattr(origin, "__value__", None)) or origin
        if origin is np.ndarray:
            return self.take(said)
        if origin in (typing.Union, types.UnionType):
            return self._one_of(typing.get_args(kind), said)
        if _is_class(kind):
            fields, hints = said[kind.__name__], _hints(kind)
            return kind(**{name: self.made(hints[name], fields[name]) for name in fields})
        if origin in (tuple, list, dict):
            return self._several(origin, typing.get_args(kind), said)
        return _single(kind, said)

    def _several(self, origin: Any, kinds: tuple[Any, ...], said: Words) -> Any:
        if origin is dict:
            return {self.made(kinds[0], k): self.made(kinds[1], v) for k, v in said}
        alike = origin is list or kinds[1:] == (Ellipsis,)
        each = [kinds[0]] * len(said) if alike else kinds
        return origin(self.made(kind, one) for kind, one in zip(each, said, strict=True))

    def _one_of(self, kinds: tuple[Any, ...], said: Words) -> Any:
        """Make one of a union: null is None, a dataclass says its name, the rest must be one."""
        if said is None:
            return None
        classes = [kind for kind in kinds if _is_class(kind)]
        if isinstance(said, dict):
            return self.made(next(kind for kind in classes if kind.__name__ in said), said)
        others = [kind for kind in kinds if kind not in classes and kind is not types.NoneType]
        if len(others) != 1:
            raise TypeError(f"{kinds} cannot be told apart")
        return self.made(others[0], said)


def _is_class(kind: Any) -> bool:
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def _single(kind: Any, said: Words) -> Any:
    """Read a single value."""
    if kind in _PLAIN or (isinstance(kind, type) and issubclass(kind, enum.Enum)):
        return kind(said)
    if kind in (dt.datetime, dt.date):
        return kind.fromisoformat(said)
    raise TypeError(f"{kind} cannot come out of a parcel")


@cache
def _fields(kind: type) -> tuple[dataclasses.Field[Any], ...]:
    return tuple(f for f in dataclasses.fields(kind) if f.init)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
