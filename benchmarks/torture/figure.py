"""Figures: what a fault suite must reach, what it reached, and after which injuries."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One figure of `make torture`."""

    name: str
    goal: str
    value: float
    reached: bool
    injected: str = ""
    """What was done, and how often it was seen to have happened."""

    @property
    def line(self) -> str:
        """One line of the table."""
        verdict = "reached" if self.reached else "MISSED"
        return f"{verdict:8} {self.name}: {self.value:g} (goal {self.goal}); {self.injected}"


def none(name: str, value: int, injected: str, *, happened: bool = True) -> Figure:
    """Make a figure that must be zero, after injuries that did happen."""
    return Figure(name, "0", value, value == 0 and happened, injected)


def every(name: str, value: int, of: int, injected: str) -> Figure:
    """Make a figure that must be all of a number, which is not zero."""
    return Figure(name, str(of), value, value == of > 0, injected)


def most(name: str, value: float, goal: float, injected: str) -> Figure:
    """Make a figure that must not exceed its goal."""
    return Figure(name, f"<= {goal:g}", round(value, 4), value <= goal, injected)


def write(path: Path, figures: Iterable[Figure]) -> None:
    """Write figures as a list of {name, goal, value, reached, injected}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(one) for one in figures], indent=1) + "\n")
