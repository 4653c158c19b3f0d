"""Scene to cube with railwatch.

    python -m benchmarks.speed.ours.ingest MODE ARCHIVE OUT

Modes: `all` stores every tile of the scenes, one commit; `each` commits scene by scene, as a watch
of one area does; `corridor` stores the tiles of a siding across the scene, which is what the
product does for an area.
"""

from __future__ import annotations

import os
import sys
import zlib
from pathlib import Path

import numpy as np

from benchmarks.speed.stopwatch import Stopwatch
from railwatch.grid import TILE_PX, Grid
from railwatch.record import Footprint, Record
from railwatch.scene import Scene
from railwatch.sources import Query
from railwatch.sources.archive import ArchiveSource
from railwatch.store import Store

EVERYWHERE = Query((-180.0, -90.0, 180.0, 90.0))


def footprint_over(scene: Scene, archive: Path, *, corridor: bool) -> Footprint:
    """All tiles over the archive's scenes, or those of a siding from end to end."""
    import rasterio

    with rasterio.open(next(iter(sorted(archive.rglob("*.tif"))))) as first:
        rows, cols = (-(-n // TILE_PX) for n in first.shape)
        grid = Grid(
            first.crs.to_epsg(),
            scene.gsd_m,
            first.transform.c,
            first.transform.f,
            (rows * TILE_PX, cols * TILE_PX),
        )
    tiles = np.ones((rows, cols), np.bool_)
    if corridor:
        across = np.arange(cols)
        tiles = np.abs(np.arange(rows)[:, None] - (rows // 3 + across // 8)) < 1
    return Footprint(grid, tiles)


def main() -> None:
    mode, archive, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    source = ArchiveSource(str(archive))
    scenes = [one.scene for one in source.search(EVERYWHERE) if one.scene is not None]
    footprint = footprint_over(scenes[0], archive, corridor=mode == "corridor")
    store = Store.open(str(out))
    warm(source, scenes[0], footprint)
    with Stopwatch() as watch, Record.open(store, "made", write=True) as record:
        source = ArchiveSource(str(archive))
        found = [one.scene for one in source.search(EVERYWHERE) if one.scene is not None]
        batches = [[one] for one in found] if mode == "each" else [found]
        for batch in batches:
            opened = record.begin({footprint_key(batch[0]): footprint})
            tickets = opened.tickets(batch, scenes_each=8)
            opened.commit([ticket.write(source) for ticket in tickets])
        os.sync()
    watch.weigh(out)
    with Record.open(store, "made") as record:
        rasters = [record.raster(scene.id)[1].values for scene in scenes]
    pixels = np.stack(rasters)
    side = _side(archive)
    watch.tell(
        crc=zlib.crc32(np.ascontiguousarray(pixels[..., :side, :side]).tobytes()),
        shape=list(pixels.shape),
    )


def footprint_key(scene: Scene) -> str:
    return scene.cube_key


def warm(source: ArchiveSource, scene: Scene, footprint: Footprint) -> None:
    """Load what a process loads once: kernels, the decoder and its GDAL, CRS databases.

    Peers import GDAL before the watch starts, too.
    """
    pieces = np.zeros_like(footprint.pieces)
    pieces[np.unravel_index(int(np.argmax(footprint.pieces)), pieces.shape)] = True
    source.fetch(scene, footprint.grid, pieces)


def _side(archive: Path) -> int:
    import rasterio

    with rasterio.open(next(iter(sorted(archive.rglob("*.tif"))))) as first:
        return int(first.height)


if __name__ == "__main__":
    main()
