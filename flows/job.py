"""A job: one place and window, opened; with what can be said of it before any flow runs.

Knows no Prefect, so that the command line can find that there is nothing to do, and say so, in the
second that importing Prefect alone would take.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from flows.outcome import Left, Outcome
from flows.parameters import Place, Window
from railwatch.area import Area, load_area
from railwatch.scene import Scene
from railwatch.series.reference import reference_digest
from railwatch.sources import Found, Query, SceneSource
from railwatch.store import Store
from railwatch.work import Settled, code_digest, query_for, seen_digest, work_for

if TYPE_CHECKING:
    from railwatch.sources.forecast import Wanted
    from railwatch.sources.sentinel_hub import Budget


@dataclass(frozen=True)
class Job:
    """What a run works on."""

    area: Area
    store: Store
    source: SceneSource
    query: Query

    @classmethod
    def open(cls, place: Place, window: Window, budget: Budget | None = None) -> Self:
        """Load the area and open store and archive; touches no network yet.

        Raises
        ------
        OperatorError
            Area file, store URL or account are not usable.
        """
        area = load_area(Path(place.area))
        store = Store.open(place.store)
        source = _source(place, area, store, budget)
        return cls(area, store, source, query_for(area, window.start, window.end))

    def outcome(self, found: int) -> Outcome:
        """Begin the summary of a run that found so many items."""
        return Outcome.begun(self.area, self.store, found)

    @property
    def references(self) -> str:
        """Digest of the area's reference counts as they are now."""
        return reference_digest(self.store, self.area.id)

    def settled(self, found: tuple[Found, ...], publication: str, references: str) -> Settled:
        """Say what a run leaves behind: it has seen `found` and `references`, and published."""
        return Settled(
            seen=seen_digest(self.query, found),
            siding_set=self.area.sidings.digest,
            code=code_digest(),
            publication=publication,
            references=references,
        )

    def search(self) -> tuple[Found, ...]:
        """List what the archive holds of the query.

        Raises
        ------
        SourceError
            The archive cannot be searched, or holds nothing of a collection asked for.
        """
        return tuple(self.source.search(self.query))

    def note(self) -> Settled | None:
        """Give what the last finished run left behind."""
        return Settled.read(self.store, self.area.id)

    def nothing_new(self) -> Outcome | None:
        """Search, and give the summary if all of it was done before; None if there may be work."""
        note = self.note()
        found = self.search()
        if note is None or note != self.settled(found, note.publication, self.references):
            return None
        return self.outcome(len(found)).with_current(note.publication)

    def left(self) -> Outcome:
        """Say what a run would fetch and pay, and do nothing.

        Raises
        ------
        SourceError
            The archive cannot be searched.
        """
        from railwatch.record import Record
        from railwatch.sources.forecast import forecast

        found = self.search()
        with Record.open(self.store, self.area.id) as record:
            work = work_for(self.area, record, found)

        def wanted(scene: Scene) -> list[Wanted]:
            blocks = work.footprints[scene.cube_key].blocks(len(scene.bands))
            return [(block.grid, block.pieces) for _, block in blocks]

        price = forecast(self.source, work.scenes, wanted).total
        return self.outcome(len(found)).model_copy(
            update={
                "left": Left(
                    scenes=len(work.scenes),
                    requests=price.requests,
                    processing_units=price.processing_units,
                    bytes=price.bytes,
                )
            }
        )


def _source(place: Place, area: Area, store: Store, budget: Budget | None) -> SceneSource:
    """Open the archive a place names, or Sentinel Hub where it names none."""
    if place.archive is not None:
        from railwatch.sources.archive import ArchiveSource

        return ArchiveSource(place.archive)
    from railwatch.sources.sentinel_hub import Budget, SentinelHubSource, Spool

    return SentinelHubSource(
        spool=Spool(store, area.id), sidings=area.sidings, budget=budget or Budget()
    )
