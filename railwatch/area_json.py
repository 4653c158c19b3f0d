"""JSON read strictly, with the lines of its features kept for messages.

Python's parser takes NaN, Infinity and repeated keys without a word and gives no positions; here
they are refused, depth is bounded before parsing, and a feature's line is found when one is wrong.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from railwatch.area_text import read_text, shown
from railwatch.area_yaml import Place
from railwatch.errors import AreaError

MAX_BYTES = 4 * 1024 * 1024
"""Holds two thousand surveyed sidings; parses in 0.2 s and 100 MB at worst (measured)."""

MAX_DEPTH = 12
"""A FeatureCollection of LineStrings is 6 deep; properties may add some."""

Json: TypeAlias = "dict[str, Json] | list[Json] | str | float | bool | None"


def number(value: Json) -> float | None:
    """Take a JSON value as a finite number; None where it is anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        taken = float(value)
    except OverflowError:
        return None
    return taken if math.isfinite(taken) else None


def kind(value: Json) -> str:
    """Say what sort of JSON value it is, for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return "text" if isinstance(value, str) else "a number"


@dataclass(frozen=True, slots=True)
class JsonText:
    """A JSON file's text and where its features begin."""

    path: Path
    text: str
    depth: npt.NDArray[np.int32]
    """(byte,) int32, open brackets at each byte, strings left out."""

    @classmethod
    def read(cls, path: Path, max_bytes: int = MAX_BYTES) -> JsonText:
        """Read the file and count its brackets; `AreaError` where it is no small text file."""
        text = read_text(path, max_bytes)
        bare = text.encode().replace(b"\\\\", b"__").replace(b'\\"', b"__")
        raw = np.frombuffer(bare, dtype=np.uint8)
        in_string = np.cumsum(raw == ord('"'), dtype=np.int32) & 1 == 1
        opens = ((raw == ord("{")) | (raw == ord("["))) & ~in_string
        closes = ((raw == ord("}")) | (raw == ord("]"))) & ~in_string
        step = opens.astype(np.int8) - closes.astype(np.int8)
        return cls(path, text, np.cumsum(step, dtype=np.int32))

    def parse(self) -> Json:
        """Parse the text; `AreaError` names the line where it is not strict JSON."""
        where = Place(str(self.path), "", None)
        if not self.text.strip():
            raise where.error("is empty; write a GeoJSON FeatureCollection of LineStrings")
        deep = np.flatnonzero(self.depth > MAX_DEPTH)
        if deep.size:
            line = self._line_of_byte(int(deep[0]))
            raise Place(str(self.path), "", line).error(
                f"brackets are nested deeper than {MAX_DEPTH} levels; "
                "a FeatureCollection of LineStrings has 6"
            )
        try:
            return json.loads(  # type: ignore[no-any-return]  # json is typed Any
                self.text, object_pairs_hook=self._once, parse_constant=self._refuse_constant
            )
        except json.JSONDecodeError as exc:
            raise Place(str(self.path), "", exc.lineno).error(f"is not JSON: {exc.msg}") from exc
        except AreaError:
            raise
        except ValueError as exc:
            raise where.error("holds a number with too many digits; round it") from exc

    def _once(self, pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        read = dict(pairs)
        if len(read) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in read if names.count(name) > 1)
            raise AreaError(str(self.path), shown(twice), "stands twice in one object; delete one")
        return read

    def _refuse_constant(self, name: str) -> float:
        line = self._line_of_byte(self.text.encode().find(name.encode()))
        raise AreaError(
            str(self.path), "", f"{name} is not a number in JSON; write the coordinate", line=line
        )

    def feature(self, index: int) -> Place:
        """Place of the feature at `index` of the root's `features`."""
        return Place(str(self.path), f"features[{index}]", self._feature_line(index))

    def _feature_line(self, index: int) -> int | None:
        raw = self.text.encode()
        for match in re.finditer(rb'"features"\s*:\s*\[', raw):
            if self.depth[match.start()] == 1:
                tail = self.depth[match.end() :]
                begins = np.flatnonzero((tail[1:] == 3) & (tail[:-1] == 2)) + 1
                if tail.size and tail[0] == 3:
                    begins = np.concatenate([[0], begins])
                if index < len(begins):
                    return self._line_of_byte(match.end() + int(begins[index]))
        return None

    def _line_of_byte(self, offset: int) -> int:
        return self.text.encode().count(b"\n", 0, offset) + 1
