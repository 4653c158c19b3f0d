"""How often records are announced, and wrongly, on simulated sites: the table of docs/method.

    python benchmarks/records.py [SITES]

A site is five years of one kind of traffic (`railwatch.testing.standing_stock`) without a surge,
seen every five days at class C with half of the scenes refused.
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np

from railwatch.series import RecordStatus, assess
from railwatch.testing.standing_stock import Seeing, Traffic, seen_counts, standing_cars

YEARS = 5
COLUMNS = ("P >= .95", "candidates", "confirmed", "wrong")


def announcements(traffic: Traffic, site: int) -> Counter[str]:
    """Count what is announced at one site, and what of it the truth contradicts."""
    rng = np.random.default_rng([20181005, list(Traffic).index(traffic), site])
    cars = standing_cars(traffic, rng.uniform(2, 14), 365 * YEARS, rng)
    seeing = Seeing(
        refused=rng.uniform(0.4, 0.6),
        gain=float(np.exp(0.08 * rng.standard_normal())),
        floor=rng.uniform(1.0, 2.5),
        slope=rng.uniform(0.08, 0.14),
    )
    tally: Counter[str] = Counter()
    truths = []
    for record in assess(seen_counts("site", cars, seeing, rng)):
        here = int(cars[int(record.scene_id[-5:])])
        tally["P >= .95"] += (record.p_record or 0.0) >= 0.95
        tally["candidates"] += record.status is RecordStatus.CANDIDATE
        tally["confirmed"] += record.status is RecordStatus.CONFIRMED
        if record.sentence is not None:
            tally["wrong"] += here <= max(c for when, c in truths if when < record.before)
        truths.append((record.acquired, here))
    return tally


def main() -> None:
    """Print one row a kind of traffic."""
    sites = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    print(f"{sites} sites x {YEARS} years a row; per site-year: {', '.join(COLUMNS)}")
    for traffic in Traffic:
        tally: Counter[str] = Counter()
        for site in range(sites):
            tally.update(announcements(traffic, site))
        rates = (f"{tally[name] / sites / YEARS:8.4f}" for name in COLUMNS)
        print(f"{traffic.value:9}", *rates, flush=True)


if __name__ == "__main__":
    main()
