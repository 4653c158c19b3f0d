"""Ingesting: workers fetch scenes and write their pixels, the coordinator commits batch by batch.

The task asks the record what is missing when it starts. So a second try, another operator's run or
the same command after kill -9 does the rest and only the rest: fetching may cost money.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import Any

from railwatch.area import Area
from railwatch.errors import QuotaError, TransientError
from railwatch.record import Record, Ticket, Written
from railwatch.sources import Found, SceneSource
from railwatch.store import Store
from railwatch.work import Work, work_for
from tasks.policy import Limit, Retry, task
from tasks.progress import Stage, stage
from tasks.spread import Crew, spread

logger = logging.getLogger(__name__)

BATCH = 64
"""Scenes a transaction: what kill -9 can cost, against 0.1-0.2 s a commit takes."""

TICKET = 4
"""Scenes a unit of Dask work: enough to hide its 3 ms, few enough to keep every worker busy."""

SCENE_S = 0.1
"""Seconds one core takes for a scene, about; decides between threads and processes."""


@task(retry=Retry.NETWORK, timeout_s=24 * 3600.0, limits=(Limit.RECORD, Limit.DASK))
def ingest(
    area: Area, source: SceneSource, store: Store, found: Sequence[Found], crew: Crew
) -> None:
    """Put what is new of `found` into the area's record, one transaction a batch.

    Raises
    ------
    TransientError
        Some scenes could not be fetched for now; all others are in the record.
    QuotaError
        The account or budget allowed no more; what was paid for is in the record.
    """
    with Record.open(store, area.id, write=True) as record:
        work = work_for(area, record, found)
        if work.empty:
            logger.info("%s: the record holds all of it", area.id)
            return
        with stage("ingest", area.id, len(work.scenes)) as opened:
            if not work.scenes:
                record.begin(work.footprints).commit([], work.rejections)
                return
            postponed: list[tuple[str, str]] = []
            with crew.hired(SCENE_S * len(work.scenes)) as client:
                for batch in work.batches(BATCH):
                    postponed += _ingest_batch(record, batch, source, client, opened)
    if postponed:
        scene_id, reason = postponed[0]
        raise TransientError(
            f"{area.id}: {len(postponed)} scenes could not be fetched for now, first {scene_id}: "
            f"{reason}; the same command tries again"
        )


def _ingest_batch(
    record: Record, work: Work, source: SceneSource, client: Any, opened: Stage
) -> list[tuple[str, str]]:
    """Fetch one batch on the workers, commit what they wrote; give what has to wait, and why."""
    batch = record.begin(work.footprints)
    tickets = batch.tickets(work.scenes, scenes_each=TICKET)
    written: list[Written] = []
    for ticket, one in spread(client, partial(_fetch, source=source), tickets):
        written.append(one)
        opened.advance(len(ticket.scene_ids))
    batch.commit(written, work.rejections)
    quota = next((one.quota for one in written if one.quota), None)
    if quota is not None:
        raise QuotaError(f"{record.area_id}: {quota}")
    return list(chain.from_iterable(one.postponed for one in written))


def _fetch(ticket: Ticket, source: SceneSource) -> Written:
    """Fetch and write a ticket's scenes, on a worker."""
    return ticket.write(source)
