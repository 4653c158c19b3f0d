"""A Sentinel Hub to test against: OAuth, Catalog and Process over HTTP, over an archive on disk.

Needs the extra `testing` (`jsonschema`, `mini-racer`). What it refuses, charges and lists follows
recorded and documented behaviour of the live service; where nothing is known it is strict.
"""

from railwatch.testing.sentinel_hub.faults import Fault, Faults
from railwatch.testing.sentinel_hub.holdings import Holding, Plane, read_archive
from railwatch.testing.sentinel_hub.ledger import Entry, Ledger, Limits
from railwatch.testing.sentinel_hub.server import Emulator

__all__ = [
    "Emulator",
    "Entry",
    "Fault",
    "Faults",
    "Holding",
    "Ledger",
    "Limits",
    "Plane",
    "read_archive",
]
