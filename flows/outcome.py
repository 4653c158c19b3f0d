"""What a run did, for the operator, a script (`--json`) and the next run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, Field

from railwatch.count import FACILITY, Count

if TYPE_CHECKING:
    from railwatch.area import Area
    from railwatch.publication import Publication
    from railwatch.record import SceneEntry
    from railwatch.store import Store


class Left(BaseModel):
    """What a dry run found left to fetch, and its exact price."""

    scenes: int
    requests: int
    processing_units: float
    bytes: int


class Outcome(BaseModel):
    """Summary of one run over one area."""

    area_id: str
    store: str
    found: int = Field(default=0, description="Items the archive listed")
    ingested: int = Field(default=0, description="Scenes this run put into the record")
    rejected: dict[str, int] = Field(
        default_factory=dict, description="Items this run could not use, by reason"
    )
    refused: dict[str, int] = Field(
        default_factory=dict, description="Scenes of the area that give no count, by reason"
    )
    scenes: int = Field(
        default=0,
        description="Scenes of the area in the record; 0 where nothing is new: it was not opened",
    )
    publication: str | None = Field(default=None, description="Id of the current publication")
    published: bool = Field(default=False, description="Whether this run switched readers to it")
    report: str | None = Field(default=None, description="Page for people")
    spent_pu: float = Field(default=0.0, description="Processing units this run was charged")
    unusable: dict[str, int] = Field(
        default_factory=dict, description="Items of the area that never reached a cube, by reason"
    )
    charged_pu: float = Field(
        default=0.0,
        description="Processing units the area's scenes were charged, all runs together",
    )
    left: Left | None = Field(default=None, description="Of a dry run: what it would fetch")
    nothing_new: bool = False

    @classmethod
    def begun(cls, area: Area, store: Store, found: int = 0) -> Self:
        """Begin the summary of a run that found so many items."""
        return cls(area_id=area.id, store=store.url, found=found)

    def with_entries(self, before: Iterable[SceneEntry], after: Iterable[SceneEntry]) -> Self:
        """Count what came into the record between two looks at it."""
        from railwatch.record import Status

        known = {(entry.item_id, entry.change, entry.status) for entry in before}
        entries = list(after)
        new = [e for e in entries if (e.item_id, e.change, e.status) not in known]
        rejected = Counter(str(e.rejection) for e in new if e.status is Status.REJECTED)
        unusable = Counter(str(e.rejection) for e in entries if e.status is Status.REJECTED)
        return self.model_copy(
            update={
                "ingested": sum(e.status is Status.INGESTED for e in new),
                "rejected": dict(sorted(rejected.items())),
                "scenes": sum(e.status is Status.INGESTED for e in entries),
                "spent_pu": sum(e.spent_pu for e in new),
                "unusable": dict(sorted(unusable.items())),
                "charged_pu": sum(e.spent_pu for e in entries),
            }
        )

    def with_counts(self, counts: Iterable[Count]) -> Self:
        """Count refusals of the facility by reason."""
        reasons = Counter(
            str(count.refusal)
            for count in counts
            if count.siding_id == FACILITY and count.refusal is not None
        )
        return self.model_copy(update={"refused": dict(sorted(reasons.items()))})

    def with_current(self, publication: str) -> Self:
        """Say that there was nothing to do: readers have it all."""
        return self.model_copy(
            update={
                "publication": publication,
                "report": f"{self.store}/areas/{self.area_id}/report/index.html",
                "nothing_new": True,
            }
        )

    def with_publication(self, publication: Publication) -> Self:
        """Say what readers see now."""
        return self.model_copy(
            update={
                "publication": publication.id,
                "published": publication.changed,
                "report": f"{self.store}/{publication.report}",
                "nothing_new": not publication.changed and not self.ingested and not self.rejected,
            }
        )

    def sentence(self) -> str:
        """Say it in one line."""
        if self.left is not None:
            return (
                f"{self.area_id}: {self.left.scenes} scenes left to fetch in {self.left.requests} "
                f"requests, {self.left.processing_units:.2f} PU, {self.left.bytes / 1e6:.1f} MB"
            )
        if self.publication is None:
            return f"{self.area_id}: the archive lists nothing of this place and time"
        if self.nothing_new:
            return f"{self.area_id}: nothing new; publication {self.publication} is current"
        parts = [f"{self.ingested} scenes ingested"]
        parts += [f"{n} rejected ({reason})" for reason, n in self.rejected.items()]
        parts += [f"{n} refused ({reason})" for reason, n in self.refused.items()]
        parts.append(f"published {self.publication}" if self.published else "published nothing new")
        return f"{self.area_id}: {', '.join(parts)}"
