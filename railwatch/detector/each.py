"""How work is handed out: a function run on units, wherever workers are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Each(Protocol):
    """Runs a function on units and gives (unit, result) in any order."""

    def __call__(self, function: Callable[[T], R], units: Iterable[T]) -> Iterator[tuple[T, R]]:
        """Run it; what a unit raises is raised here."""
        ...


def here(function: Callable[[T], R], units: Iterable[T]) -> Iterator[tuple[T, R]]:
    """Run every unit in this thread, in order."""
    for unit in units:
        yield unit, function(unit)


def batched(items: Sequence[T], size: int) -> list[tuple[T, ...]]:
    """Cut into tuples of at most `size`."""
    return [tuple(items[i : i + size]) for i in range(0, len(items), size)]
