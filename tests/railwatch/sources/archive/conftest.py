"""Archives written for tests: STAC Items and GeoTIFFs of a ground whose brightness is known."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from rasterio.warp import transform

from railwatch.grid import Grid
from railwatch.record import Footprint
from railwatch.sources import Query
from railwatch.sources.archive import ArchiveSource

GRID = Grid(32652, 10.0, 640.0 * 800, 640.0 * 7000, (128, 192))


def ground(x, y, band=0):
    """Reflectance at ground points in EPSG:32652, metres: smooth, 0.05-0.45, other by band."""
    return 0.25 + 0.1 * np.sin(x / 180.0 + band) + 0.1 * np.cos(y / 150.0 - band)


def on_grid(grid, band=0):
    """Reflectance (y, x) at a grid's pixel centres."""
    return ground(grid.x()[None, :], grid.y()[:, None], band)


class MadeArchive:
    """A folder of items; `file` writes a GeoTIFF, `item` the document."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()

    def file(
        self,
        name,
        *,
        epsg=32652,
        to_ground=None,
        shape=GRID.shape,
        planes=(0,),
        number=lambda reflectance: np.rint(reflectance * 1e4).astype(np.uint16),
        **profile,
    ):
        """Write what a camera whose pixels are at `to_ground` would see of the ground."""
        to_ground = to_ground or GRID.transform
        rows, cols = np.mgrid[: shape[0], : shape[1]] + 0.5
        t = to_ground
        x, y = t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f
        if epsg != 32652:
            x, y = transform(f"EPSG:{epsg}", "EPSG:32652", x.ravel(), y.ravel())
            x, y = np.reshape(x, shape), np.reshape(y, shape)
        data = np.stack([number(ground(x, y, plane)) for plane in planes])
        return self.array(name, data, epsg=epsg, transform=to_ground, **profile)

    def array(self, name, data, *, epsg=32652, transform=GRID.transform, colours=None, **profile):
        """Write numbers as they are."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            count=len(data),
            height=data.shape[1],
            width=data.shape[2],
            dtype=data.dtype,
            transform=transform,
            **({"crs": f"EPSG:{epsg}"} if epsg else {}),
            **profile,
        ) as file:
            if colours:
                file.colorinterp = colours
            file.write(data)
        return path

    def item(self, name="one", *, folder="", properties=None, assets=None, **said):
        """Write an item; what is given stands in for what a good one has."""
        document = {
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": name,
            "collection": "made",
            "bbox": [130.4, 40.0, 130.6, 41.0],
            "geometry": None,
            "links": [],
            "properties": {"datetime": "2024-01-02T02:00:00Z", "gsd": 10} | (properties or {}),
            "assets": assets if assets is not None else {"red": self.band("red", "red.tif")},
        } | said
        path = self.path / folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({k: v for k, v in document.items() if v is not ...}))
        return path

    @staticmethod
    def band(common, href, **said):
        """Describe an asset that holds one band, as STAC 1.0 does."""
        return {
            "href": href,
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "roles": ["data"],
            "eo:bands": [{"name": common, "common_name": common}],
            "raster:bands": [{"scale": 0.0001, "offset": 0, "nodata": 65535}],
        } | said

    def search(self, **query):
        """Search all of it."""
        return list(ArchiveSource(str(self.path)).search(Query(BBOX, **query)))

    def fetch(self, name="one", footprint=None):
        """Find a scene and fetch it."""
        footprint = footprint or whole()
        source = ArchiveSource(str(self.path))
        found = {f.item_id: f for f in source.search(Query(BBOX))}
        assert found[name].scene is not None, found[name].detail
        return source.fetch(found[name].scene, footprint.grid, footprint.pieces)

    def rejection(self, name="one"):
        """Reason and sentence of the one item that is no scene."""
        (found,) = [f for f in self.search() if f.scene is None]
        assert found.item_id == name
        return found.rejection, found.detail


BBOX = (130.41, 40.1, 130.59, 40.9)


def whole(grid=GRID):
    """All tiles of a grid."""
    return Footprint(grid, np.ones((grid.shape[0] // 64, grid.shape[1] // 64), dtype=np.bool_))


@pytest.fixture
def archive(tmp_path):
    return MadeArchive(tmp_path / "archive")


@pytest.fixture
def grid():
    return GRID


@pytest.fixture
def truth():
    """Reflectance on a grid by band number."""
    return lambda band=0, grid=GRID: on_grid(grid, band)


@pytest.fixture
def south_up():
    return Affine(10, 0, GRID.west, 0, 10, GRID.bounds[1])
