"""Rasters that crash GDAL, hang in it or want all memory, among many that are good."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.torture.figure import Figure, every, none
from railwatch.decoder import Limits, Pool
from railwatch.record import Record, Status
from railwatch.sources.archive import source
from railwatch.store import Store
from railwatch.testing.radar_yard import EPSG, NORTH, WEST, RadarYard, make_yard, walk_yard

SHIM = Path(__file__).parent / "poison.c"
WORDS = {"poison-segv": "SIGSEGV", "poison-hang": "within 2 s", "bomb": "memory"}
"""What the rejection of a scene says by its file."""


def poisoned(folder: Path, each: int) -> Iterator[Figure]:
    """Ingest and publish a yard in which every other scene is poison."""
    build = ["cc", "-shared", "-fPIC", "-O1", "-o", str(folder / "poison.so"), str(SHIM), "-ldl"]
    subprocess.run(build, check=True)
    count = 2 * len(WORDS) * each
    yard = make_yard(folder / "rasters", count)
    names = sorted(WORDS)
    expected = {yard.scene_id(d): names[d // 2 % len(names)] for d in range(1, count, 2)}
    for name in names:
        shutil.copy(yard.archive / "look0.tif", yard.archive / f"{name}.tif")
    write_bomb(yard.archive / "bomb.tif")
    for day in range(1, count, 2):
        spoil(yard, day, expected[yard.scene_id(day)])
    pool = Pool(Limits(seconds=2.0, memory=512 << 20))
    before, source.decoded = source.decoded, pool.decoded
    os.environ["LD_PRELOAD"] = str(folder / "poison.so")
    try:
        walk_yard(yard, str(folder / "rasters-store"))
    finally:
        source.decoded = before
        del os.environ["LD_PRELOAD"]
        pool.close()
    with Record.open(Store.open(str(folder / "rasters-store")), "yard") as record:
        entries = {entry.item_id: entry for entry in record.entries()}
    named = Counter(
        name
        for item_id, name in expected.items()
        if entries[item_id].status is Status.REJECTED and WORDS[name] in entries[item_id].detail
    )
    good = sum(e.status is Status.INGESTED for i, e in entries.items() if i not in expected)
    said = ", ".join(f"{named[name]} of {each} {name}" for name in names)
    yield every("hostile rasters rejected by name", named.total(), len(expected), said)
    yield none("hostile rasters: other scenes lost", count - len(expected) - good, said)


def spoil(yard: RadarYard, day: int, name: str) -> None:
    """Let a scene's bands lie in a file of another name."""
    document = yard.archive / yard.scene_id(day) / f"{yard.scene_id(day)}.json"
    said = json.loads(document.read_text())
    for asset in said["assets"].values():
        asset["href"] = f"../{name}.tif"
    document.write_text(json.dumps(said))


def write_bomb(path: Path) -> None:
    """Claim 7.2 GB of pixels in a few kilobytes, so fine that all of them touch the yard."""
    import rasterio
    from rasterio.transform import from_origin

    side = 60_000
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=side,
        height=side,
        count=1,
        dtype="uint16",
        crs=f"EPSG:{EPSG}",
        transform=from_origin(WEST, NORTH, 2560.0 / side, 2560.0 / side),
        tiled=True,
        blockxsize=2048,
        blockysize=2048,
        compress="deflate",
        sparse_ok=True,
    ):
        pass
