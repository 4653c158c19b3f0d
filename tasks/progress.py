"""Telling how far a stage is: to whoever runs the flow, and to the Prefect UI.

A stage announces how many units it has and reports as they complete. Who listens is set by the
occasion: the command line shows bars or plain lines, a deployment only the artifact. The artifact
is written every few seconds at most, because the server takes tens of milliseconds for each.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import TaskRunContext

ARTIFACT_EVERY_S = 2.0


class Listener(Protocol):
    """Shows progress to a person."""

    def begin(self, stage: str, total: int, unit: str) -> None:
        """Announce a stage of `total` units, e.g. `scenes`."""
        ...

    def advance(self, stage: str, done: int) -> None:
        """Say how many units of the stage are done in all."""
        ...

    def end(self, stage: str) -> None:
        """Close the stage, complete or not."""
        ...


class Silence:
    """Listens to nothing."""

    def begin(self, stage: str, total: int, unit: str) -> None:
        """Ignore it."""

    def advance(self, stage: str, done: int) -> None:
        """Ignore it."""

    def end(self, stage: str) -> None:
        """Ignore it."""


listener: ContextVar[Listener] = ContextVar("listener", default=Silence())  # noqa: B039  # Silence holds nothing
"""Who is told; set by the occasion around its flow."""


class Stage:
    """One stage under way."""

    def __init__(self, name: str, area_id: str, total: int, unit: str) -> None:
        self.name = name
        self.total = total
        self.done = 0
        self._listener = listener.get()
        self._artifact: UUID | None = None
        self._said_at = time.monotonic()
        self._listener.begin(name, total, unit)
        if TaskRunContext.get() is not None:
            made = create_progress_artifact(
                progress=0.0,
                key=f"{area_id}-{name}",
                description=f"{area_id}: {name}, {total} {unit}",
            )
            self._artifact = made if isinstance(made, UUID) else None

    def advance(self, units: int = 1) -> None:
        """Count units as done."""
        self.done += units
        self._listener.advance(self.name, self.done)
        now = time.monotonic()
        if now - self._said_at >= ARTIFACT_EVERY_S or self.done >= self.total:
            self._said_at = now
            self._say()

    def close(self) -> None:
        """End the stage."""
        self._listener.end(self.name)

    def _say(self) -> None:
        if self._artifact is not None:
            update_progress_artifact(self._artifact, 100.0 * self.done / max(self.total, 1))


@contextmanager
def stage(name: str, area_id: str, total: int, unit: str = "scenes") -> Iterator[Stage]:
    """Report a stage of `total` units while the body does them."""
    opened = Stage(name, area_id, total, unit)
    try:
        yield opened
    finally:
        opened.close()
