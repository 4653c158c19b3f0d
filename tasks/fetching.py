"""What a worker does of ingesting: fetch a ticket's scenes and write their pixels.

A module of its own because workers import it: a task's would bring Prefect along, and a worker that
replaces a dead one would take a second of CPU longer to start.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from railwatch.errors import TransientError
from railwatch.grid import Grid
from railwatch.record import Ticket, Written
from railwatch.scene import Scene, SceneRaster
from railwatch.sources import SceneSource
from tasks.leaving import is_left


def fetch(ticket: Ticket, source: SceneSource) -> Written:
    """Fetch and write a ticket's scenes, on a worker."""
    return ticket.write(_UntilLeft(source))


class _UntilLeft:
    """A source that gives nothing more once nobody waits for it."""

    def __init__(self, source: SceneSource) -> None:
        self._source = source

    def fetch(self, scene: Scene, grid: Grid, pieces: npt.NDArray[np.bool_]) -> SceneRaster:
        """Read the scene's pixels, unless the run was stopped."""
        if is_left():
            raise TransientError(f"{scene.id}: the run was stopped before it was fetched")
        return self._source.fetch(scene, grid, pieces)
