"""Series: what many counts of one place say together.

Records, surge onsets, sums over both ends of a crossing, analysts' reference counts and where a
sharper image is worth its price. Pure functions of published counts; nothing here reads a store
except `railwatch.series.reference`, which keeps the references.
"""

from __future__ import annotations

from railwatch.series.comparability import Scale
from railwatch.series.judgement import assess, with_records
from railwatch.series.record import Record, RecordRules, RecordStatus

__all__ = ["Record", "RecordRules", "RecordStatus", "Scale", "assess", "with_records"]
