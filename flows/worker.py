"""A worker, ready to look at our flows: `python -m flows.worker --pool railwatch --type process`.

It is `prefect worker start`, which works too. That one imports a flow's module when it first has to
say that a cancelled run is over, to look for hooks, and the operator waits for it.
"""

import importlib
import sys

OCCASIONS = ("audit", "backfill", "recount", "watch")


def main() -> None:
    """Import what is run here, then work."""
    from prefect.cli import app

    for name in OCCASIONS:
        importlib.import_module(f"flows.{name}")
    sys.argv[:1] = ["prefect", "worker", "start"]
    app()


if __name__ == "__main__":
    main()
