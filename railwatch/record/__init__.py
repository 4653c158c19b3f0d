"""The record of truth of an area, in Icechunk: see `railwatch.record.truth`."""

from railwatch.record.entry import SceneEntry, Status
from railwatch.record.footprint import Footprint
from railwatch.record.ingest import Batch, Ticket, Written
from railwatch.record.state import States
from railwatch.record.truth import Ingested, Plan, Record

__all__ = [
    "Batch",
    "Footprint",
    "Ingested",
    "Plan",
    "Record",
    "SceneEntry",
    "States",
    "Status",
    "Ticket",
    "Written",
]
