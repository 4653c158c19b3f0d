"""The decoder: a process beside the worker that opens rasters, because rasters may be hostile.

    worker                                    decoder
    decoded(job, scene) ── job, pickled ────> job.run(desk)
                       <── wants a range ───   GDAL, libtiff, PROJ: only here
                        ── its bytes ──────>
                       <── JSON ───────────    pixels lie in shared memory

A file that makes GDAL crash, ask for all memory or never come back ends a decoder, not a worker: it
costs its scene and half a second. A decoder has a limit on memory, a deadline a job, no credentials
and nothing to write to; what it answers is numbers and JSON, never a pickle.
"""

from railwatch.decoder.desk import Desk, Files, Job
from railwatch.decoder.pool import Pool, decoded
from railwatch.decoder.process import Answer, Limits

__all__ = ["Answer", "Desk", "Files", "Job", "Limits", "Pool", "decoded"]
