"""Naive methods on the same scenes, given more than a detector ever gets: some of the truth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyproj
import rasterio

from railwatch.count import FACILITY
from railwatch.injection import points_on
from railwatch.testing.evaluation.site import Site
from railwatch.track import Track

TAUGHT = 1 / 3
"""Share of the scenes, spread over the series, whose true counts the regression may see."""


def brightness_guess(site: Site) -> npt.NDArray[np.float64]:
    """Regress the facility's cars on how far the yard's brightness is from its median.

    Returns
    -------
    (scene,) float64, cars; NaN for a site of a single scene.
    """
    truth = np.array([len(scene.on(FACILITY)) for scene in site.truth.scenes], dtype=np.float64)
    if len(truth) < 12:
        return np.full(len(truth), np.nan)
    level = np.array([_yard_level(site, scene.scene_id) for scene in site.truth.scenes])
    anomaly = np.abs(level - np.nanmedian(level, axis=0))
    taught = np.arange(len(truth)) % round(1 / TAUGHT) == 0
    usable = taught & np.isfinite(anomaly).all(axis=1)
    design = np.column_stack([np.ones(len(truth)), np.nan_to_num(anomaly)])
    weights, *_ = np.linalg.lstsq(design[usable], truth[usable], rcond=None)
    return np.asarray(np.maximum(design @ weights, 0.0))


def _yard_level(site: Site, scene_id: str) -> npt.NDArray[np.float64]:
    """Mean of each sharp band along the sidings, as counts."""
    folder = site.archive / scene_id
    utm = pyproj.CRS.from_epsg(site.place.epsg)
    points = []
    for siding in site.place.sidings:
        track = Track.of(siding, utm)
        points.append(points_on(track, track.samples(site.stratum.sensor.gsd_m)))
    x, y = np.concatenate(points).T
    means: list[float] = []
    for path in sorted(folder.glob("*.tif")):
        if path.stem in ("scl", "swir16"):
            continue
        with rasterio.open(path) as file:
            west, north = file.transform.c, file.transform.f
            cols = ((x - west) / file.transform.a).astype(int)
            rows = ((y - north) / file.transform.e).astype(int)
            means += [float(plane[rows, cols].mean()) for plane in file.read()]
    return np.array(means)
