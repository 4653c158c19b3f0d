"""Render places nobody has seen, count them with the real detector, print and judge the errors.

    make evaluate                 fresh seeds, all strata
    make evaluate QUICK=1         a sample in about three minutes
    make evaluate SEED=123        the same places again

Writes `build/evaluate.json` (name, goal, value, reached) and plots under `docs/method/plots`; exits
with status 1 while a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from railwatch.testing.evaluation import (
    STRATA,
    Counter,
    Stratum,
    Trial,
    Verdict,
    build_site,
    judge,
    oracle,
    score_table,
    try_site,
)
from railwatch.testing.evaluation.detected import detected
from railwatch.testing.evaluation.score import car_scores

BUILD = Path("build")
COLUMNS = (
    "n",
    "refused",
    "truth",
    "mae",
    "bias",
    "wape",
    "wape_m",
    "cover_50",
    "cover_80",
    "cover_90",
    "interval_score",
    "bound",
    "constant",
    "brightness",
    "persistence",
)
COUNTERS: dict[str, Counter] = {"detector": detected, "oracle": oracle}
BREAKDOWNS = (
    ["stratum"],
    ["stratum", "tracks"],
    ["stratum", "fill"],
    ["stratum", "season"],
    ["stratum", "regime"],
)


def main() -> int:
    asked = _arguments()
    seed = asked.seed if asked.seed is not None else int(time.time()) % 1_000_000
    console = Console(width=max(150, Console().width))
    console.print(
        f"SEED={seed}  (repeat with: make evaluate SEED={seed}{' QUICK=1' if asked.quick else ''})"
    )
    chosen = [s for s in STRATA if not asked.only or any(o in s.name for o in asked.only)]
    started = time.monotonic()
    trials = list(_run(chosen, seed, asked))
    if not trials:
        console.print("no stratum matches --only")
        return 2
    rows = pd.concat([t.rows for t in trials], ignore_index=True)
    for by in BREAKDOWNS:
        _print(console, by, score_table(rows, by))
    _print_cars(console, trials)
    verdicts = judge(trials)
    _print_verdicts(console, verdicts)
    BUILD.mkdir(exist_ok=True)
    said = [
        asdict(v) | {"value": None if math.isnan(v.value) else round(v.value, 4)} for v in verdicts
    ]
    (BUILD / "evaluate.json").write_text(json.dumps(said, indent=1), encoding="utf-8")
    rows.to_parquet(BUILD / "evaluate.parquet")
    if asked.plots:
        _plot(rows, asked.plots)
    console.print(f"{len(trials)} sites in {time.monotonic() - started:.0f} s, SEED={seed}")
    return 0 if all(v.reached for v in verdicts) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--counter", choices=sorted(COUNTERS), default="detector")
    parser.add_argument(
        "--only", nargs="*", default=[], help="strata whose name holds one of these"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--plots", type=Path, help="folder for plots")
    return parser.parse_args()


def _run(chosen: list[Stratum], seed: int, asked: argparse.Namespace) -> Iterator[Trial]:
    """Try all sites, two at a time, longest first."""
    jobs = [
        (stratum, int(np.random.SeedSequence([seed, n, k]).generate_state(1)[0]) // 4)
        for n, stratum in enumerate(STRATA)
        if stratum in chosen
        for k in range(stratum.quick_sites if asked.quick else stratum.sites)
    ]
    jobs.sort(key=lambda job: -job[0].days)
    work = partial(_try, quick=asked.quick, counter=asked.counter)
    with (
        Progress(console=Console(stderr=True)) as progress,
        # A fork would copy Icechunk's threads, which then wait for ever.
        ProcessPoolExecutor(asked.workers, get_context("spawn")) as pool,
    ):
        bar = progress.add_task("sites", total=len(jobs))
        waiting = [pool.submit(work, stratum, number) for stratum, number in jobs]
        for done in as_completed(waiting):
            yield done.result()
            progress.advance(bar)


def _try(stratum: Stratum, number: int, *, quick: bool, counter: str) -> Trial:
    folder = BUILD / "evaluate" / f"{stratum.name.replace(' ', '-')}-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    trial = try_site(build_site(stratum, number, folder, quick=quick), COUNTERS[counter])
    shutil.rmtree(folder)
    return trial


def _print(console: Console, by: list[str], table: pd.DataFrame) -> None:
    shown = Table(title="by " + ", ".join(by), title_justify="left")
    shown.add_column(", ".join(by))
    for column in COLUMNS:
        shown.add_column(column.replace("_", " "), justify="right")
    for key, row in table.iterrows():
        name = ", ".join(map(str, key)) if isinstance(key, tuple) else str(key)
        shown.add_row(name, *(_figure(float(row[c])) for c in COLUMNS))
    console.print(shown)


def _print_cars(console: Console, trials: list[Trial]) -> None:
    cars = pd.concat([t.cars for t in trials], ignore_index=True)
    if cars.empty:
        return
    names = ("recall", "precision", "exact", "total_error", "siding_mae")
    shown = Table(title="single cars", title_justify="left")
    shown.add_column("stratum")
    for name in names:
        shown.add_column(name.replace("_", " "), justify="right")
    for stratum, group in cars.groupby("stratum"):
        found = car_scores(group)
        shown.add_row(str(stratum), *(_figure(found[n]) for n in names))
    console.print(shown)


def _print_verdicts(console: Console, verdicts: list[Verdict]) -> None:
    shown = Table(title="goals", title_justify="left")
    for name in ("figure", "goal", "value", "reached"):
        shown.add_column(name, justify="left" if name == "figure" else "right")
    for v in verdicts:
        mark = "[green]yes" if v.reached else "[red]no"
        shown.add_row(v.name, v.goal, _figure(v.value), mark)
    console.print(shown)


def _figure(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if value == round(value) and abs(value) > 1 else f"{value:.3g}"


def _plot(rows: pd.DataFrame, folder: Path) -> None:
    """Counts against truth with intervals, one panel a stratum."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    facility = rows[rows["facility"] & rows["judged"] & rows["cars"].notna()]
    names = list(facility["stratum"].unique())
    fig, axes = plt.subplots(2, max(1, math.ceil(len(names) / 2)), figsize=(13, 7), squeeze=False)
    for ax, name in zip(axes.flat, names, strict=False):
        part = facility[facility["stratum"] == name]
        error = part[["cars_low", "cars_high"]].to_numpy(float) - part[["cars"]].to_numpy(float)
        ax.errorbar(
            part["truth_cars"],
            part["cars"],
            yerr=np.maximum(np.abs(error.T), 0),
            fmt="o",
            ms=2.5,
            lw=0.4,
            alpha=0.6,
        )
        most = float(max(part["truth_cars"].max(), part["cars"].max(), 1))
        ax.plot([0, most], [0, most], "k-", lw=0.7)
        ax.set_title(name, fontsize=9)
        ax.set_xlabel("cars rendered")
        ax.set_ylabel("cars counted, 90 % interval")
    fig.tight_layout()
    fig.savefig(folder / "evaluation.svg")
    plt.close(fig)


if __name__ == "__main__":
    sys.exit(main())
