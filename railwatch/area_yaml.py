"""YAML as an area file may use it: plain mappings, lists and scalars whose meaning nobody disputes.

The parser's events are read directly, so every value keeps its line, duplicate keys are seen, and
nothing is built that the file did not spell out: no anchors, aliases, tags or second documents.
Scalars stay text until a field asks for a type. A word that one YAML reader takes for a number or
a truth value and another for text (`NO`, `12:30:00`, `0123`, `3.10`) is refused unless quoted.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from railwatch.area_text import read_text, shown
from railwatch.errors import AreaError

MAX_BYTES = 64 * 1024
"""An area file names a place and its sources; a thousand lines are plenty."""

MAX_DEPTH = 8

_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "=", "<<"})
_NUMBERS = re.compile(
    r"""[-+]?(
        0[xob][0-9a-f_]+                          # hexadecimal, octal, binary
      | [0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?   # base 60 in YAML 1.1
      | ([0-9][0-9_]*\.?[0-9_]*|\.[0-9_]+)(e[-+]?[0-9]+)?
      | \.(inf|nan)
    )
    | \.nan
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([t\s].*)?    # a date, real or not
    """,
    re.VERBOSE | re.IGNORECASE,
)
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which file a value stands."""

    file: str
    field: str
    """Path to the value as the operator would say it: `sources[0].collection`."""
    line: int | None

    def error(self, problem: str) -> AreaError:
        """Make the error that names this place."""
        return AreaError(self.file, self.field, problem, line=self.line)

    def key(self, name: str, line: int | None) -> Place:
        """Place of the value under key `name`."""
        return Place(self.file, f"{self.field}.{name}" if self.field else name, line)

    def item(self, index: int, line: int | None) -> Place:
        """Place of the value at `index`."""
        return Place(self.file, f"{self.field}[{index}]", line)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A word of the file, not yet typed."""

    place: Place
    value: str
    plain: bool
    """Written without quotes."""

    def text(self) -> str:
        """Take the word as text; refuse one that readers of YAML disagree about."""
        if self.plain and self.value == "":
            raise self.place.error("has no value; write one or leave the key out")
        if "${" in self.value:
            raise self.place.error(
                f"{shown(self.value)} was not expanded; area files hold no variables, write it out"
            )
        if self.plain and (self.value.lower() in _WORDS or _NUMBERS.fullmatch(self.value)):
            said = shown(self.value)
            raise self.place.error(
                f"{said} without quotes is a number, date or truth value to many YAML readers; "
                f'write "{said}"'
            )
        return self.value

    def positive(self) -> float:
        """Take the word as a positive finite number in plain decimal notation."""
        if not self.plain or not _DECIMAL.fullmatch(self.value):
            raise self.place.error(
                f"{shown(self.value)!r} is not a plain decimal number; write one such as 13.9"
            )
        number = float(self.value)
        if not (math.isfinite(number) and number > 0):
            raise self.place.error(f"must be greater than 0, got {shown(self.value)}")
        return number


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of the file."""

    place: Place
    items: tuple[Node, ...]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.items)


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values of the file; each key once."""

    place: Place
    items: dict[str, Node]

    def only(self, known: Iterable[str]) -> None:
        """Refuse a key that is not `known`, with the nearest one that is."""
        names = tuple(known)
        for key, node in self.items.items():
            if key in names:
                continue
            near = difflib.get_close_matches(key, names, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(names)}"
            raise self.place.key(shown(key), node.place.line).error(f"unknown key; {remedy}")

    def text(self, key: str) -> str | None:
        """Text under `key`; None where the key is absent."""
        node = self.items.get(key)
        return None if node is None else scalar(node).text()


Node: TypeAlias = Scalar | Sequence | Mapping


def scalar(node: Node) -> Scalar:
    """Take the node as a single value."""
    if not isinstance(node, Scalar):
        raise node.place.error(f"must be a single value, not {_KIND[type(node)]}")
    return node


def sequence(node: Node) -> Sequence:
    """Take the node as a list."""
    if not isinstance(node, Sequence):
        raise node.place.error(f"must be a list (lines starting with -), not {_KIND[type(node)]}")
    return node


def mapping(node: Node) -> Mapping:
    """Take the node as keys and values."""
    if not isinstance(node, Mapping):
        raise node.place.error(f"must be keys and values, not {_KIND[type(node)]}")
    return node


_KIND: dict[type, str] = {Scalar: "a single value", Sequence: "a list", Mapping: "keys and values"}


def read_yaml(path: Path) -> Node:
    """Read the one document of a small YAML file.

    Raises
    ------
    AreaError
        The file cannot be read, is not YAML, is empty, or uses what area files do without: anchors,
        aliases, tags, duplicate keys, several documents, deep nesting.
    """
    text = read_text(path, MAX_BYTES)
    root = Place(str(path), "", None)
    try:
        return _Builder(root, YAML(typ="safe", pure=True).parse(text)).document()
    except MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        said = shown(str(exc.problem or exc.context), 120)
        line = None if mark is None else mark.line + 1
        raise AreaError(str(path), "", f"is not YAML: {said}", line=line) from exc
    except (YAMLError, ValueError) as exc:
        if isinstance(exc, AreaError):
            raise
        said = shown(str(exc).split("\n", 1)[0], 120)
        raise AreaError(str(path), "", f"is not YAML: {said}") from exc


class _Builder:
    """Nodes from the parser's events; refuses what a plain file does not hold."""

    def __init__(self, root: Place, events: Iterable[Event]) -> None:
        self._root = root
        self._events = iter(events)

    def document(self) -> Node:
        node: Node | None = None
        for event in self._events:
            if isinstance(event, StreamStartEvent | StreamEndEvent):
                continue
            if isinstance(event, DocumentStartEvent):
                if node is not None:
                    raise self._at(self._root, event).error(
                        "a second document starts here; write one area a file"
                    )
                node = self._node(next(self._events), self._root, 1)
        if node is None or (isinstance(node, Scalar) and node.plain and not node.value):
            raise self._root.error("is empty; write at least `id:` and `sidings:`")
        return node

    @staticmethod
    def _at(place: Place, event: Event) -> Place:
        if isinstance(event, ScalarEvent) and place.line is not None:
            return place  # a value's line is its key's; an empty value has none of its own
        return Place(place.file, place.field, event.start_mark.line + 1)

    def _node(self, event: Event, where: Place, depth: int) -> Node:
        place = self._at(where, event)
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise place.error("anchors (&) and aliases (*) are not read; write the value out")
        tag = getattr(event, "tag", None)
        if tag:
            raise place.error(f"tags are not read; delete {shown(tag)}")
        if depth > MAX_DEPTH:
            raise place.error(f"is nested deeper than {MAX_DEPTH} levels; an area file needs three")
        if isinstance(event, ScalarEvent):
            return Scalar(place, event.value, plain=event.style is None)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(place, depth)
        return self._mapping(event, place, depth)

    def _sequence(self, place: Place, depth: int) -> Sequence:
        items: list[Node] = []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                break
            items.append(self._node(event, place.item(len(items), None), depth + 1))
        return Sequence(place, tuple(items))

    def _mapping(self, start: Event, place: Place, depth: int) -> Mapping:
        if not isinstance(start, MappingStartEvent):
            raise place.error("is not a value an area file can hold")
        items: dict[str, Node] = {}
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                break
            key = self._node(event, Place(place.file, place.field, None), depth + 1)
            if not isinstance(key, Scalar):
                raise key.place.error("a key must be a single word")
            here = place.key(shown(key.value), key.place.line)
            if key.value in items:
                first = items[key.value].place.line
                raise here.error(f"stands twice (first on line {first}); delete one")
            items[key.value] = self._node(next(self._events), here, depth + 1)
        return Mapping(place, items)
