"""A small area and an archive for it, written without railwatch."""

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

ROOT = Path(__file__).parents[2]
EPSG = 32652
WEST, NORTH = 631_300.0, 4_699_100.0
SIZE = 256
FIRST_DAY = dt.datetime(2023, 1, 1, 2, 11, tzinfo=dt.UTC)
BANDS = ("blue", "green", "red", "nir")


class Yard:
    """Two sidings near Tumangang's longitude, and a folder that fills with scenes of them."""

    def __init__(self, folder: Path, areas: Path | None = None) -> None:
        folder = folder if areas is None else areas.parent
        self.area = (areas or folder) / "yard.yaml"
        self.archive = folder / "archive"
        self.store = folder / "store"
        self.archive.mkdir(parents=True)
        self._write_area(self.area.parent)
        self._images = [self._write_image(seed) for seed in range(2)]

    def add(self, first: int, count: int, **broken: str) -> None:
        """Add scenes of days `first` to `first + count - 1`; `broken` replaces an asset's href."""
        for day in range(first, first + count):
            acquired = FIRST_DAY + dt.timedelta(days=day)
            name = f"S2A_52TDN_{acquired:%Y%m%d}_0_L2A"
            href = broken.get("href", f"../{self._images[day % 2].name}")
            item = {
                "type": "Feature",
                "stac_version": "1.0.0",
                "id": name,
                "collection": "sentinel-2-l2a",
                "bbox": [130.55, 42.38, 130.7, 42.5],
                "geometry": None,
                "properties": {
                    "datetime": acquired.isoformat(),
                    "platform": "sentinel-2a",
                    "gsd": 10,
                    "proj:epsg": EPSG,
                },
                "links": [],
                "assets": {
                    "image": {
                        "href": href,
                        "type": "image/tiff; application=geotiff",
                        "roles": ["data"],
                        "eo:bands": [{"name": b, "common_name": b} for b in BANDS],
                        "raster:bands": [{"scale": 1e-4, "offset": 0, "nodata": 0}] * len(BANDS),
                    }
                },
            }
            folder = self.archive / name
            folder.mkdir(exist_ok=True)
            (folder / f"{name}.json").write_text(json.dumps(item))

    def command(self, *more: str, name: str = "run") -> list[str]:
        """Give the command line that runs the yard."""
        said = [name, str(self.area), "--archive", str(self.archive), "--store", str(self.store)]
        return [sys.executable, "-m", "railwatch", *said, *more]

    def run(self, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it in a process of its own."""
        return self._run(self.command(*more), environment)

    def backfill(self, *more: str) -> subprocess.CompletedProcess[str]:
        """Backfill it in a process of its own."""
        return self._run(self.command(*more, name="backfill"), {})

    def _run(
        self, command: list[str], environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env=os.environ | environment,
            timeout=200,
        )

    def _write_area(self, folder: Path) -> None:
        lon, lat = 130.6100, 42.4200
        lines = {
            "east": [[lon, lat], [lon + 0.004, lat + 0.001]],
            "west": [[lon, lat + 0.001], [lon + 0.004, lat + 0.002]],
        }
        features = [
            {
                "type": "Feature",
                "properties": {"id": name, "kind": "siding"},
                "geometry": {"type": "LineString", "coordinates": line},
            }
            for name, line in lines.items()
        ]
        said = {"type": "FeatureCollection", "features": features}
        (folder / "yard.sidings.geojson").write_text(json.dumps(said))
        self.area.write_text("id: yard\nsources:\n  - collection: sentinel-2-l2a\n")

    def _write_image(self, seed: int) -> Path:
        rng = np.random.default_rng(seed)
        path = self.archive / f"image{seed}.tif"
        values = rng.integers(800, 1600, (len(BANDS), SIZE, SIZE), dtype=np.uint16)
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            width=SIZE,
            height=SIZE,
            count=len(BANDS),
            dtype="uint16",
            crs=f"EPSG:{EPSG}",
            transform=from_origin(WEST, NORTH, 10.0, 10.0),
            tiled=True,
            blockxsize=64,
            blockysize=64,
            compress="deflate",
            nodata=0,
        ) as image:
            image.write(values)
        return path


@pytest.fixture(scope="session")
def make_yard():
    """Make a yard in a folder, its area file in another."""
    return Yard


@pytest.fixture
def yard(tmp_path):
    """A yard with an empty archive."""
    return Yard(tmp_path)
