"""The way of one area's scenes through the program: search, ingest, detect, publish.

Every occasion walks it: the schedule, an operator's window, the command line. Each stage asks the
record what is left, so walking it twice, or two walking it at once, does everything once.
"""

import time
from collections.abc import Callable, Sequence

from flows import happening, metrics
from flows.job import Job
from flows.outcome import Outcome
from flows.summary import tell
from railwatch.area import Area
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.errors import QuotaError, TransientError
from railwatch.record import Record, SceneEntry
from railwatch.sources import Found
from railwatch.store import Store
from tasks.detect import detect
from tasks.ingest import ingest
from tasks.publish import publish
from tasks.search import search
from tasks.spread import Crew

Cut = Callable[[Sequence[Found]], Sequence[Sequence[Found]]]


def whole(found: Sequence[Found]) -> Sequence[Sequence[Found]]:
    """Ingest everything in one go."""
    return [found]


def walk(job: Job, crew: Crew, cut: Cut = whole, *, roots: bool = True) -> Outcome:
    """Take what is new of a job from the archive to its readers, and say what was done.

    Parameters
    ----------
    job
        What to work on.
    crew
        Who fetches and counts.
    cut
        Parts what was found into windows, ingested one after another.
    roots
        Whether catalog and page of all areas are brought up to date; a round does it at its end.

    Raises
    ------
    TransientError
        Scenes could not be fetched for now; what could is published.
    QuotaError
        The budget ends here; what was paid for is published.
    """
    began = time.monotonic()
    found = search(job.source, job.query)
    with Record.open(job.store, job.area.id) as record:
        before = record.entries()
    if not found and not before:
        return job.outcome(0).model_copy(update={"nothing_new": True})
    unfinished: TransientError | QuotaError | None = None
    try:
        for window in cut(found):
            ingest(job.area, job.source, job.store, window, crew)
    except (TransientError, QuotaError) as exc:
        unfinished = exc
    references = job.references  # as of before publishing: one added meanwhile is still new
    done = count(job.area, job.store, crew, before, found=len(found), began=began, roots=roots)
    if isinstance(unfinished, QuotaError):
        happening.quota_exhausted(job.area.id, str(unfinished))
    if unfinished is not None:
        raise unfinished
    if done.publication is not None:
        job.settled(found, done.publication, references).write(job.store, job.area.id)
    return done


def count(
    area: Area,
    store: Store,
    crew: Crew,
    before: Sequence[SceneEntry],
    *,
    found: int,
    began: float,
    roots: bool = True,
) -> Outcome:
    """Count what the record holds of an area and publish it; tell operators and programs.

    Parameters
    ----------
    area
        Whose scenes are counted.
    store
        Where its record is, and what is published goes.
    crew
        Who counts.
    before
        The record's entries when the run began, to say what is new.
    found
        Items the archive listed.
    began
        `time.monotonic()` at the run's beginning.
    roots
        As in `walk`.
    """
    detector = detector_fingerprint()
    known = happening.Published.of(store, area.id)
    detect(area, store, crew)
    publication = publish(area, store, detector, roots=roots)
    with Record.open(store, area.id) as record:
        done = Outcome.begun(area, store, found).with_entries(before, record.entries())
        counts = record.counts(area.sidings.digest, detector)
    done = done.with_counts(counts).with_publication(publication)
    if publication.changed:
        happening.Published.of(store, area.id).tell_from(known, area.id)
    tell(area, store, done)
    metrics.write(store, done, time.monotonic() - began)
    return done
