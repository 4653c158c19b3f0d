"""A leg: scenes of one block that rest on one checkpoint, counted together on any worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from railwatch.count import ResolutionClass
from railwatch.detector.length import Knowledge, LengthCounter, UnitResult
from railwatch.detector.lookout import Lookout
from railwatch.detector.observation import Observation
from railwatch.record import States, parcel


@dataclass(frozen=True)
class Leg:
    """What a worker is handed."""

    block: int
    """Number of the block in its lookout."""
    mark: int
    """Checkpoint: scenes of the series that came before it."""
    name: str
    """Of what the checkpoint knows, a digest of what it is learnt from."""
    known: bytes | None
    """Its parcel; None where it has to be learnt."""
    wanted: tuple[int, ...]
    """Places in the series to count."""
    observations: Mapping[int, Observation]
    """By place in the series, strips of this block alone: those wanted and, where it has to be
    learnt, the checkpoint's window."""


@dataclass(frozen=True)
class Legs:
    """Counts legs; pickles to a worker."""

    lookout: Lookout
    level: ResolutionClass
    states: States

    def count(self, leg: Leg) -> dict[int, list[UnitResult]]:
        """Count a leg's scenes: the results of the block's units by place in the series."""
        block = self.lookout.blocks[leg.block]
        counter = LengthCounter(
            block, self.lookout.area.sidings, self.level, self.lookout.grid.gsd_m, leg.observations
        )
        data = leg.known
        if data is None:
            data = parcel.packed(counter.learn(leg.mark), {"block": block})
            self.states.put(leg.name, data)
        # Also what was learnt just now is used as it is read back, so that it has the same bits
        # and the same layout in memory whenever it is used.
        known = parcel.unpacked(Knowledge, data, {"block": block})
        return {place: counter.count(known, place) for place in leg.wanted}
