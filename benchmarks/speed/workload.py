"""Inputs of the benchmarks: made once under build/, from fixed seeds, in the shapes users have.

    s2      32 scenes of 6 x 1024 x 1024 uint16, tiled 256, deflate, predictor 2: one file a scene,
            and again one file a band, which is what odc-stac and stackstac read naturally
    small   scenes of 6 x 141 x 141 uint16, as thousands of areas have daily
    vhr     one scene of 4 x 8192 x 8192 uint16, tiled 512

Pixels are smooth land with texture and noise, so that they compress as Sentinel-2 does (1.5 with
LZ4 and bit-shuffling). Files carry STAC Items, which every reader here can use or ignore.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import rasterio
from rasterio.transform import Affine
from scipy import ndimage

EPSG = 32652
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
START = dt.datetime(2022, 3, 1, 2, 10, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Scenery:
    """One set of scenes on disk."""

    folder: Path
    gsd_m: float
    bands: tuple[str, ...]
    side: int
    """Rows and columns of a scene, pixels."""
    scenes: int
    block: int
    """Side of a tile of the files."""
    west: float
    north: float

    @property
    def stacked(self) -> Path:
        """Archive with one file a scene."""
        return self.folder / "stacked"

    @property
    def single(self) -> Path:
        """Archive with one file a band."""
        return self.folder / "single"

    @property
    def pixel_bytes(self) -> int:
        """Bytes of all decoded pixels."""
        return self.scenes * len(self.bands) * self.side**2 * 2


def s2(build: Path, scenes: int) -> Scenery:
    """Make the Sentinel-2 scenes, as files of all bands and of single ones."""
    made = Scenery(
        build / f"s2-{scenes}", 10.0, BANDS, 1024, scenes, 256, 640.0 * 800, 640.0 * 7000
    )
    return _made(made, twins=True)


def small(build: Path, scenes: int) -> Scenery:
    """Make scenes of one small area."""
    made = Scenery(
        build / f"small-{scenes}", 10.0, BANDS, 141, scenes, 256, 640.0 * 800, 640.0 * 7000
    )
    return _made(made, twins=False)


def vhr(build: Path, gsd_m: float = 0.5, side: int = 8192) -> Scenery:
    """Make one sharp scene."""
    step = gsd_m * 64
    made = Scenery(
        build / f"vhr-{side}",
        gsd_m,
        BANDS[:4],
        side,
        1,
        512,
        round(512_000 / step) * step,
        round(4_480_000 / step) * step,
    )
    return _made(made, twins=False)


def land(seed: int, shape: tuple[int, int], bands: int) -> npt.NDArray[np.uint16]:
    """(band, y, x) uint16 counts: fields, texture and noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=tuple(-(-n // 24) + 2 for n in shape)).astype(np.float32)
    fields = np.kron(coarse, np.ones((24, 24), np.float32))[: shape[0], : shape[1]]
    texture = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), 2.0) * 7.0
    out = np.empty((bands, *shape), np.uint16)
    for b in range(bands):
        noise = rng.standard_normal(shape, dtype=np.float32)
        plane = 900.0 + 350.0 * b + 260.0 * fields + 90.0 * texture + 18.0 * noise
        out[b] = np.clip(plane, 1, 12_000)
    return out


def _made(made: Scenery, *, twins: bool) -> Scenery:
    """Write the scenes unless they are there."""
    if (made.folder / "complete").exists():
        return made
    shutil.rmtree(made.folder, ignore_errors=True)
    for n in range(made.scenes):
        # Few looks are drawn, every scene differs: drawing costs more than the benchmark.
        pixels = np.roll(land(n % 4, (made.side, made.side), len(made.bands)), 7 * n, axis=2) + n
        _write(made, made.stacked, n, {"analytic": made.bands}, pixels)
        if twins:
            _write(made, made.single, n, {band: (band,) for band in made.bands}, pixels)
    (made.folder / "complete").touch()
    return made


def _write(
    made: Scenery,
    archive: Path,
    n: int,
    assets: dict[str, tuple[str, ...]],
    pixels: npt.NDArray[np.uint16],
) -> None:
    name = f"scene-{n:04d}"
    home = archive / name
    home.mkdir(parents=True)
    transform = Affine(made.gsd_m, 0.0, made.west, 0.0, -made.gsd_m, made.north)
    said: dict[str, Any] = {}
    for key, bands in assets.items():
        planes = pixels[[made.bands.index(band) for band in bands]]
        with rasterio.open(
            home / f"{key}.tif",
            "w",
            driver="GTiff",
            width=made.side,
            height=made.side,
            count=len(planes),
            dtype="uint16",
            crs=EPSG,
            transform=transform,
            nodata=65535,
            compress="deflate",
            zlevel=6,
            predictor=2,
            tiled=True,
            blockxsize=made.block,
            blockysize=made.block,
            interleave="pixel",
        ) as file:
            file.write(planes)
        said[key] = _asset(made, f"./{key}.tif", bands)
    item = _item(made, name, n, said)
    (home / f"{name}.json").write_text(json.dumps(item), encoding="utf-8")


def _asset(made: Scenery, href: str, bands: Sequence[str]) -> dict[str, Any]:
    return {
        "href": href,
        "type": "image/tiff; application=geotiff",
        "roles": ["data", "reflectance"],
        "eo:bands": [{"name": band, "common_name": band} for band in bands],
        "raster:bands": [
            {"nodata": 65535, "data_type": "uint16", "spatial_resolution": made.gsd_m}
            for _ in bands
        ],
        "proj:shape": [made.side, made.side],
        "proj:transform": [made.gsd_m, 0.0, made.west, 0.0, -made.gsd_m, made.north],
    }


def _item(made: Scenery, name: str, n: int, assets: dict[str, Any]) -> dict[str, Any]:
    south, east = made.north - made.side * made.gsd_m, made.west + made.side * made.gsd_m
    to_wgs = pyproj.Transformer.from_crs(EPSG, 4326, always_xy=True)
    w, s, e, t = to_wgs.transform_bounds(made.west, south, east, made.north)
    ring = [[w, s], [e, s], [e, t], [w, t], [w, s]]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
            "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
            "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
        ],
        "id": name,
        "collection": "made-for-benchmarks",
        "bbox": [w, s, e, t],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "datetime": (START + dt.timedelta(days=2.5 * n)).isoformat(),
            "platform": "made",
            "gsd": made.gsd_m,
            "proj:epsg": EPSG,
            "proj:code": f"EPSG:{EPSG}",
            "view:sun_azimuth": 160.0,
            "view:sun_elevation": 45.0,
        },
        "assets": assets,
        "links": [],
    }
