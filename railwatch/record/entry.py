"""An entry: what the record knows of one listed item, and how rows of the ledger become entries.

The ledger only grows: each attempt at an item appends a row. Which version counts is worked out
from the set of rows when it is read, so it depends on what is there and not on what came first.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from railwatch.acquisition import newest_versions
from railwatch.scene import Rejection, Scene
from railwatch.sources import CHANGE_KEY, Found


class Status(enum.StrEnum):
    """What became of a listed item."""

    INGESTED = "ingested"
    """In the cube, and the version that counts."""
    SUPERSEDED = "superseded"
    """In the record, but a newer version of the same acquisition counts."""
    OUTGROWN = "outgrown"
    """In a cube of an earlier footprint only; to be ingested again."""
    REJECTED = "rejected"
    """Never reached a cube; `rejection` and `detail` say why."""
    QUARANTINED = "quarantined"
    """Only in rows: what the slot holds was found damaged and counts no more."""


@dataclass(frozen=True, slots=True)
class SceneEntry:
    """What the record knows of one listed item."""

    item_id: str
    status: Status
    scene: Scene | None
    """None where the item could not become a scene."""
    change: str
    """Digest of the item; the same item is not tried twice."""
    cube_key: str = ""
    footprint: str = ""
    """Digest of the footprint whose cube holds the pixels."""
    slot: int = -1
    """Place along the cube's first axis; of no meaning to readers."""
    checksum: str = ""
    """CRC-32C over the stored tiles, eight hex digits."""
    rejection: str | None = None
    """A `railwatch.scene.Rejection`."""
    detail: str = ""
    """One sentence naming file and field."""
    spent_pu: float = 0.0
    recorded_at: dt.datetime | None = None
    """When the row was made, UTC."""

    @property
    def contents(self) -> str:
        """Name of a scene's metadata and pixels as they are in the record."""
        return f"{self.item_id}/{self.change}/{self.footprint}/{self.checksum}"

    @property
    def cube_path(self) -> str:
        """Group of the scene's pixels in the repository."""
        if self.scene is None:
            raise ValueError(f"{self.item_id}: a rejected item has no pixels")
        return cube_path(self.cube_key, self.footprint, self.scene.bands)

    def to_json(self) -> str:
        """One row of the ledger."""
        said: dict[str, Any] = {
            "id": self.item_id,
            "status": self.status.value,
            "change": self.change,
            "scene": None if self.scene is None else scene_to_json(self.scene),
            "at": self.recorded_at.isoformat() if self.recorded_at else None,
        }
        if self.footprint:
            said |= {"cube": self.cube_key, "footprint": self.footprint}
        if self.status is Status.REJECTED:
            said |= {"rejection": self.rejection, "detail": self.detail}
        else:
            said |= {"slot": self.slot, "checksum": self.checksum}
        if self.status is Status.QUARANTINED:
            said["detail"] = self.detail
        if self.spent_pu:
            said["pu"] = self.spent_pu
        return json.dumps(said, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, row: str) -> SceneEntry:
        """Read back what `to_json` gave."""
        said = json.loads(row)
        return cls(
            item_id=said["id"],
            status=Status(said["status"]),
            scene=None if said["scene"] is None else scene_from_json(said["scene"]),
            change=said["change"],
            cube_key=said.get("cube", ""),
            footprint=said.get("footprint", ""),
            slot=said.get("slot", -1),
            checksum=said.get("checksum", ""),
            rejection=said.get("rejection"),
            detail=said.get("detail", ""),
            spent_pu=said.get("pu", 0.0),
            recorded_at=dt.datetime.fromisoformat(said["at"]) if said["at"] else None,
        )


def cube_path(cube_key: str, footprint: str, bands: tuple[str, ...]) -> str:
    """Group of the pixels of one cube, footprint and set of bands."""
    return f"{key_path(cube_key)}/{footprint}/{'+'.join(bands)}"


def key_path(cube_key: str) -> str:
    """Group of all cubes of one key."""
    return f"cubes/{cube_key.replace('/', '%2F')}"


