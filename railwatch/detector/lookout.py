"""A lookout: what any worker needs to look at scenes of one cube from the record alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

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
    bearings: Bearings | None = None
    """None where scenes are not registered."""

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
        return cls(bare.store, area, bare.grid, parcel.unpacked(Bearings, data))

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Blocks of counted tracks; main lines are watched by nobody here."""
        return tuple(b for b in blocks_of(self.area.sidings, self.grid.gsd_m) if b.group.counted)

    def observe(self, entries: tuple[SceneEntry, ...]) -> list[Observation]:
        """Look at a few scenes."""
        if self.bearings is None:
            raise ValueError(f"{self.area.id}: a lookout without bearings cannot look at scenes")
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
