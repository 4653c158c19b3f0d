"""Searching an archive for an area's scenes."""

from __future__ import annotations

from railwatch.sources import Found, Query, SceneSource
from tasks.policy import Limit, Retry, task


@task(retry=Retry.NETWORK, timeout_s=1800.0, limits=(Limit.ARCHIVE,))
def search(source: SceneSource, query: Query) -> tuple[Found, ...]:
    """List all that an archive holds of a query, scenes and items that cannot become one."""
    return tuple(source.search(query))
