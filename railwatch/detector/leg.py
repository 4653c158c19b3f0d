"""A leg: scenes of one block that rest on one checkpoint, counted together on any worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from railwatch.count import ResolutionClass
from railwatch.detector.length import Knowledge, LengthCounter, UnitResult
from railwatch.detector.lookout import Lookout
from railwatch.detector.observation import Observation
from railwatch.detector.shelf import Shelf
from railwatch.errors import TransientError
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
    known: bool
    """Whether that is kept; else it has to be learnt."""
    wanted: tuple[int, ...]
    """Places in the series to count."""
    observations: Mapping[int, Observation]
    """By place in the series, without strips: those wanted and, where it has to be learnt, the
    checkpoint's window."""
    names: Mapping[int, str]
    """Of their strips on the shelf."""


@dataclass(frozen=True)
class Legs:
    """Counts legs; pickles to a worker."""

    lookout: Lookout
    level: ResolutionClass
    states: States
    shelf: Shelf
    learnt: dict[str, bytes] = field(default_factory=dict)
    """Parcels of what checkpoints know that were read already, by name; not pickled."""

    def __getstate__(self) -> dict[str, Any]:
        """Pickle no parcels: workers read them from the store."""
        return self.__dict__ | {"learnt": {}}

    def count(self, leg: Leg) -> dict[int, list[UnitResult]]:
        """Count a leg's scenes: the results of the block's units by place in the series."""
        block = self.lookout.blocks[leg.block]
        seen = leg.observations
        ids = {leg.names[place]: one.scene.id for place, one in seen.items()}
        strips = self.shelf.take(ids, leg.block)
        counter = LengthCounter(
            block,
            self.lookout.area.sidings,
            self.level,
            self.lookout.grid.gsd_m,
            {p: replace(one, strips=(strips[leg.names[p]],)) for p, one in seen.items()},
        )
        data = self._known(leg) if leg.known else None
        if data is None:
            data = parcel.packed(counter.learn(leg.mark), {"block": block})
            self.states.put(leg.name, data)
        # Also what was learnt just now is used as it is read back, so that it has the same bits
        # and the same layout in memory whenever it is used.
        known = parcel.unpacked(Knowledge, data, {"block": block})
        return {place: counter.count(known, place) for place in leg.wanted}

    def _known(self, leg: Leg) -> bytes:
        data = self.learnt.get(leg.name) or self.states.get(leg.name)
        if data is None:
            raise TransientError(
                f"{leg.name}: state was there a moment ago and is gone; the same command makes it"
            )
        return data
