"""Detecting: counts of every scene whose count does not rest on today's inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import cached_property
from typing import Any, TypeVar

from railwatch.area import Area
from railwatch.detector.each import here
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.record import Status
from railwatch.store import Store
from tasks.policy import Limit, Retry, task
from tasks.progress import stage
from tasks.spread import Crew, spread
from tasks.writing import writing

T = TypeVar("T")
R = TypeVar("R")

SCENE_S = 0.2
"""Seconds one core takes for a scene, about; decides between threads and processes."""


@task(retry=Retry.NETWORK, timeout_s=12 * 3600.0, limits=(Limit.RECORD, Limit.DASK))
def detect(area: Area, store: Store, crew: Crew) -> None:
    """Count railcars on the scenes that need it, and keep the findings in one transaction."""
    from railwatch.detector.survey import detect_area

    with writing(store, area.id) as record:
        scenes = sum(entry.status is Status.INGESTED for entry in record.entries())
        if not scenes:
            return
        counted = record.inputs(area.sidings.digest, detector_fingerprint())
        with stage("detect", area.id, scenes) as opened, ExitStack() as hired:
            each = _Workers(crew, SCENE_S * (scenes - len(counted)), hired)
            detect_area(record, area, each=each, advance=opened.advance)


class _Workers:
    """Hands units to workers (`railwatch.detector.each.Each`), hired when the first one comes."""

    def __init__(self, crew: Crew, work_s: float, hired: ExitStack) -> None:
        self._crew = crew
        self._work_s = work_s
        self._hired = hired

    @cached_property
    def _client(self) -> Any:
        return self._hired.enter_context(self._crew.hired(self._work_s))

    def __call__(self, function: Callable[[T], R], units: Iterable[T]) -> Iterator[tuple[T, R]]:
        """Run a function on units, wherever workers are; a single one is not worth hiring any."""
        listed = list(units)
        if self._crew.address is None and len(listed) == 1:
            return here(function, listed)
        return spread(self._client, function, listed)
