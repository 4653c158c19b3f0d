"""Implanting: rendered track and cars in a copy of a real archive, for truth on real ground.

Real noise, clouds, mosaicking seams and misregistration stay as they are; what is added is known.
Where the archive shows no railway a bed of ballast is laid first, since a car on a field would be
seen against the field.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import rasterio

from railwatch.grid import Grid
from railwatch.injection import Consist, Light, inject
from railwatch.rolling_stock import SPECTRAL_BANDS, Panel, Spectrum, Vehicle
from railwatch.siding import SidingSet
from railwatch.testing.scenery.archive import write_tiff
from railwatch.testing.scenery.ground import BED_HALF_M
from railwatch.testing.scenery.render import Declared, Outputs
from railwatch.testing.scenery.traffic import Stay, Traffic
from railwatch.testing.scenery.truth import SceneTruth, Truth, TruthCar, write_truth
from railwatch.testing.scenery.weather import sun_at
from railwatch.track import Track

LABEL = "Real imagery with rendered track and railcars put in by railwatch.testing.scenery"
BED_PIECE_M = 10.0


@dataclass(frozen=True, slots=True)
class Bed:
    """Ballast laid under every siding."""

    look: Spectrum
    texture: float
    """Standard deviation of ln brightness from piece to piece."""
    seed: int

    def on(self, track: Track) -> Consist:
        """Lay pieces along a whole track; they are flat, so they throw no shadow worth a pixel."""
        rng = np.random.default_rng([self.seed, round(track.length_m * 1000)])
        count = max(1, round(track.length_m / BED_PIECE_M))
        length = track.length_m / count
        pieces = []
        for _ in range(count):
            level = float(np.exp(rng.normal(0.0, self.texture)))
            blue, green, red, nir, swir16 = (level * v for v in self.look)
            panel = Panel(
                (-length / 2.0, length / 2.0),
                (-BED_HALF_M, BED_HALF_M),
                (blue, green, red, nir, swir16),
            )
            pieces.append(Vehicle("bed", length, length, 2.0 * BED_HALF_M, 0.01, (panel,)))
        return Consist(0.0, tuple(pieces))


def implant(
    archive: Path, sidings: SidingSet, traffic: Traffic, outputs: Outputs, bed: Bed | None
) -> Truth:
    """Copy an archive of single-band reflectance assets with track and cars put in.

    Parameters
    ----------
    archive
        Folder of STAC items in the sidings' UTM zone.
    traffic
        Who stands where; track numbers are the sidings' order.
    bed
        None where the sidings are real track.
    """
    utm = sidings.utm
    tracks = [Track.of(siding, utm) for siding in sidings]
    laid = [] if bed is None else [(track, bed.on(track)) for track in tracks]
    lon, lat = np.mean([p for s in sidings for p in s.coordinates], axis=0).tolist()
    truths = []
    for path in sorted(archive.rglob("*.json")):
        item = json.loads(path.read_text(encoding="utf-8"))
        when = dt.datetime.fromisoformat(item["properties"]["datetime"])
        azimuth, elevation = sun_at(lon, lat, when)
        light = Light(azimuth, max(elevation, 8.0))
        here = traffic.at(when)
        standing = [(tracks[s.track], s.consist) for s in here]
        item["id"] = f"{item['id']}-implanted"
        item["collection"] = f"implanted-{item['collection']}"
        item["properties"] |= {"description": LABEL, "railwatch:rendered": True}
        home = outputs.archive / item["id"]
        home.mkdir(parents=True, exist_ok=True)
        for asset in item["assets"].values():
            source = path.parent / asset["href"]
            target = home / Path(asset["href"]).name
            _put_in(source, target, asset, laid, standing, light, bed)
            asset["href"] = f"./{target.name}"
        (home / f"{item['id']}.json").write_text(json.dumps(item), encoding="utf-8")
        truths.append(_truth(item, when, elevation, sidings, tracks, here, utm))
    return write_truth(outputs.truth, truths)


def _put_in(
    source: Path,
    target: Path,
    asset: dict[str, Any],
    laid: Sequence[tuple[Track, Consist]],
    standing: Sequence[tuple[Track, Consist]],
    light: Light,
    bed: Bed | None,
) -> None:
    """Write one asset's copy; assets that are not a band of reflectance are copied as they are."""
    band = asset.get("eo:bands", [{}])[0].get("common_name")
    if band not in SPECTRAL_BANDS:
        target.write_bytes(source.read_bytes())
        return
    packed = asset["raster:bands"][0]
    scale, offset, nodata = packed["scale"], packed.get("offset", 0.0), packed["nodata"]
    with rasterio.open(source) as file:
        counts, transform, epsg = file.read(), file.transform, file.crs.to_epsg()
    grid = Grid(epsg, transform.a, transform.c, transform.f, counts.shape[1:])
    values = np.where(counts == nodata, np.nan, counts * scale + offset)
    values = inject(values, grid, (band,), laid, Light(0.0, 90.0))
    ground = None if bed is None else np.array([bed.look[SPECTRAL_BANDS.index(band)]])
    seen = inject(values, grid, (band,), standing, light, ground=ground)
    packed_again = np.clip(np.rint((seen - offset) / scale), 0, 65534)
    kept = np.where(counts == nodata, nodata, np.nan_to_num(packed_again)).astype(counts.dtype)
    write_tiff(target, grid, kept, nodata)


def _truth(
    item: dict[str, Any],
    when: dt.datetime,
    elevation: float,
    sidings: SidingSet,
    tracks: Sequence[Track],
    here: Sequence[Stay],
    utm: pyproj.CRS,
) -> SceneTruth:
    declared = [Declared.of(siding, utm) for siding in sidings]
    cars: list[TruthCar] = []
    for stay in here:
        cars += declared[stay.track].cars(tracks[stay.track], stay)
    return SceneTruth(
        scene_id=item["id"],
        collection=item["collection"],
        acquired=when,
        gsd_m=float(item["properties"]["gsd"]),
        regime="real",
        sun_elevation_deg=round(elevation, 2),
        shift_m=(0.0, 0.0),
        clouded=0.0,
        thin_cloud=0.0,
        roof_masked=False,
        moving=False,
        lateral_cargo=False,
        cars=tuple(cars),
    )
