"""Tumangang's five years through Sentinel Hub's emulator, against the archive it serves.

    make emulated                       # all 318 scenes, about ten minutes
    make emulated SCENES=60             # the latest 60

The published story is rendered once and counted twice by railwatch's own commands: from the
archive, and through the real sentinelhub-py client from an emulator that serves it with CDSE's
doubled acquisitions, 10 % mixed faults and a month's quota that ends midway. Both must publish the
same counts, and the emulator's ledger must show that nothing was paid twice. Prints every figure.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from railwatch.area import load_area
from railwatch.publication.parquet import read_rows
from railwatch.store import Store
from railwatch.testing.evaluation.site import write_rendered_area
from railwatch.testing.scenery import Outputs, render
from railwatch.testing.scenery.tumangang import (
    DECAMETRE,
    published_story,
    story_scenes,
    tumangang,
)
from railwatch.testing.sentinel_hub import Emulator, Fault, Faults, Limits
from railwatch.testing.sentinel_hub.server import CLIENT_ID, CLIENT_SECRET

SIDINGS = Path("infra/areas/tumangang.yaml")
AREA_ID = "tumangang"
COLLECTION = "sentinel-2-l2a"
RING_M = 320.0

MIXED = {
    Fault.TOO_MANY: 0.02,
    Fault.TOO_MANY_GARBAGE: 0.01,
    Fault.SERVER_ERROR: 0.02,
    Fault.TRUNCATED: 0.01,
    Fault.TRUNCATED_UNDECLARED: 0.01,
    Fault.RESET: 0.02,
    Fault.DRIP: 0.01,
}
"""10 % in all."""

OF_THE_ARCHIVE = {"snapshot", "published_at", "rendered"}
"""Columns that say where a row comes from, not what was counted: the service does not tell that its
scenes were rendered."""

Command = Callable[[list[str]], tuple[int, str]]
"""Runs `railwatch` with some arguments: exit code, and what it printed."""


@dataclass
class Report:
    """What came out."""

    scenes: int = 0
    planned_pu: float = 0.0
    planned_requests: int = 0
    first: str = ""
    """What the run said that met the end of the quota."""
    first_pu: float = 0.0
    spent_pu: float = 0.0
    sent: int = 0
    """Process requests that the emulator got."""
    faulty: int = 0
    paid_twice: int = 0
    """Requests that were delivered whole, and paid for, more than once."""
    rows: int = 0
    counted: int = 0
    """Rows with metres."""
    differing: list[str] = field(default_factory=list)
    """Rows of the two that differ, by scene, siding and columns."""
    asked_again: int = 0
    """Process requests of a run with nothing left to do."""
    seconds: float = 0.0

    def problems(self) -> list[str]:
        """Say what is not as it must be; nothing where all is."""
        wrong = []
        if self.differing:
            wrong.append(f"{len(self.differing)} rows differ, first {self.differing[0]}")
        if "ACCESS_INSUFFICIENT_PROCESSING_UNITS" not in self.first:
            wrong.append(f"the end of the quota is not named: {self.first}")
        if self.paid_twice:
            wrong.append(f"{self.paid_twice} requests were paid for twice")
        if self.sent > 1.25 * self.planned_requests:
            wrong.append(f"{self.sent} requests for {self.planned_requests} planned")
        if self.asked_again:
            wrong.append(f"{self.asked_again} requests by a run with nothing to do")
        if not self.counted:
            wrong.append("nothing was counted")
        return wrong


def rendered(home: Path, scenes: int | None) -> Path:
    """Render the latest scenes of the story once; give the area file."""
    sidings = load_area(SIDINGS).sidings
    stamp = home / "rendered"
    wanted = f"{sidings.digest} {scenes}"
    if not stamp.exists() or stamp.read_text() != wanted:
        place = tumangang(sidings, RING_M)
        sensor = dataclasses.replace(DECAMETRE, collection=COLLECTION)
        chosen = story_scenes()[DECAMETRE][-scenes if scenes else None :]
        outputs = Outputs(home / "archive", home / "truth.json")
        render(place, sensor, chosen, published_story(place), outputs, ring_m=RING_M)
        _tell_what_the_service_tells(home / "archive")
        stamp.write_text(wanted)
    return write_rendered_area(home, AREA_ID, "Tumangang, rendered", sidings, (COLLECTION,))


def _tell_what_the_service_tells(archive: Path) -> None:
    """Leave the archive's items what CDSE's catalog has: ids that tell orbit, but no angles.

    A detector that is told the sun's place uses it and otherwise reckons it, so counts would differ
    in the last digit by what the two sides were told rather than by what they saw.
    """
    for path in sorted(archive.glob("*/*.json")):
        item = json.loads(path.read_text())
        properties = item["properties"]
        when = properties["datetime"].replace("-", "").replace(":", "").removesuffix("Z")
        unit = properties["platform"][-1].upper()
        orbit = properties["sat:relative_orbit"]
        item["id"] = f"S2{unit}_MSIL2A_{when}_N0510_R{orbit:03d}_T52TFN_{when}.SAFE"
        item["properties"] = {k: v for k, v in properties.items() if not k.startswith("view:")}
        path.write_text(json.dumps(item))


def drive(home: Path, scenes: int | None, railwatch: Command, faults: Faults) -> Report:
    """Count the same scenery both ways and compare."""
    area = rendered(home, scenes)
    report = Report()
    began = time.monotonic()
    archived, served = str(home / "store-archive"), str(home / "store-served")
    _must(railwatch(["run", str(area), "--archive", str(home / "archive"), "--store", archived]))
    with Emulator(archive=home / "archive", old_copies=True, faults=faults) as hub:
        os.environ |= {
            "SH_BASE_URL": hub.url,
            "SH_TOKEN_URL": hub.token_url,
            "SH_CLIENT_ID": CLIENT_ID,
            "SH_CLIENT_SECRET": CLIENT_SECRET,
        }
        plan = json.loads(_must(railwatch(["plan", str(area), "--json"])))
        report.scenes = sum(line["scenes"] for line in plan["collections"])
        report.planned_pu = plan["total"]["processing_units"]
        report.planned_requests = plan["total"]["requests"]
        hub.new_month(dataclasses.replace(Limits.none(), pu_per_month=report.planned_pu / 2))
        command = [str(area), "--store", served]
        code, report.first = railwatch(["backfill", *command])
        report.first_pu = hub.ledger.spent_pu
        if code == 0:
            report.first = "the quota did not end the run"
        hub.new_month(Limits.none())
        _must(railwatch(["backfill", *command]))
        sent = hub.ledger.entries("process")
        report.spent_pu, report.sent = hub.ledger.spent_pu, len(sent)
        report.faulty = sum(bool(entry.fault) for entry in sent)
        report.paid_twice = sum(times > 1 for times in hub.ledger.paid().values())
        _must(railwatch(["run", *command]))
        report.asked_again = len(hub.ledger.entries("process")) - report.sent
    one, other = _rows(archived), _rows(served)
    report.rows = len(one)
    report.counted = sum(row["occupied_m"] is not None for row in one.values())
    report.differing = sorted(
        f"{key}: {_difference(one.get(key), other.get(key))}"
        for key in one.keys() | other.keys()
        if one.get(key) != other.get(key)
    )
    report.seconds = time.monotonic() - began
    return report


def _must(done: tuple[int, str]) -> str:
    """Give what a command printed, if it did what it was told."""
    code, said = done
    if code:
        raise RuntimeError(f"exit {code}: {said}")
    return said


def _rows(store: str) -> dict[tuple[str, str], dict[str, object]]:
    """Published rows by scene and siding, without what differs by origin."""
    rows = read_rows(Store.open(store).get(f"areas/{AREA_ID}/counts.parquet"))
    return {
        (row["scene_id"], row["siding_id"]): {
            name: _plain(value) for name, value in row.items() if name not in OF_THE_ARCHIVE
        }
        for row in rows
    }


def _plain(value: object) -> object:
    """NaN equals NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _difference(one: dict[str, object] | None, other: dict[str, object] | None) -> str:
    if one is None or other is None:
        return "only in the archive's" if other is None else "only in the service's"
    return ", ".join(f"{n} {one[n]!r} / {other[n]!r}" for n in one if one[n] != other[n])


