"""The smallest paid round trip with a real account: log in, search, one tile, log in again.

    SH_CLIENT_ID=... SH_CLIENT_SECRET=... make live

Costs about 0.04 processing units and says what it cost. Without credentials it says so and does
nothing. It is the one thing in this repository that talks to the internet.
"""

import datetime as dt
import os
import sys

import numpy as np

from railwatch.errors import RailwatchError
from railwatch.grid import PIECE_PX, TILE_PX, Grid
from railwatch.sources import Query
from railwatch.sources.sentinel_hub import Account, Budget, SentinelHubSource

PLACE = (130.61, 42.41, 130.62, 42.415)
"""Between Tumangang and Khasan."""
TILE = Grid(32652, 10.0, 632_960.0, 4_697_600.0, (TILE_PX, TILE_PX))
MOST_PU = 0.1


def main() -> int:
    """Go round once; 0 if all of it worked or there is no account."""
    if not (os.environ.get("SH_CLIENT_ID") and os.environ.get("SH_CLIENT_SECRET")):
        print("live: skipped: SH_CLIENT_ID and SH_CLIENT_SECRET are not set")
        return 0
    account = Account.from_environment()
    end = dt.datetime.now(dt.UTC)
    days = int(os.environ.get("SH_LIVE_DAYS", "30"))
    start = end - dt.timedelta(days=days)
    print(f"live: {account.base_url}")
    try:
        with SentinelHubSource(account, budget=Budget(max_pu=MOST_PU)) as source:
            found = list(source.search(Query(PLACE, start, end, ("sentinel-2-l2a",))))
            scenes = [f.scene for f in found if f.scene is not None]
            print(f"live: {len(scenes)} scenes since {start:%Y-%m-%d}")
            if not scenes:
                return 1
            pieces = np.ones((TILE_PX // PIECE_PX,) * 2, dtype=np.bool_)
            price = source.price(scenes[-1], TILE, pieces)
            raster = source.fetch(scenes[-1], TILE, pieces)
            print(
                f"live: {scenes[-1].id}: {raster.values.shape}, priced "
                f"{price.processing_units:.4f} PU, charged {raster.spent_pu:.4f} PU"
            )
        with SentinelHubSource(account) as again:
            week = Query(PLACE, end - dt.timedelta(days=7), end, ("sentinel-2-l2a",))
            print(f"live: fresh login, {len(list(again.search(week)))} scenes in the last week")
    except RailwatchError as exc:
        print(f"live: failed: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
