"""Writing a record while others may: who waits for whom.

In a bucket several write at once and nobody waits. In a folder one writes at a time: a run that a
server scheduled waits for its turn, stage by stage; a person at a terminal is told who is there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.context import FlowRunContext
from prefect.runtime import deployment

from railwatch.errors import HeldError
from railwatch.record import Record
from railwatch.store import Store

logger = logging.getLogger(__name__)

ASK_EVERY_S = 1.0


@contextmanager
def writing(store: Store, area_id: str) -> Iterator[Record]:
    """Open an area's record as a writer; a scheduled run waits until the folder is free.

    Raises
    ------
    HeldError
        Another process writes the folder, and no server runs this.
    """
    waited = False
    while True:
        try:
            record = Record.open(store, area_id, write=True)
        except HeldError as exc:
            if deployment.id is None:
                raise
            if not waited:
                logger.info("%s: waiting: %s", area_id, exc)
                waited = True
            heed_suspension()
            time.sleep(ASK_EVERY_S)
            continue
        with record:
            yield record
        return


def heed_suspension() -> None:
    """Leave the run here if an operator suspended it; resumed, it asks the record what is left.

    Prefect itself looks only between tasks, and one task of ours works for hours.
    """
    context = FlowRunContext.get()
    if context is not None:
        context.flow_run_suspension_request.raise_if_requested()
