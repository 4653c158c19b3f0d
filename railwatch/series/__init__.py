"""Series: what many counts of one place say together.

    latent          a count as probabilities of whole cars
    comparability   which counts may stand in one series
    chance          how high a count would rise with nothing new going on
    record          a count higher than all before it; `judgement` decides
    surge           when a confirmed record began
    crossing        both ends of a crossing as one series
    reference       what analysts counted by eye; `conformal` puts intervals right by it
    tip             where a sharper image would tell most

Pure functions of published counts, numpy only. Only `reference` touches a store, and it is imported
by name (`railwatch.series.reference`, `railwatch.series.conformal`), so that readers of records
load no storage client.
"""

from __future__ import annotations

from railwatch.series.comparability import Scale
from railwatch.series.crossing import crossing
from railwatch.series.judgement import assess, with_records
from railwatch.series.record import Record, RecordRules, RecordStatus
from railwatch.series.surge import Surge, surges
from railwatch.series.tip import Tip, TipRules, tips

__all__ = [
    "Record",
    "RecordRules",
    "RecordStatus",
    "Scale",
    "Surge",
    "Tip",
    "TipRules",
    "assess",
    "crossing",
    "surges",
    "tips",
    "with_records",
]
