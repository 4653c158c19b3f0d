"""A lookout: what any worker needs to look at scenes of one cube from the record alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from railwatch.area import Area
from railwatch.detector.block import Block, blocks_of
from railwatch.detector.observation import (
    Corridor,
    Observation,
    corridor_of,
    observe,
    reference_from,
)
from railwatch.detector.registration import Reference
from railwatch.errors import TransientError
from railwatch.grid import Grid
from railwatch.record import Record, SceneEntry, States, parcel
from railwatch.scene import Scene
from railwatch.store import Store


@dataclass(frozen=True)
class Bearings:
    """What the scenes of a cube are held against; kept as state."""

    corridor: Corridor
    reference: tuple[tuple[str, ...], Reference] | None
    """(bands, reference) to register to; None where no scene shows the land."""


@dataclass(frozen=True)
class Lookout:
    """Looks at scenes of one cube; pickles to a worker."""

    store: Store
    area: Area
    grid: Grid
    kept: tuple[States, str] | None = None
    """Where the bearings are kept, by what name; None where scenes are not registered."""

    def __getstate__(self) -> dict[str, Any]:
        """Pickle what it was made of: blocks are made anew, bearings read where they are kept."""
        alone = self.kept is not None and not self.kept[0].kept
        wanted = {f.name for f in fields(self)} | ({"bearings"} if alone else set())
        return {name: value for name, value in self.__dict__.items() if name in wanted}

    @classmethod
    def over(
        cls,
        record: Record,
        area: Area,
        cube_key: str,
        first: Sequence[SceneEntry],
        kept: tuple[States, str],
    ) -> Lookout:
        """Set up with the cube's first scenes as reference; `kept` is where, by what name."""
        states, name = kept
        bare = cls(record.store, area, record.footprint(cube_key).grid)
        data = states.get(name)
        if data is None:
            corridor = corridor_of(bare.grid, bare.blocks, bare.grid.gsd_m)
            rasters = (record.raster(entry)[1] for entry in first)
            reference = reference_from(
                [(raster.bands, raster) for raster in rasters], corridor, bare.grid.gsd_m
            )
            data = parcel.packed(Bearings(corridor, reference))
            states.put(name, data)
        lookout = replace(bare, kept=kept)
        # As the property below would read it; where nothing is kept it could not.
        lookout.__dict__["bearings"] = parcel.unpacked(Bearings, data)
        return lookout

    @cached_property
    def bearings(self) -> Bearings:
        """What scenes are held against."""
        if self.kept is None:
            raise ValueError(f"{self.area.id}: a lookout without bearings cannot look at scenes")
        states, name = self.kept
        data = states.get(name)
        if data is None:
            raise TransientError(
                f"{self.area.id}: {name} was there a moment ago and is gone; the same command "
                "makes it again"
            )
        return parcel.unpacked(Bearings, data)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Blocks of counted tracks; main lines are watched by nobody here."""
        return tuple(b for b in blocks_of(self.area.sidings, self.grid.gsd_m) if b.group.counted)

    def observe(self, entries: tuple[SceneEntry, ...]) -> list[Observation]:
        """Look at a few scenes."""
        corridor, reference = self.bearings.corridor, self.bearings.reference
        with Record.open(self.store, self.area.id) as record:
            return [
                observe(
                    scene_of(entry),
                    record.raster(entry)[1],
                    self.grid,
                    self.blocks,
                    corridor,
                    reference,
                )
                for entry in entries
            ]


def scene_of(entry: SceneEntry) -> Scene:
    """Give the scene of an entry that was ingested."""
    if entry.scene is None:
        raise ValueError(f"{entry.item_id}: an ingested scene has no metadata")
    return entry.scene
