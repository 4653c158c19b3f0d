"""What one new scene costs an area that has a history, stage by stage.

    python -m benchmarks.speed.ours.new_scene prepare PLACE STORE SCENES
    python -m benchmarks.speed.ours.new_scene watch PLACE STORE SCENES COPIES

`prepare` takes the first scenes of a place into a store, counts and publishes them. `watch` copies
that store COPIES times, as so many areas, and takes one more scene into each: searching, ingesting,
counting from stored state, publishing. Copying and opening archives is not timed: an archive of
thousands of areas is listed once.
"""

from __future__ import annotations

import datetime as dt
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.speed.ours.place import RenderedPlace
from benchmarks.speed.stopwatch import Stopwatch, peak_mb
from railwatch.area import Area, load_area
from railwatch.count import FACILITY
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.detector.survey import detect_area
from railwatch.publication import publish
from railwatch.record import Record
from railwatch.sources import Found
from railwatch.sources.archive import ArchiveSource
from railwatch.store import Store
from railwatch.work import query_for, work_for


class Clock:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        before = time.process_time()
        yield
        self.spent[name] += time.process_time() - before


def take(area: Area, source: ArchiveSource, store: Store, found: list[Found], clock: Clock) -> None:
    """Walk the stages of `flows.stages` without Prefect and Dask."""
    with Record.open(store, area.id, write=True) as record:
        with clock.stage("ingest"):
            work = work_for(area, record, found)
            for batch in work.batches(64):
                opened = record.begin(batch.footprints)
                tickets = opened.tickets(batch.scenes)
                opened.commit([one.write(source) for one in tickets], batch.rejections)
            record.refresh()
        with clock.stage("detect"):
            detect_area(record, area)
        with clock.stage("publish"):
            publish(store, record, area, detector=detector_fingerprint())


def main() -> None:
    what, place = sys.argv[1], RenderedPlace(Path(sys.argv[2]))
    folder, scenes = Path(sys.argv[3]), int(sys.argv[4])
    area, source = load_area(place.area), ArchiveSource(str(place.archive))
    found = list(source.search(query_for(area, None, None)))
    if what == "prepare":
        shutil.rmtree(folder, ignore_errors=True)
        with Stopwatch() as watch:
            take(area, source, Store.open(str(folder)), found[:scenes], clock := Clock())
        watch.tell(stages=dict(clock.spent))
        return
    copies = int(sys.argv[5])
    stores = [folder.with_name(f"{folder.name}-copy-{n}") for n in range(copies + 1)]
    for copy in stores:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
    take(area, source, Store.open(str(stores[0])), [*found[:scenes], found[scenes]], Clock())
    clock, half = Clock(), 0.0
    with Stopwatch() as watch:
        for n, copy in enumerate(stores[1:]):
            take(area, source, Store.open(str(copy)), found[: scenes + 1], clock)
            if n == copies // 2:
                half = peak_mb()
    error = _error(area, place, Store.open(str(stores[1])))
    for copy in stores:
        shutil.rmtree(copy)
    watch.said["cpu_s"] /= copies
    watch.tell(
        stages={name: spent / copies for name, spent in clock.spent.items()},
        half_mb=half,
        count_error=error,
        date=dt.datetime.now(dt.UTC).isoformat(),
    )


def _error(area: Area, place: RenderedPlace, store: Store) -> float | None:
    """Mean absolute error of the facility's cars, scenes up to the new one."""
    cars = place.cars()
    with Record.open(store, area.id) as record:
        counts = record.counts(area.sidings.digest, detector_fingerprint())
    misses = [
        abs(one.cars - cars[one.scene_id])
        for one in counts
        if one.siding_id == FACILITY and one.cars is not None
    ]
    return sum(misses) / len(misses) if misses else None


if __name__ == "__main__":
    main()
