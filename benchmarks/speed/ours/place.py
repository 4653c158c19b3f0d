"""A rendered facility with truth, in the shape of the small workload, for whole pipelines.

Few scenes are rendered and repeated over the years with other dates: rendering costs more than all
that is measured, and neither reading nor counting can tell.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

STRATUM = "C one siding"
REVISIT_DAYS = 2.6


@dataclass(frozen=True)
class RenderedPlace:
    """Where it lies on disk."""

    folder: Path

    @property
    def area(self) -> Path:
        return next(self.folder.glob("*.yaml"))

    @property
    def archive(self) -> Path:
        return self.folder / "archive"

    def cars(self) -> dict[str, int]:
        """True cars by scene id."""
        said = json.loads((self.folder / "cars.json").read_text())
        return {name: int(number) for name, number in said.items()}


def rendered(build: Path, scenes: int) -> RenderedPlace:
    """Render the place unless it is there."""
    from railwatch.testing.evaluation import STRATA, build_site
    from railwatch.testing.scenery.truth import read_truth

    folder = build / f"place-{scenes}"
    if (folder / "complete").exists():
        return RenderedPlace(folder)
    shutil.rmtree(folder, ignore_errors=True)
    stratum = next(s for s in STRATA if s.name == STRATUM)
    site = build_site(stratum, 11, folder / "drawn", quick=True)
    shutil.copytree(
        site.area.parent,
        folder,
        ignore=shutil.ignore_patterns("archive", "truth*"),
        dirs_exist_ok=True,
    )
    truth = read_truth(folder / "drawn" / "truth.json")
    items = sorted((folder / "drawn" / "archive").rglob("*.json"))
    cars: dict[str, int] = {}
    for n in range(scenes):
        source = items[n % len(items)]
        said = json.loads(source.read_text())
        name = f"scene-{n:05d}"
        when = dt.datetime(2019, 1, 2, 2, tzinfo=dt.UTC) + dt.timedelta(days=REVISIT_DAYS * n)
        cars[name] = truth[said["id"]].railcars()
        said["id"] = name
        said["properties"]["datetime"] = when.isoformat()
        home = folder / "archive" / name
        home.mkdir(parents=True)
        for file in source.parent.glob("*.tif"):
            os.link(file, home / file.name)
        (home / f"{name}.json").write_text(json.dumps(said))
    (folder / "cars.json").write_text(json.dumps(cars))
    (folder / "complete").touch()
    return RenderedPlace(folder)