def railwatch_command(arguments: list[str]) -> tuple[int, str]:
    """Run `railwatch` in a process of its own, as a person does."""
    done = subprocess.run(
        [sys.executable, "-m", "railwatch", *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout if done.returncode == 0 else done.stderr


def main() -> int:
    """Drive, print, fail where something is not as it must be."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--scenes", type=int, default=None, help="only so many of the latest")
    asked.add_argument("--home", type=Path, default=Path("build/emulated"))
    wanted = asked.parse_args()
    for stale in ("store-archive", "store-served"):
        subprocess.run(["rm", "-rf", str(wanted.home / stale)], check=True)
    faults = Faults(probability=MIXED, seed=4, drip_s=0.2, retry_after_ms=50)
    report = drive(wanted.home, wanted.scenes, railwatch_command, faults)
    rows = f"{report.rows} rows, {report.counted} with metres"
    print(f"{report.scenes} scenes, {rows}, {report.seconds:.0f} s")
    print(f"planned {report.planned_pu:.3f} PU in {report.planned_requests} requests")
    print(
        f"quota of half of it: stopped at {report.first_pu:.3f} PU: {report.first.strip()[-160:]}"
    )
    print(
        f"in the end {report.spent_pu:.3f} PU charged, {report.sent} requests sent "
        f"({report.sent / max(1, report.planned_requests):.3f} x), {report.faulty} met a fault"
    )
    print(f"requests delivered and paid for twice: {report.paid_twice}")
    print(f"requests of a third run: {report.asked_again}")
    print(f"rows that differ from the archive's: {len(report.differing)}")
    for line in report.differing[:10]:
        print(f"  {line}")
    problems = report.problems()
    print("as it must be" if not problems else "WRONG: " + "; ".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
