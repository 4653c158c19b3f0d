"""The way of one area's scenes through the program: search, ingest, detect, publish.

Every occasion walks it: the schedule, an operator's window, the command line. Each stage asks the
record what is left, so walking it twice, or two walking it at once, does everything once.
"""

from collections.abc import Callable, Sequence

from prefect.artifacts import create_markdown_artifact

from flows.job import Job
from flows.outcome import Outcome
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.errors import QuotaError, TransientError
from railwatch.record import Record
from railwatch.sources import Found
from tasks.detect import detect
from tasks.ingest import ingest
from tasks.publish import publish
from tasks.search import search
from tasks.spread import Crew

Cut = Callable[[Sequence[Found]], Sequence[Sequence[Found]]]


def whole(found: Sequence[Found]) -> Sequence[Sequence[Found]]:
    """Ingest everything in one go."""
    return [found]


def walk(job: Job, crew: Crew, cut: Cut = whole) -> Outcome:
    """Take what is new of a job from the archive to its readers, and say what was done.

    Parameters
    ----------
    job
        What to work on.
    crew
        Who fetches and counts.
    cut
        Parts what was found into windows, ingested one after another.

    Raises
    ------
    TransientError
        Scenes could not be fetched for now; what could is published.
    QuotaError
        The budget ends here; what was paid for is published.
    """
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
    detect(job.area, job.store, crew)
    references = job.references  # as of before publishing: one added meanwhile is still new
    publication = publish(job.area, job.store, detector_fingerprint())
    with Record.open(job.store, job.area.id) as record:
        done = job.outcome(len(found)).with_entries(before, record.entries())
        counts = record.counts(job.area.sidings.digest, detector_fingerprint())
    done = done.with_counts(counts).with_publication(publication)
    create_markdown_artifact(done.markdown(), key=f"{job.area.id}-summary")
    if unfinished is not None:
        raise unfinished
    job.settled(found, publication.id, references).write(job.store, job.area.id)
    return done
