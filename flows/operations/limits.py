"""Limits: how many tasks of all runs use at once what is scarce, and who is at which area.

Each slot is leased for 60 s and renewed by who holds it, so what a killed run held comes back by
itself. The server must keep leases on disk for that (docs/operators.md): in memory, its default,
a server that is killed forgets the leases but not that the slots are taken.
"""

from __future__ import annotations

from prefect.client.orchestration import SyncPrefectClient

from flows.operations.settings import Limits
from flows.places import known
from flows.round import limit_name
from tasks.policy import Limit


def apply(client: SyncPrefectClient, limits: Limits) -> None:
    """Make the server's limits the wanted ones."""
    wanted = {f"tag:{limit.value}": getattr(limits, limit.value) for limit in Limit}
    wanted |= {limit_name("watch", area_id): 1 for area_id in known()}
    there = {limit.name: limit.limit for limit in client.read_global_concurrency_limits(limit=200)}
    for name, slots in wanted.items():
        if there.get(name) != slots:
            client.upsert_global_concurrency_limit_by_name(name, slots)
    for name in there:
        if name.startswith(limit_name("watch", "")) and name not in wanted:
            client.delete_global_concurrency_limit_by_name(name)
