"""The real detector, asked as its user asks: `railwatch run` on the site's area and archive."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd

from railwatch.errors import OperatorError
from railwatch.record import Record
from railwatch.store import Store
from railwatch.testing.evaluation.answer import Answer
from railwatch.testing.evaluation.site import Site


def detected(site: Site) -> Answer:
    """Run the whole job into a store beside the site and read its counts from the record.

    Raises
    ------
    OperatorError
        The run failed; its last line is the message.
    """
    store = site.area.parent / "store"
    railwatch_run(site.area, site.archive, store)
    published = pd.read_parquet(
        store / "areas" / site.id / "counts.parquet", columns=["siding_set", "detector"]
    )
    if published.empty:
        return Answer(())
    newest = published.iloc[-1]
    with Record.open(Store.open(str(store)), site.id) as record:
        counts = record.counts(newest["siding_set"], newest["detector"])
        cars = record.cars(newest["siding_set"], newest["detector"])
    return Answer(tuple(counts), cars)


def railwatch_run(area: Path, archive: Path, store: Path) -> None:
    """Run `railwatch run` and wait.

    Raises
    ------
    OperatorError
        It exited with another status than 0.
    """
    command = [sys.executable, "-m", "railwatch", "run", str(area)]
    command += ["--archive", str(archive), "--store", str(store)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter and module
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise OperatorError(f"railwatch run {area}: {said[-1]}")
