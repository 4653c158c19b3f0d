"""Metrics of the work itself, as a Prometheus textfile an area.

Runs come and go, so nobody could scrape them: what is known is written to the folder named by
`RAILWATCH_METRICS`, which node_exporter's textfile collector (or any static web server) serves.
Totals are taken from the record, not counted up here, so a lost file or a crash loses nothing.
"""

import os
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from flows.outcome import Outcome
from railwatch.store import Store


def write(store: Store, done: Outcome, took_s: float) -> None:
    """Replace the area's file by what is known after a run; nothing without `RAILWATCH_METRICS`.

    Parameters
    ----------
    store
        Where the area is kept; a label, since one machine may serve several stores.
    done
        Summary of the run.
    took_s
        Seconds it took, from search to publication.
    """
    folder = os.environ.get("RAILWATCH_METRICS")
    if not folder:
        return
    registry = CollectorRegistry()
    labels = {"area": done.area_id, "store": store.url}

    def say(name: str, help_: str, value: float, **more: str) -> None:
        known = gauges.get(name)
        if known is None:
            names = [*labels, *more]
            known = gauges[name] = Gauge(f"railwatch_{name}", help_, names, registry=registry)
        known.labels(**labels, **more).set(value)

    gauges: dict[str, Gauge] = {}
    say("scenes", "Scenes in the record", done.scenes)
    for reason, number in done.unusable.items():
        say("rejected_items", "Items that cannot be used", number, reason=reason)
    for reason, number in done.refused.items():
        say("refused_scenes", "Scenes that give no count", number, reason=reason)
    say("processing_units", "Processing units charged for the record's scenes", done.charged_pu)
    say("run_seconds", "Seconds the last run took", took_s)
    say("run_scenes", "Scenes the last run ingested", done.ingested)
    say("run_timestamp_seconds", "When the last run ended, Unix time", time.time())
    Path(folder).mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(Path(folder) / f"railwatch-{done.area_id}.prom"), registry)
