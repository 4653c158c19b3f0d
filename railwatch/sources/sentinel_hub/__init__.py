"""Sentinel Hub as a source of scenes: account, search, price, fetch.

    source = SentinelHubSource(spool=Spool(store, area.id), sidings=area.sidings)

Needs the extra `sentinelhub`. docs/operators.md says how to get and set up an account.
"""

from railwatch.sources.sentinel_hub.account import Account, Credentials
from railwatch.sources.sentinel_hub.collection import Collection
from railwatch.sources.sentinel_hub.patience import Pace, Patience
from railwatch.sources.sentinel_hub.price import Budget
from railwatch.sources.sentinel_hub.source import SentinelHubSource
from railwatch.sources.sentinel_hub.spool import Spool
from railwatch.sources.sentinel_hub.transport import Bounds

__all__ = [
    "Account",
    "Bounds",
    "Budget",
    "Collection",
    "Credentials",
    "Pace",
    "Patience",
    "SentinelHubSource",
    "Spool",
]
