"""How far a round of areas is: one artifact with a bar, one with a table and an estimate."""

import time
from collections.abc import Mapping
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext

from flows.outcome import Outcome

EVERY_S = 10.0
"""The page is rewritten this seldom: the server keeps each version."""

SHOWN = 40
"""Areas on the page; a thousand would make it unreadable."""


class RoundProgress:
    """Tells how many areas of a round are done, and when it will end."""

    def __init__(self, occasion: str, total: int) -> None:
        self._occasion = occasion
        self._total = total
        self._began = self._told = time.monotonic()
        self._done = 0
        self._ingested = 0
        self._spent_pu = 0.0
        self._lines: list[str] = []
        self._bar: UUID | None = None
        self._told_to = total > 1 and FlowRunContext.get() is not None
        if self._told_to:
            made = create_progress_artifact(
                progress=0.0, key=f"{occasion}-areas", description=f"{occasion}: {total} areas"
            )
            self._bar = made if isinstance(made, UUID) else None

    def advance(self, area_id: str, outcome: Outcome | None) -> None:
        """Count one area as done, or as left out where there is no outcome."""
        self._done += 1
        if outcome is not None:
            self._ingested += outcome.ingested
            self._spent_pu += outcome.spent_pu
            self._lines.append(f"- {outcome.sentence()}")
        else:
            self._lines.append(f"- {area_id}: not done")
        if self._bar is not None:
            update_progress_artifact(self._bar, 100.0 * self._done / self._total)
            if time.monotonic() - self._told > EVERY_S:
                self._page({})

    def close(self, failed: Mapping[str, str]) -> None:
        """Write the page a last time, with what failed."""
        if self._told_to:
            self._page(failed)

    def _page(self, failed: Mapping[str, str]) -> None:
        self._told = time.monotonic()
        took_s = self._told - self._began
        left_s = took_s / max(self._done, 1) * (self._total - self._done)
        said = [
            f"## {self._occasion}: {self._done} of {self._total} areas",
            "",
            (
                f"{self._ingested} scenes ingested, {self._spent_pu:.2f} PU spent in "
                f"{_duration(took_s)}; about {_duration(left_s)} left."
            ),
            "",
            *self._lines[-SHOWN:],
            *(f"- **{area_id}**: {why}" for area_id, why in failed.items()),
        ]
        create_markdown_artifact("\n".join(said), key=f"{self._occasion}-round")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
