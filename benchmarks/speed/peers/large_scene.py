"""Reading one sharp scene the usual ways. Runs in a peers' environment.

python large_scene.py PEER FILE
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import rasterio
import rioxarray
from stopwatch import Stopwatch


def main() -> None:
    peer, file = sys.argv[1:3]
    with Stopwatch() as watch:
        if peer == "rasterio":
            with rasterio.open(file) as source:
                size = source.read().nbytes
        else:
            with rioxarray.open_rasterio(file) as source:
                size = source.load().nbytes
    watch.tell(pixel_bytes=size)


if __name__ == "__main__":
    main()
