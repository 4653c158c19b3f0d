"""Catalog filters: the part of CQL2 the service takes, as text or as JSON.

Only `and`, `not`, the six comparisons and `between`; no `or`. Text is read into the JSON form, so
there is one evaluator.

References
----------
OGC 21-065r2, Common Query Language (CQL2).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from railwatch.testing.sentinel_hub.answer import catalog_error

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<op><=|>=|<>|=|<|>)|(?P<paren>[()])|(?P<word>[A-Za-z_][\w:.\-]*))"
)


def parse_text(text: str) -> dict[str, Any]:
    """Read a CQL2 text filter into CQL2 JSON."""
    tokens: list[tuple[str, str]] = []
    at, text = 0, text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise catalog_error(f"Cannot parse parameter `filter`. Unexpected `{text[at:]}`.")
        tokens.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return _Parser(tokens).whole()


class _Parser:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.at = 0

    def whole(self) -> dict[str, Any]:
        found = self.conjunction()
        if self.at != len(self.tokens):
            raise self.unexpected()
        return found

    def conjunction(self) -> dict[str, Any]:
        args = [self.term()]
        while self.keyword("AND"):
            args.append(self.term())
        return args[0] if len(args) == 1 else {"op": "and", "args": args}

    def term(self) -> dict[str, Any]:
        if self.keyword("NOT"):
            return {"op": "not", "args": [self.term()]}
        if self.peek() == ("paren", "("):
            self.at += 1
            inside = self.conjunction()
            if self.take() != ("paren", ")"):
                raise self.unexpected()
            return inside
        left = self.scalar()
        if self.keyword("BETWEEN"):
            low = self.scalar()
            if not self.keyword("AND"):
                raise self.unexpected()
            return {"op": "between", "args": [left, low, self.scalar()]}
        kind, value = self.take()
        if kind != "op":
            raise self.unexpected()
        return {"op": value, "args": [left, self.scalar()]}

    def scalar(self) -> Any:
        kind, value = self.take()
        if kind == "number":
            return float(value)
        if kind == "text":
            return value[1:-1].replace("''", "'")
        if kind == "word":
            return {"property": value}
        raise self.unexpected()

    def keyword(self, word: str) -> bool:
        kind, value = self.peek()
        found = kind == "word" and value.upper() == word
        self.at += found
        return found

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token

    def unexpected(self) -> Exception:
        return catalog_error("Cannot parse parameter `filter`.")


def check_properties(condition: Any, allowed: Collection[str]) -> None:
    """Refuse a filter on a property the collection cannot be queried by."""
    if not isinstance(condition, Mapping):
        return
    name = condition.get("property")
    if name is not None and name not in allowed:
        raise catalog_error(f"Querying is not supported on property '{name}'")
    for argument in condition.get("args", ()):
        check_properties(argument, allowed)


def holds(condition: Mapping[str, Any], properties: Mapping[str, Any]) -> bool:
    """Whether an item's properties meet a CQL2 JSON filter; a missing property never does."""
    op, args = condition["op"], condition["args"]
    if op == "and":
        return all(holds(arg, properties) for arg in args)
    if op == "not":
        return not holds(args[0], properties)
    values: list[Any] = [
        properties.get(a["property"]) if isinstance(a, Mapping) else a for a in args
    ]
    if any(v is None for v in values):
        return False
    numbers = [isinstance(v, int | float) for v in values]
    if any(numbers) and not all(numbers):
        return False
    if op == "between":
        return bool(values[1] <= values[0] <= values[2])
    return _COMPARE[op](values[0], values[1])
