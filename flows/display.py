"""Showing a run's progress to a person: bars on a terminal, plain lines elsewhere.

Both write to stderr; stdout is for results.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tasks.progress import Listener, listener

LINE_EVERY_S = 5.0
"""Plain lines come this seldom, so that a log of hours stays readable."""


class Bars:
    """One bar a stage."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def begin(self, stage: str, total: int, unit: str) -> None:
        """Put up a bar."""
        self._bars[stage] = self._progress.add_task(f"{stage} {unit}", total=total)

    def advance(self, stage: str, done: int) -> None:
        """Move it."""
        self._progress.update(self._bars[stage], completed=done)

    def end(self, stage: str) -> None:
        """Stop its clock."""
        self._progress.stop_task(self._bars[stage])


class Lines:
    """A line now and then, and one at the end of a stage."""

    def __init__(self) -> None:
        self._said_at = time.monotonic()
        self._totals: dict[str, tuple[int, str]] = {}
        self._done: dict[str, int] = {}

    def begin(self, stage: str, total: int, unit: str) -> None:
        """Announce it."""
        self._totals[stage] = total, unit
        self._done[stage] = 0
        self._say(f"{stage}: {total} {unit}")

    def advance(self, stage: str, done: int) -> None:
        """Say it if the last line is long ago."""
        self._done[stage] = done
        if time.monotonic() - self._said_at >= LINE_EVERY_S:
            self._say_done(stage)

    def end(self, stage: str) -> None:
        """Say how far it came."""
        self._say_done(stage)

    def _say_done(self, stage: str) -> None:
        total, unit = self._totals[stage]
        self._say(f"{stage}: {self._done[stage]} of {total} {unit} done")

    def _say(self, line: str) -> None:
        self._said_at = time.monotonic()
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


@contextmanager
def shown() -> Iterator[None]:
    """Show the progress of what the body runs."""
    if not sys.stderr.isatty():
        with _listening(Lines()):
            yield
        return
    columns = (
        TextColumn("{task.description:<20}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars, _listening(Bars(bars)):
        yield


@contextmanager
def _listening(hearing: Listener) -> Iterator[None]:
    token = listener.set(hearing)
    try:
        yield
    finally:
        listener.reset(token)