def change_of(item: Scene | Found) -> str:
    """Digest that changes when the item or its files do."""
    if isinstance(item, Found):
        if item.scene is not None:
            return change_of(item.scene)
        words = json.dumps([item.item_id, item.rejection, item.detail])
        return hashlib.sha256(words.encode()).hexdigest()[:12]
    said = item.properties.get(CHANGE_KEY)
    return said if isinstance(said, str) else item.digest


def rejected(found: Found, at: dt.datetime) -> SceneEntry:
    """Entry of an item that cannot become a scene."""
    return SceneEntry(
        item_id=found.item_id,
        status=Status.REJECTED,
        scene=None,
        change=change_of(found),
        rejection=found.rejection,
        detail=found.detail,
        recorded_at=at,
    )


def key_of(row: SceneEntry) -> tuple[str, ...]:
    """Key under which a row is appended once: what was tried, and for which footprint."""
    if row.scene is None:
        return (row.item_id, row.change)
    if row.status is Status.REJECTED:
        return (row.item_id, row.change, row.footprint)
    if row.status is Status.QUARANTINED:
        return (row.item_id, row.status.value, row.cube_path, str(row.slot))
    return (row.item_id, row.scene.digest, row.footprint)


def standing(rows: Sequence[SceneEntry]) -> tuple[SceneEntry, ...]:
    """Leave out what lies in quarantine, and the rows that say so: it is as if never ingested."""
    gone = {_place(row) for row in rows if row.status is Status.QUARANTINED}
    return tuple(row for row in rows if _place(row) not in gone)


def _place(row: SceneEntry) -> tuple[str, int] | None:
    """Where a row's pixels lie; None where it has none."""
    return None if row.slot < 0 else (row.cube_path, row.slot)


def _damaged(rows: Iterable[SceneEntry]) -> dict[str, SceneEntry]:
    """Give the entries of items that have pixels in quarantine, by id, as rejections."""
    return {
        row.item_id: replace(
            row, status=Status.REJECTED, rejection=Rejection.DAMAGED, slot=-1, checksum=""
        )
        for row in rows
        if row.status is Status.QUARANTINED
    }


def resolve(rows: Sequence[SceneEntry], current: Mapping[str, str]) -> tuple[SceneEntry, ...]:
    """Work out one entry an item from the ledger's rows.

    Parameters
    ----------
    rows
        In the order they were appended.
    current
        Digest of the footprint in use, by cube key.

    Returns
    -------
    entries
        Ordered by (acquired, id); items without a sensing time come last.
    """
    best: dict[str, tuple[tuple[int, str, int], SceneEntry]] = {}
    for position, row in enumerate(standing(rows)):
        if row.status is Status.REJECTED or row.scene is None:
            worth = (0, "", position)
        else:
            in_use = row.footprint == current.get(row.cube_key, row.footprint)
            worth = (2 if in_use else 1, row.scene.processed, position)
        if row.item_id not in best or worth > best[row.item_id][0]:
            best[row.item_id] = worth, row
    entries = _damaged(rows) | {
        item_id: replace(row, status=Status.OUTGROWN) if worth[0] == 1 else row
        for item_id, (worth, row) in best.items()
    }
    scenes = [r.scene for r in entries.values() if r.status is Status.INGESTED and r.scene]
    for item_id, kept in newest_versions(scenes)[1].items():
        entries[item_id] = replace(
            entries[item_id],
            status=Status.SUPERSEDED,
            detail=f"{kept} is a newer version of the same acquisition",
        )
    return tuple(sorted(entries.values(), key=_order))


def _order(entry: SceneEntry) -> tuple[bool, float, str]:
    if entry.scene is None:
        return (True, 0.0, entry.item_id)
    return (False, entry.scene.acquired.timestamp(), entry.item_id)


def scene_to_json(scene: Scene) -> dict[str, Any]:
    """All of a scene as JSON values; what is unknown is left out."""
    said = {name: getattr(scene, name) for name in Scene.__dataclass_fields__}
    said["acquired"] = scene.acquired.isoformat()
    said["bands"] = list(scene.bands)
    return {name: value for name, value in said.items() if value not in (None, "", {})}


def scene_from_json(said: dict[str, Any]) -> Scene:
    """Read back what `scene_to_json` gave."""
    return Scene(
        **{
            **said,
            "acquired": dt.datetime.fromisoformat(said["acquired"]),
            "bands": tuple(said["bands"]),
        }
    )
