"""Publishing what the record says, and noting that the work is done."""

from __future__ import annotations

from railwatch.area import Area
from railwatch.publication import Publication
from railwatch.publication import publish as publish_record
from railwatch.record import Record
from railwatch.store import Store
from tasks.policy import Limit, Retry, task


@task(retry=Retry.NETWORK, timeout_s=3600.0, limits=(Limit.STORE,))
def publish(area: Area, store: Store, detector: str) -> Publication:
    """Switch readers to what the record says now; nothing is written if they have it already."""
    with Record.open(store, area.id) as record:
        return publish_record(store, record, area, detector=detector)
