"""The shelf: where strips of scenes that were looked at lie until they are counted.

Strips are megabytes; what goes from the coordinator to workers and back are names. In the process
that made the shelf strips lie in memory, and threads there share it. A copy in another process
holds nothing: what it puts becomes parcels beside the record, a few scenes of one block each, and
what it takes is read from there, or from the record where the scenes were counted before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.errors import TransientError
from railwatch.record import Record, States, parcel

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Shelved:
    """Strips of one block in a few scenes that were looked at together."""

    names: tuple[str, ...]
    strips: tuple[F32, ...]


class Shelf:
    """Strips of one cube's scenes, by the name of what each scene's look rests on."""

    def __init__(self, record: Record, siding_set: str, kind: str) -> None:
        """Take the record that holds strips of counted scenes, and a name for parcels."""
        self._record: Record | None = record
        self._place = (record.store, record.area_id)
        self._siding_set = siding_set
        self._kind = kind
        self._units: dict[str, str] = {}
        """What each scene was looked at with, by the scene's name."""
        self._held: dict[str, tuple[F32, ...]] = {}
        self._read: dict[tuple[str, int], Shelved] = {}
        """Parcels read last, one a block: neighbouring scenes lie together."""

    def __getstate__(self) -> dict[str, Any]:
        """Pickle no strips and no open record."""
        return self.__dict__ | {"_record": None, "_held": {}, "_read": {}}

    def expect(self, unit: str, names: Iterable[str]) -> None:
        """Note what is looked at together, wherever that will be."""
        self._units |= dict.fromkeys(names, unit)

    def put(self, unit: str, strips: Mapping[str, tuple[F32, ...]]) -> None:
        """Keep the strips, one a block, of scenes that were looked at together."""
        if self._record is not None:
            self._held |= strips
            return
        for block, together in enumerate(zip(*strips.values(), strict=True)):
            data = parcel.packed(Shelved(tuple(strips), together))
            self._states.put(self._name(unit, block), data)

    def take(self, wanted: Mapping[str, str], block: int) -> dict[str, F32]:
        """Give strips of one block by scene's name; `wanted` gives each scene's id.

        Raises
        ------
        TransientError
            Some are neither here nor in the store: another run tidied up. Looking again helps.
        """
        found = {name: self._held[name][block] for name in wanted if name in self._held}
        for name in wanted:
            if name not in found and name in self._units:
                one = self._parcel(self._units[name], block)
                if one is not None and name in one.names:
                    found[name] = one.strips[one.names.index(name)]
        left = {name: scene_id for name, scene_id in wanted.items() if name not in found}
        if left:
            found |= {name: strips[block] for name, strips in self._recorded(left).items()}
        return {name: found[name] for name in wanted}

    def release(self, names: Iterable[str]) -> None:
        """Let go of what is in memory."""
        for name in names:
            self._held.pop(name, None)

    def clear(self) -> None:
        """Remove what copies put beside the record."""
        self._states.drop_others(self._kind, ())

    def _recorded(self, wanted: Mapping[str, str]) -> dict[str, tuple[F32, ...]]:
        """Read strips of all blocks from the record; the shelf's own process keeps them."""
        if self._record is not None:
            found = self._from(self._record, wanted)
            self._held |= found
            return found
        with Record.open(*self._place) as record:
            return self._from(record, wanted)

    def _from(self, record: Record, wanted: Mapping[str, str]) -> dict[str, tuple[F32, ...]]:
        said = record.strips(self._siding_set, detector_fingerprint(), list(wanted.values()))
        missing = [scene_id for scene_id in wanted.values() if scene_id not in said]
        if missing:
            raise TransientError(
                f"{record.area_id}: strips of {missing[0]} are gone while its cube is counted; "
                "the same command looks at it again"
            )
        return {
            name: tuple(strip.values for strip in said[scene_id])
            for name, scene_id in wanted.items()
        }

    def _parcel(self, unit: str, block: int) -> Shelved | None:
        one = self._read.get((unit, block))
        if one is None:
            data = self._states.get(self._name(unit, block))
            if data is None:
                return None
            one = parcel.unpacked(Shelved, data)
            self._read = {k: v for k, v in self._read.items() if k[1] != block}
            self._read[unit, block] = one
        return one

    def _name(self, unit: str, block: int) -> str:
        return f"{self._kind}/{unit}/{block}"

    @property
    def _states(self) -> States:
        return States(*self._place)
