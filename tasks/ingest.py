"""Ingesting: workers fetch scenes and write their pixels, the coordinator commits batch by batch.

The task asks the record what is missing when it starts. So a second try, another operator's run or
the same command after kill -9 does the rest and only the rest: fetching may cost money.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

from railwatch.area import Area
from railwatch.claim import Claims
from railwatch.errors import QuotaError, TransientError
from railwatch.record import Record, Status, Written
from railwatch.sources import Found, PaidSource, SceneSource
from railwatch.store import Store
from railwatch.work import Work, work_for
from tasks.fetching import fetch
from tasks.policy import Limit, Retry, task
from tasks.progress import Stage, stage
from tasks.spread import Crew, spread
from tasks.writing import ASK_EVERY_S, heed_suspension, writing

logger = logging.getLogger(__name__)

BATCH = 64
"""Scenes a transaction: what kill -9 can cost, against 0.1-0.2 s a commit takes."""

TICKET = 4
"""Scenes a unit of Dask work: enough to hide its 3 ms, few enough to keep every worker busy."""

_SETTLED = {Status.INGESTED, Status.SUPERSEDED, Status.REJECTED}
"""What an item may be in the record, never to be fetched again."""

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
    with writing(store, area.id) as record:
        if isinstance(source, PaidSource):
            source.tidy({e.item_id for e in record.entries() if e.status in _SETTLED})
        work = work_for(area, record, found)
        if work.empty:
            logger.info("%s: the record holds all of it", area.id)
            return
        with stage("ingest", area.id, len(work.scenes)) as opened:
            if not work.scenes:
                record.begin(work.footprints).commit([], work.rejections)
                return
            postponed: list[tuple[str, str]] = []
            with (
                # Claims are given up last, when nobody fetches any more.
                closing(_batches(record, work, source, opened)) as batches,
                crew.hired(SCENE_S * len(work.scenes)) as client,
            ):
                for batch in batches:
                    postponed += _ingest_batch(record, batch, source, client, opened)
    if postponed:
        scene_id, reason = postponed[0]
        raise TransientError(
            f"{area.id}: {len(postponed)} scenes could not be fetched for now, first {scene_id}: "
            f"{reason}; the same command tries again"
        )


def _batches(
    record: Record, work: Work, source: SceneSource, opened: Stage
) -> Generator[Work, None, None]:
    """Give the work batch by batch; scenes that cost money only once they are claimed.

    Scenes that another operator of the bucket has claimed are waited for at the end: by then they
    are in the record, or their claim is free.
    """
    if not (isinstance(source, PaidSource) and record.store.shared):
        for batch in work.batches(BATCH):
            heed_suspension()
            yield batch
        return
    waiting = {scene.id: scene for scene in work.scenes}
    rejections = work.rejections
    with Claims(record.store, record.area_id) as claims:
        while waiting:
            heed_suspension()
            taken = claims.take(list(waiting), BATCH)
            # Whoever had them may have committed since the record was read.
            record.refresh()
            asked = [Found(i, scene) for i, scene in waiting.items()]
            left = {scene.id for scene in record.plan(asked, work.footprints).scenes}
            opened.advance(len(waiting) - len(left))
            ours = tuple(waiting[i] for i in taken if i in left)
            waiting = {i: s for i, s in waiting.items() if i in left and i not in taken}
            if ours:
                yield replace(work, scenes=ours, rejections=rejections)
                rejections = ()
            claims.release(taken)
            if not ours and waiting:
                time.sleep(ASK_EVERY_S)
    if rejections:
        record.begin(work.footprints).commit([], rejections)


def _ingest_batch(
    record: Record, work: Work, source: SceneSource, client: Any, opened: Stage
) -> list[tuple[str, str]]:
    """Fetch one batch on the workers, commit what they wrote; give what has to wait, and why."""
    batch = record.begin(work.footprints)
    tickets = batch.tickets(work.scenes, scenes_each=TICKET)
    written: list[Written] = []
    for ticket, one in spread(client, partial(fetch, source=source), tickets):
        written.append(one)
        opened.advance(len(ticket.scene_ids))
    batch.commit(written, work.rejections)
    if isinstance(source, PaidSource):
        source.committed([entry.item_id for one in written for entry in one.entries])
    quota = next((one.quota for one in written if one.quota), None)
    if quota is not None:
        raise QuotaError(f"{record.area_id}: {quota}")
    return list(chain.from_iterable(one.postponed for one in written))
