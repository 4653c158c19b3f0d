"""Measure railwatch against what a user would pick instead, in one job; print and judge the ratios.

    make bench                  everything, five rounds; about two hours on two cores
    make bench QUICK=1          a sample
    make bench ONLY="D I4"      some of it; the rest stays as it was measured last

Writes `build/bench.json` (name, goal, value, spread, reached), `build/bench-runs.json` (every run)
and `docs/performance.md` with its plots. Exits with status 1 while a figure is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.speed.document import write_document
from benchmarks.speed.environment import MissingPeersError
from benchmarks.speed.suite import Suite, Verdict

BUILD = Path("build")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="*", default=[], help="first letters of benchmarks")
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    asked = parser.parse_args()
    console = Console(width=max(130, Console().width))
    suite = Suite(BUILD, asked.quick, lambda text: console.print(f"[dim]{text}"))
    began = time.monotonic()
    try:
        _ = suite.arrays
    except MissingPeersError as exc:
        console.print(f"The peers cannot be installed: {exc}")
        return 2
    suite.facts["set-up s"] = time.monotonic() - began
    runs = BUILD / "bench-runs.json"
    if asked.only and runs.exists():
        suite.recall(runs.read_text())
    for name, run in suite.benchmarks():
        if not asked.only or any(
            name.startswith(one) or one.startswith(name) for one in asked.only
        ):
            run()
            suite.settle()
            _keep(suite)
            write_document(suite, asked.docs)
    _show(console, suite.verdicts)
    console.print(f"{(time.monotonic() - began) / 60:.0f} minutes")
    return 0 if all(one.reached for one in suite.verdicts) else 1


def _keep(suite: Suite) -> None:
    """Write what there is after each benchmark: a long job may be cut short."""
    BUILD.mkdir(exist_ok=True)
    said = [
        {k: v for k, v in asdict(one).items() if k != "note"} | {"reached": bool(one.reached)}
        for one in suite.verdicts
    ]
    (BUILD / "bench.json").write_text(json.dumps(said, indent=1))
    (BUILD / "bench-runs.json").write_text(suite.kept())


def _show(console: Console, verdicts: list[Verdict]) -> None:
    table = Table("figure", "goal", "value", "spread", "", "against")
    for one in verdicts:
        spread = "" if one.spread is None else f"{one.spread[0]:.3g} - {one.spread[1]:.3g}"
        value = "" if one.value is None else f"{one.value:.3g}"
        table.add_row(
            one.name, one.goal, value, spread, "reached" if one.reached else "MISSED", one.note
        )
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
