"""Planning: what a backfill of areas would fetch, cost and take, before anything is spent."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.job import Job
from flows.outcome import Left, Outcome
from railwatch.errors import OperatorError, TransientError
from tasks.detect import SCENE_S as DETECT_S
from tasks.ingest import SCENE_S as INGEST_S

REQUEST_S = 1.5
"""Seconds a request to the archive takes, about, beside what the machine does meanwhile."""

AT_ONCE = 4
"""Requests under way at a time, about."""


@dataclass(frozen=True)
class Quoted:
    """What one area would take, or why that cannot be said."""

    area_id: str
    outcome: Outcome
    problem: str | None = None

    @property
    def left(self) -> Left:
        """What is left to fetch; nothing where it cannot be said."""
        return self.outcome.left or Left(scenes=0, requests=0, processing_units=0.0, bytes=0)

    @property
    def takes_s(self) -> float:
        """Seconds on this machine's cores, about: fetching and counting overlap in no window."""
        cores = len(os.sched_getaffinity(0))
        fetching = self.left.requests * REQUEST_S / AT_ONCE
        return fetching + self.left.scenes * (INGEST_S + DETECT_S) / cores


def quote(area_id: str, job: Job) -> Quoted:
    """Search, compare with the record and price; an area that cannot be searched says why."""
    try:
        return Quoted(area_id, job.left())
    except (OperatorError, TransientError) as exc:
        return Quoted(area_id, job.outcome(0), str(exc))


def tell_plan(quoted: Sequence[Quoted]) -> None:
    """Write the plan as a page with the sums and a table with a row an area."""
    create_markdown_artifact(plan_page(quoted), key="backfill-plan", description="Dry run")
    create_table_artifact(
        [
            {
                "area": one.area_id,
                "scenes": one.left.scenes,
                "requests": one.left.requests,
                "processing units": round(one.left.processing_units, 2),
                "MB": round(one.left.bytes / 1e6, 1),
                "minutes": round(one.takes_s / 60, 1),
                "problem": one.problem or "",
            }
            for one in quoted
        ],
        key="backfill-plan-areas",
        description="What is left of each area",
    )


def plan_page(quoted: Sequence[Quoted]) -> str:
    """Sum the plan up in Markdown."""
    scenes = sum(one.left.scenes for one in quoted)
    requests = sum(one.left.requests for one in quoted)
    units = sum(one.left.processing_units for one in quoted)
    size = sum(one.left.bytes for one in quoted) / 1e6
    minutes = sum(one.takes_s for one in quoted) / 60
    broken = [one for one in quoted if one.problem]
    return "\n".join(
        [
            "## Dry run: nothing was fetched, nothing was spent",
            "",
            "| areas | scenes | requests | processing units | MB | minutes, about |",
            "|---:|---:|---:|---:|---:|---:|",
            f"| {len(quoted)} | {scenes} | {requests} | {units:.2f} | {size:.1f} | {minutes:.0f} |",
            "",
            *(f"- **{one.area_id}** cannot be planned: {one.problem}" for one in broken),
            "",
            "Start the same backfill with `dry_run` off to fetch it.",
            "",
        ]
    )
