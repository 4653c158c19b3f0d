"""The way of one area's scenes through the program: search, ingest, detect, publish.

Every occasion walks it: the schedule, an operator's window, the command line. Each stage asks the
record what is left, so walking it twice, or two walking it at once, does everything once.
"""

from flows.job import Job
from flows.outcome import Outcome
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.errors import QuotaError, TransientError
from railwatch.record import Record
from tasks.detect import detect
from tasks.ingest import ingest
from tasks.publish import publish
from tasks.search import search
from tasks.spread import Crew


def walk(job: Job, crew: Crew) -> Outcome:
    """Take what is new of a job from the archive to its readers, and say what was done.

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
    unfinished: TransientError | QuotaError | None = None
    try:
        ingest(job.area, job.source, job.store, found, crew)
    except (TransientError, QuotaError) as exc:
        unfinished = exc
    detect(job.area, job.store, crew)
    publication = publish(job.area, job.store, detector_fingerprint())
    if unfinished is not None:
        raise unfinished
    job.settled(found, publication.id).write(job.store, job.area.id)
    with Record.open(job.store, job.area.id) as record:
        done = job.outcome(len(found)).with_entries(before, record.entries())
        counts = record.counts(job.area.sidings.digest, detector_fingerprint())
    return done.with_counts(counts).with_publication(publication)
