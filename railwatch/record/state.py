"""State: parcels that save work and can be made again from the record at any time.

A parcel is one object beside the record's repository, named by a digest of all it was made from:
`records/{area}/state/{kind}/{digest}`. So a name that is there is right, whoever wrote it; there
is nothing to commit, to merge or to invalidate (docs/decisions/0060). It is a cache, never a truth:
what is lost or damaged is made again, with equal bits.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass

from railwatch.errors import StoreError
from railwatch.record import parcel
from railwatch.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class States:
    """State of one area; can be pickled to a worker."""

    store: Store
    area_id: str
    kept: bool = True
    """False: nothing is found and nothing is kept, so that all is made from pixels."""

    def get(self, name: str) -> bytes | None:
        """Return a parcel; None where there is none, or what is there is damaged."""
        if not self.kept:
            return None
        key = self._key(name)
        try:
            data = self.store.get(key)
        except KeyError:
            return None
        if not parcel.whole(data):
            log.warning("%s is damaged and made again", key)
            return None
        return data

    def put(self, name: str, data: bytes) -> None:
        """Keep a parcel; where it cannot be kept it will be made again."""
        if not self.kept:
            return
        try:
            self.store.put(self._key(name), data)
        except StoreError as exc:
            log.warning("%s: state of %s is not kept: %s", self.area_id, name, exc)

    def drop_others(self, kind: str, names: Collection[str]) -> None:
        """Remove what is below `kind` and not among `names`: state of another past."""
        if not self.kept:
            return
        for name in self._names(kind):
            if name not in names:
                self.drop(name)

    def damaged(self) -> list[str]:
        """Read everything that is kept, and name what is not as it was put."""
        found = ((name, self.store.get(self._key(name))) for name in self._names())
        return [name for name, data in found if not parcel.whole(data)]

    def drop(self, name: str) -> None:
        """Remove a parcel."""
        self.store.delete(self._key(name))

    def _names(self, kind: str = "") -> list[str]:
        top = f"{self._top}/{kind}" if kind else self._top
        return [key.removeprefix(f"{self._top}/") for key in self.store.list(top)]

    @property
    def _top(self) -> str:
        return f"records/{self.area_id}/state"

    def _key(self, name: str) -> str:
        return f"{self._top}/{name}"
