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
    print(json.dumps(said))


if __name__ == "__main__":
    main()
