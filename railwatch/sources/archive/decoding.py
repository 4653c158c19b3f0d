"""What the archive has the decoder do: a scene's pixels, and what a file says of itself.

GDAL is imported where jobs run, so the worker never loads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from railwatch.decoder import Desk, decoded
from railwatch.decoder.desk import room
from railwatch.grid import Grid
from railwatch.scene import NODATA
from railwatch.store import Store

if TYPE_CHECKING:
    from railwatch.sources.archive.item import Item


@dataclass(frozen=True, slots=True)
class SceneJob:
    """Read one scene onto the wanted pieces of a grid.

    Gives (band, y, x) uint16 as the cube stores them, and (y, x) uint8, a `MaskClass` each.
    """

    item: Item
    grid: Grid
    pieces: npt.NDArray[np.bool_]

    @property
    def scene_id(self) -> str:
        """Whose pixels they are."""
        return self.item.scene.id

    @property
    def room(self) -> int:
        """Bytes of values and mask."""
        values = (len(self.item.bands), *self.grid.shape)
        return room(values, np.uint16) + room(self.grid.shape, np.uint8)

    def run(self, desk: Desk) -> dict[str, Any]:
        """Read values, then masks."""
        from railwatch.sources.archive.reading import Reading

        values = desk.array((len(self.item.bands), *self.grid.shape), np.uint16, int(NODATA))
        mask = desk.array(self.grid.shape, np.uint8, 0)
        reading = Reading(desk.files, self.item, self.grid, self.pieces)
        reading.values(values)
        reading.mask(values, mask)
        return {}


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself."""

    names: tuple[str | None, ...]
    """Description or colour of each plane; None where it has neither."""
    side_m: float
    """Side of its pixels, metres."""


@dataclass(frozen=True, slots=True)
class HeaderJob:
    """Read the header of one file."""

    key: str
    scene_id: str
    room: int = 0

    def run(self, desk: Desk) -> dict[str, Any]:
        """Open it, as any file is opened."""
        from railwatch.sources.archive import tiff

        with tiff.opened(desk.files, self.key, self.scene_id) as dataset:
            colours = [None if c in tiff.COLOURLESS else c.name for c in dataset.colorinterp]
            names = [d or c for d, c in zip(dataset.descriptions, colours, strict=True)]
            return {"names": names, "side_m": tiff.side_m(dataset.transform, dataset.crs)}


def header(store: Store, key: str, scene_id: str) -> Header:
    """Read what a file says of itself.

    Raises
    ------
    SceneError
        It is missing, no GeoTIFF, damaged, or claims a size nothing here has.
    """
    said = decoded(HeaderJob(key, scene_id), scene_id, files=store).said
    names = tuple(None if name is None else str(name) for name in said["names"])
    return Header(names, float(said["side_m"]))
