"""A problem: one object or part of a store that is not what it should be."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from railwatch.record.upkeep import Flaw


class Verdict(enum.StrEnum):
    """What is wrong."""

    DAMAGED = "damaged"
    """It is there, and not what was written."""
    MISSING = "missing"
    """Something refers to it and it is not there."""
    FOREIGN = "foreign"
    """Nobody of ours puts an object of that name there."""


class Remedy(enum.StrEnum):
    """What makes it good."""

    FETCH = "fetch again"
    """Pixels: the scene is left out until the next run fetches it from its archive."""
    COUNT = "count again"
    """Findings and kept state: the next run makes them from pixels, with equal bits."""
    PUBLISH = "publish again"
    """Everything below `areas/`: made from the record."""
    RESTORE = "restore from a backup"
    """What the record itself rests on."""
    LEAVE = "delete it if nobody needs it"
    """Foreign objects: never touched by railwatch."""
    FORGET = "put aside"
    """Nothing of today rests on it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and what makes it good."""

    verdict: Verdict
    key: str
    """Object in the store, or the part of it: a scene id, a path in the record."""
    detail: str
    remedy: Remedy
    flaw: Flaw | None = None
    """Where the record itself found it."""

    @property
    def sentence(self) -> str:
        """One line for a person."""
        return f"{self.verdict}: {self.key}: {' '.join(self.detail.split())} ({self.remedy})"
