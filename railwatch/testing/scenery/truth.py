"""Truth: what really stood there when each rendered scene was taken.

Kept in one JSON file outside the archive, so that nothing that reads the archive can see it.
Chainages are metres along the *declared* siding, which is what a count refers to.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from railwatch.count import FACILITY


@dataclass(frozen=True, slots=True)
class TruthCar:
    """One vehicle that stood on a siding."""

    siding_id: str
    from_m: float
    """Chainage of one coupler face on the declared siding."""
    to_m: float
    kind: str
    freight: bool
    tarp: bool
    visible: bool
    static: bool

    @property
    def length_m(self) -> float:
        """Over coupler faces."""
        return self.to_m - self.from_m


@dataclass(frozen=True, slots=True)
class SceneTruth:
    """One scene: its cars, and what made it hard."""

    scene_id: str
    collection: str
    acquired: dt.datetime
    gsd_m: float
    regime: str
    """snow | hazy | wet | dry."""
    sun_elevation_deg: float
    shift_m: tuple[float, float]
    """The scene shows ground point (x, y) at (x + dx, y + dy)."""
    clouded: float
    """Share of the sidings' length under thick cloud or its shadow."""
    thin_cloud: float
    roof_masked: bool
    moving: bool
    lateral_cargo: bool
    cars: tuple[TruthCar, ...]

    def on(self, siding_id: str) -> tuple[TruthCar, ...]:
        """Visible vehicles on a siding, on a group's sidings (`a+b`), or on all (`*`)."""
        members = siding_id.split("+")
        return tuple(
            c for c in self.cars if c.visible and (siding_id == FACILITY or c.siding_id in members)
        )

    def railcars(self, siding_id: str = FACILITY) -> int:
        """Visible vehicles without locomotives."""
        return sum(not c.kind.startswith("locomotive") for c in self.on(siding_id))

    def occupied_m(self, siding_id: str = FACILITY) -> float:
        """Metres over coupler faces of all visible vehicles."""
        return sum(c.length_m for c in self.on(siding_id))


@dataclass(frozen=True, slots=True)
class Truth:
    """Truth of one archive."""

    scenes: tuple[SceneTruth, ...]

    def __getitem__(self, scene_id: str) -> SceneTruth:
        for scene in self.scenes:
            if scene.scene_id == scene_id:
                return scene
        raise KeyError(scene_id)


def write_truth(path: Path, scenes: Iterable[SceneTruth]) -> Truth:
    """Add scenes to a truth file, replacing those of the same id; ordered by time."""
    known = {s.scene_id: s for s in (read_truth(path).scenes if path.exists() else ())}
    known |= {scene.scene_id: scene for scene in scenes}
    truth = Truth(tuple(sorted(known.values(), key=lambda s: (s.acquired, s.scene_id))))
    path.parent.mkdir(parents=True, exist_ok=True)
    said = [asdict(s) | {"acquired": s.acquired.isoformat()} for s in truth.scenes]
    path.write_text(json.dumps({"rendered": True, "scenes": said}), encoding="utf-8")
    return truth


def read_truth(path: Path) -> Truth:
    """Read what `write_truth` wrote."""
    said = json.loads(path.read_text(encoding="utf-8"))
    return Truth(tuple(_scene(each) for each in said["scenes"]))


def _scene(said: dict[str, Any]) -> SceneTruth:
    known = {f.name: said[f.name] for f in fields(SceneTruth)}
    known["acquired"] = dt.datetime.fromisoformat(said["acquired"])
    known["shift_m"] = tuple(said["shift_m"])
    known["cars"] = tuple(TruthCar(**car) for car in said["cars"])
    return SceneTruth(**known)
