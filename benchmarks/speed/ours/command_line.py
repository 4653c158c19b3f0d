"""What commands of the command line cost, each in a process of its own.

    python -m benchmarks.speed.ours.command_line WORD ...

Prints CPU seconds of the command and of everything it started.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    command = [str(Path(sys.executable).parent / "railwatch"), *sys.argv[1:]]
    before, began = sum(os.times()[2:4]), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = {
        "cpu_s": sum(os.times()[2:4]) - before,
        "wall_s": time.perf_counter() - began,
        "rss_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024.0,
        "status": done.returncode,
        "last": (done.stderr or done.stdout).strip().splitlines()[-1:],
    }
    if done.returncode:
        print(said["last"], file=sys.stderr)
        raise SystemExit(done.returncode)
    if sys.argv[1] == "run":
        said["count_error"] = _error(Path(sys.argv[2]), sys.argv[sys.argv.index("--store") + 1])
    print(json.dumps(said))


def _error(area: Path, store: str) -> float | None:
    """Mean absolute error of the facility's cars over what was published."""
    from benchmarks.speed.ours.place import RenderedPlace
    from railwatch.area import load_area
    from railwatch.count import FACILITY
    from railwatch.publication.parquet import read_rows
    from railwatch.store import Store

    cars = RenderedPlace(area.parent).cars()
    rows = read_rows(Store.open(store).get(f"areas/{load_area(area).id}/counts.parquet"))
    misses = [
        abs(row["cars"] - cars[row["scene_id"]])
        for row in rows
        if row["siding_id"] == FACILITY and row["cars"] is not None
    ]
    return sum(misses) / len(misses) if misses else None


if __name__ == "__main__":
    main()
