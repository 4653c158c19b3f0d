"""Checking: is what is stored of an area what was written? As `railwatch verify`; mends nothing."""

from __future__ import annotations

from railwatch.integrity.keys import prefixes
from railwatch.integrity.scan import Report, scan
from railwatch.store import Store
from tasks.policy import Limit, Retry, task
from tasks.progress import stage


@task(retry=Retry.NETWORK, timeout_s=24 * 3600.0, limits=(Limit.RECORD,))
def check(area_id: str, store: Store) -> Report | None:
    """Read an area's record and publications from end to end; None where there is nothing of it.

    Parameters
    ----------
    area_id
        Whose record and publications.
    store
        Where they are; written to only to keep the inventory of what was seen whole.
    """
    objects = sum(1 for top in prefixes(area_id) for _ in store.listed(top))
    if not objects:
        return None
    with stage("check", area_id, objects, "objects") as opened:
        return scan(store, area_id, opened.advance)
