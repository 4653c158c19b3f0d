"""A yard watched by radar: an area and an archive that cost next to nothing, with real counts.

Radar scenes go the whole way through the program (search, tiles, detection of presence, Parquet,
Zarr, pictures) and take milliseconds each, where optical ones take a second to calibrate. So tests
that run the whole way hundreds of times run it on this. Two trains come and go by turns.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from railwatch.area import Area, load_area
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.detector.survey import detect_area
from railwatch.publication import Publication, publish
from railwatch.record import Record
from railwatch.sources import SceneSource
from railwatch.sources.archive import ArchiveSource
from railwatch.store import Store
from railwatch.work import query_for, work_for

FIRST_DAY = dt.datetime(2023, 1, 1, 21, 38, tzinfo=dt.UTC)
EPSG = 32652
WEST, NORTH, SIZE = 631_300.0, 4_699_100.0, 256
LON, LAT = 130.6100, 42.4200
PUBLISHED_AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
"""Time that `walk` publishes at, so that bytes can be compared."""


@dataclass(frozen=True, slots=True)
class RadarYard:
    """An area file and an archive beside it, in one folder."""

    folder: Path

    @property
    def area_file(self) -> Path:
        """The YAML file."""
        return self.folder / "yard.yaml"

    @property
    def archive(self) -> Path:
        """The folder of STAC Items."""
        return self.folder / "archive"

    @property
    def area(self) -> Area:
        """The area, as its file says."""
        return load_area(self.area_file)

    def scene_id(self, day: int) -> str:
        """Id of a day's scene."""
        return f"S1A_IW_GRDH_1SDV_{FIRST_DAY + dt.timedelta(days=day):%Y%m%dT%H%M%S}"

    def add(self, first: int, count: int) -> None:
        """Add the scenes of days `first` to `first + count - 1`."""
        for day in range(first, first + count):
            name = self.scene_id(day)
            folder = self.archive / name
            folder.mkdir()
            acquired = (FIRST_DAY + dt.timedelta(days=day)).isoformat()
            (folder / f"{name}.json").write_text(json.dumps(_item(name, acquired, day % 4)))


def make_yard(folder: Path, scenes: int = 0) -> RadarYard:
    """Write the area and an archive of so many daily scenes."""
    folder.mkdir(parents=True, exist_ok=True)
    yard = RadarYard(folder)
    yard.archive.mkdir()
    lines = {
        "east": [[LON, LAT], [LON + 0.004, LAT + 0.001]],
        "west": [[LON, LAT + 0.001], [LON + 0.004, LAT + 0.002]],
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
    yard.area_file.write_text(
        "id: yard\nname: The Radar Yard\nsources:\n  - collection: sentinel-1-grd\n"
    )
    for look in range(4):
        _write_image(yard.archive / f"look{look}.tif", look)
    yard.add(0, scenes)
    return yard


def walk(area: Area, source: SceneSource, store: Store, *, batch: int = 8) -> Publication:
    """Take an area's scenes the whole way in this thread: search, ingest, detect, publish.

    Asks the record what is left, as `railwatch run` does, so that a run that was cut short is
    finished by calling it again.
    """
    found = list(source.search(query_for(area, None, None)))
    with Record.open(store, area.id, write=True) as record:
        for part in work_for(area, record, found).batches(batch):
            begun = record.begin(part.footprints)
            tickets = begun.tickets(part.scenes, scenes_each=batch)
            begun.commit([ticket.write(source) for ticket in tickets], part.rejections)
            record.refresh()
        detect_area(record, area)
        fingerprint = detector_fingerprint()
        return publish(store, record, area, detector=fingerprint, now=PUBLISHED_AT)


def walk_yard(yard: RadarYard, store_url: str, *, batch: int = 8) -> Publication:
    """Take a yard's archive the whole way into a store."""
    return walk(yard.area, ArchiveSource(str(yard.archive)), Store.open(store_url), batch=batch)


def _item(name: str, acquired: str, look: int) -> dict[str, object]:
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": "sentinel-1-grd",
        "bbox": [130.55, 42.38, 130.7, 42.5],
        "geometry": None,
        "properties": {
            "datetime": acquired,
            "platform": "sentinel-1a",
            "gsd": 10,
            "proj:epsg": EPSG,
            "sat:relative_orbit": 61,
            "sat:orbit_state": "descending",
        },
        "links": [],
        "assets": {
            band: {
                "href": f"../look{look}.tif",
                "type": "image/tiff; application=geotiff",
                "roles": ["data"],
                "eo:bands": [{"name": band, "common_name": band}],
            }
            for band in ("vv", "vh")  # the same picture: presence looks at one polarisation
        },
    }


def _write_image(path: Path, look: int) -> None:
    """Write speckle of power, with a train on the east track in look 1 and on both in look 2."""
    rng = np.random.default_rng(look)
    power = rng.gamma(4.4, 0.03 / 4.4, (SIZE, SIZE)).astype(np.float32)
    if look in (1, 2):
        power[88:94, 100:125] *= 20.0
    if look == 2:
        power[76:84, 100:125] *= 20.0
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=SIZE,
        height=SIZE,
        count=1,
        dtype="float32",
        crs=f"EPSG:{EPSG}",
        transform=from_origin(WEST, NORTH, 10.0, 10.0),
        tiled=True,
        blockxsize=64,
        blockysize=64,
        compress="deflate",
    ) as image:
        image.write(power, 1)
