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
from railwatch.record import Record
from railwatch.scene import Scene
from railwatch.store import Store


@dataclass(frozen=True)
class Lookout:
    """Looks at scenes of one cube; pickles to a worker."""

    store: Store
    area: Area
    grid: Grid
    reference: tuple[tuple[str, ...], Reference] | None

    @classmethod
    def over(cls, record: Record, area: Area, cube_key: str, first: Sequence[Scene]) -> Lookout:
        """Set up with the cube's first scenes as reference."""
        bare = cls(record.store, area, record.footprint(cube_key).grid, None)
        rasters = (record.raster(scene.id)[1] for scene in first)
        reference = reference_from(
            [(raster.bands, raster) for raster in rasters], bare.corridor, bare.grid.gsd_m
        )
        return cls(bare.store, area, bare.grid, reference)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Blocks of counted tracks; main lines are watched by nobody here."""
        return tuple(b for b in blocks_of(self.area.sidings, self.grid.gsd_m) if b.group.counted)

    @cached_property
    def corridor(self) -> Corridor:
        """Pixels by what they are to the tracks."""
        return corridor_of(self.grid, self.blocks, self.grid.gsd_m)

    def observe(self, scenes: tuple[Scene, ...]) -> list[Observation]:
        """Look at a few scenes."""
        with Record.open(self.store, self.area.id) as record:
            return [
                observe(
                    scene,
                    record.raster(scene.id)[1],
                    self.grid,
                    self.blocks,
                    self.corridor,
                    self.reference,
                )
                for scene in scenes
            ]
