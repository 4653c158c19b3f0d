"""Evaluation: renders places nobody has seen, counts them, and says how wrong the counts were.

    stratum     which kinds of place, sensor and season are tried, and how often
    site        one rendered place on disk: area file, archive, truth
    answer      what counted it: the seam between evaluation and a detector
    trial       counts beside truth, row by row, and the records that were claimed
    bound       what is left to be known when colours, shifts and the empty scene are given
    guess       what a naive method would have said of the same scenes
    score       errors, coverage and refusals of many rows
    goal        the figures to reach, and whether they were

It judges whatever fills the seam, so the harness itself is tested with counters whose errors are
known by construction.
"""

from railwatch.testing.evaluation.answer import Answer, Counter, oracle
from railwatch.testing.evaluation.goal import Verdict, judge
from railwatch.testing.evaluation.score import score_table
from railwatch.testing.evaluation.site import Site, build_site
from railwatch.testing.evaluation.stratum import STRATA, Stratum
from railwatch.testing.evaluation.trial import Trial, try_site

__all__ = [
    "STRATA",
    "Answer",
    "Counter",
    "Site",
    "Stratum",
    "Trial",
    "Verdict",
    "build_site",
    "judge",
    "oracle",
    "score_table",
    "try_site",
]
