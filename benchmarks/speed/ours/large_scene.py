"""The corridor of a siding out of one sharp scene, read and encoded as the product does.

python -m benchmarks.speed.ours.large_scene ARCHIVE OUT
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.speed.ours.ingest import EVERYWHERE, footprint_over, warm
from benchmarks.speed.stopwatch import Stopwatch
from railwatch.record import Footprint, imagery
from railwatch.sources.archive import ArchiveSource


def main() -> None:
    archive = Path(sys.argv[1])
    source = ArchiveSource(str(archive))
    scene = next(one.scene for one in source.search(EVERYWHERE) if one.scene is not None)
    footprint = footprint_over(scene, archive, corridor=True)
    tiles, size = 0, 0
    _, block = next(iter(footprint.blocks(len(scene.bands))))
    warm(source, scene, Footprint(block.grid, block.tiles))
    with Stopwatch() as watch:
        for corner, block in footprint.blocks(len(scene.bands)):
            raster = source.fetch(scene, block.grid, block.pieces)
            chunks, _ = imagery.encoded(("cube", 0), raster, block.tiles, corner)
            tiles += int(block.tiles.sum())
            size += sum(map(len, chunks.values()))
    watch.tell(tiles=tiles, of=int(footprint.tiles.size), bytes=size)


if __name__ == "__main__":
    main()
