"""Publishing what the record says, and noting that the work is done."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from railwatch.area import Area
from railwatch.claim import Claims
from railwatch.record import Record
from railwatch.store import Store
from tasks.policy import Limit, Retry, task
from tasks.writing import ASK_EVERY_S

if TYPE_CHECKING:
    from railwatch.publication import Publication


@task(retry=Retry.NETWORK, timeout_s=3600.0, limits=(Limit.STORE,))
def publish(area: Area, store: Store, detector: str, *, roots: bool = True) -> Publication:
    """Switch readers to what the record says now; nothing is written if they have it already."""
    from railwatch.publication import publish as publish_record

    with _publishing_alone(store, area.id), Record.open(store, area.id) as record:
        return publish_record(store, record, area, detector=detector, roots=roots)


@task(retry=Retry.NETWORK, timeout_s=3600.0, limits=(Limit.STORE,))
def publish_roots(store: Store, area_ids: Sequence[str]) -> bool:
    """Lead readers of all areas to what is published of some; say whether anything was written."""
    from railwatch.publication.roots import refresh

    return refresh(store, area_ids)


@contextmanager
def _publishing_alone(store: Store, area_id: str) -> Iterator[None]:
    """Be the one publisher of an area: two of the same content write different times of it.

    In a folder the publisher itself takes a lock.
    """
    if not store.shared:
        yield
        return
    with Claims(store, area_id, kind="publication") as claims:
        while not claims.take(["publication"], 1):
            time.sleep(ASK_EVERY_S)
        yield
