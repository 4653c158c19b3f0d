"""Sources: archives that can be searched and fetched.

`SceneSource` is the one seam between railwatch and the world's archives. An implementation
subclasses nothing; `railwatch.testing.source_contract.SourceContract` states what it must keep.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from railwatch.grid import Grid
from railwatch.scene import Scene, SceneRaster

CHANGE_KEY = "item_digest"
"""Scene property in which a source may put a digest of the item and its files; a rejected scene is
tried again when it changes. Where absent, the scene's own digest stands in."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to ask an archive for."""

    bbox: tuple[float, float, float, float]
    """(west, south, east, north) degrees, WGS84, around the sidings and the registration ring."""
    start: dt.datetime | None = None
    """Inclusive, UTC; None: from the archive's first scene."""
    end: dt.datetime | None = None
    """Exclusive, UTC; None: to its last."""
    collections: tuple[str, ...] = ()
    """Collection ids wanted; empty: every optical and SAR collection the archive holds."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gave: a scene, or an item that cannot become one."""

    item_id: str
    scene: Scene | None
    rejection: str | None = None
    """A `railwatch.scene.Rejection` where `scene` is None."""
    detail: str = ""
    """One sentence naming file and field."""


@dataclass(frozen=True, slots=True)
class Price:
    """What fetching one scene costs before it is fetched."""

    requests: int = 0
    processing_units: float = 0.0
    bytes: int = 0


@runtime_checkable
class PaidSource(Protocol):
    """A source whose answers cost money and are kept until the record holds their scenes."""

    def committed(self, scene_ids: Sequence[str]) -> None:
        """Forget what was kept of scenes the record now holds."""
        ...

    def tidy(self, recorded: AbstractSet[str]) -> None:
        """Forget what runs that were killed left of scenes the record holds."""
        ...


class SceneSource(Protocol):
    """An archive that can be searched, priced and fetched."""

    def search(self, query: Query) -> Iterator[Found]:
        """List scenes that meet the query, ordered by (acquired, id), one version an acquisition.

        Raises
        ------
        SourceError
            The archive cannot be searched at all. A single bad item is a `Found` with a rejection.
        """
        ...

    def price(self, scene: Scene, grid: Grid, pieces: npt.NDArray[np.bool_]) -> Price:
        """Say what `fetch` with the same arguments would cost, exactly and without spending."""
        ...

    def fetch(self, scene: Scene, grid: Grid, pieces: npt.NDArray[np.bool_]) -> SceneRaster:
        """Read the scene's pixels in `pieces` onto `grid`.

        `pieces` is (piece row, piece column) bool, squares of `railwatch.grid.PIECE_PX` pixels.
        Pixels outside the wanted ones are `NODATA`. Fetching twice gives equal bytes.

        Raises
        ------
        SceneError
            This scene cannot be read; others may.
        TransientError
            The same call may succeed later.
        QuotaError
            Paying for it would exceed the account or budget.
        """
        ...
