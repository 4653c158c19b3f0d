"""Implanting: real pixels change where cars were put, by as much as physics says, nowhere else."""

import datetime as dt
import os
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio

from railwatch.area_geojson import read_sidings
from railwatch.injection import Consist, draw_consist, points_on
from railwatch.testing.scenery import Outputs, Stay, Traffic
from railwatch.testing.scenery.implant import Bed, implant
from railwatch.track import Track

SHARED = Path(os.environ.get("RAILWATCH_SHARED", Path(__file__).parents[5] / "shared"))
BELGIUM = SHARED / "data" / "sentinel2-belgium"
pytestmark = pytest.mark.skipif(not BELGIUM.is_dir(), reason="shared/data is not here")

BALLAST = (0.10, 0.12, 0.14, 0.19, 0.22)
SINCE = dt.datetime(2021, 5, 15, tzinfo=dt.UTC)


def implanted(folder, *, cars, bed):
    sidings = read_sidings(BELGIUM / "control.sidings.geojson")
    consist = draw_consist(
        np.random.default_rng(4), cars, from_m=200.0, kinds=("hopper-grain",), mixed=0
    )
    stays = (Stay(0, consist, SINCE, SINCE + dt.timedelta(days=999)),) if cars else ()
    outputs = Outputs(folder / "archive", folder / "truth.json")
    truth = implant(BELGIUM / "scenes", sidings, Traffic(stays), outputs, bed)
    return sidings, consist, truth


def band(folder, scene_id, name):
    with rasterio.open(folder / "archive" / scene_id / f"{name}.tif") as file:
        return file.read(1).astype(float), file.transform


def original(scene_id, name):
    home = BELGIUM / "scenes" / scene_id.removesuffix("-implanted")
    with rasterio.open(home / f"{name}.tif") as file:
        return file.read(1).astype(float)


def test_only_scenes_with_cars_change_and_only_around_them(tmp_path):
    """Before the train came pixels are the archive's own; after, they differ along it only."""
    sidings, consist, truth = implanted(tmp_path, cars=12, bed=None)
    track = Track.of(next(iter(sidings)), sidings.utm)
    middle = points_on(track, consist.from_m + consist.length_m / 2)
    reach = consist.length_m / 2 + 45.0
    for scene in truth.scenes:
        after, transform = band(tmp_path, scene.scene_id, "red")
        change = np.abs(after - original(scene.scene_id, "red"))
        rows, cols = np.nonzero(change)
        x = transform.c + transform.a * (cols + 0.5)
        y = transform.f + transform.e * (rows + 0.5)

        assert len(scene.cars) == (12 if scene.acquired >= SINCE else 0)
        assert (change.max() > 50) == (scene.acquired >= SINCE)
        assert np.all(np.hypot(x - middle[0], y - middle[1]) < reach)


def test_cars_add_their_contrast_against_the_bed_laid_under_them(tmp_path):
    """Summed over the image the change is roof area x (roof - ballast), less the shadow's loss."""
    bed = Bed(BALLAST, 0.0, 1)
    _, consist, truth = implanted(tmp_path / "full", cars=12, bed=bed)
    implanted(tmp_path / "bare", cars=0, bed=bed)
    scene = next(s for s in truth.scenes if s.acquired >= SINCE)
    full, transform = band(tmp_path / "full", scene.scene_id, "swir16")
    bare, _ = band(tmp_path / "bare", scene.scene_id, "swir16")
    change = float((full - bare).sum()) * 1e-4 * transform.a**2
    roofs = sum(
        (p.reflectance[4] - BALLAST[4]) * np.ptp(p.along_m) * np.ptp(p.across_m)
        for v in consist.vehicles
        for p in v.panels
    )
    height = consist.vehicles[0].height_m
    length = consist.length_m - consist.vehicles[0].length_m + consist.vehicles[0].body_m
    shaded = height / np.tan(np.radians(scene.sun_elevation_deg)) * length
    most = roofs - 0.88 * BALLAST[4] * shaded

    # How much of the shadow's length counts depends on the angle of sun to track.
    assert most - 3.0 < change < roofs


def test_empty_months_stay_empty_and_items_stay_valid(tmp_path):
    """The two months without data have none afterwards, and every item reads as STAC."""
    _, _, truth = implanted(tmp_path, cars=3, bed=Bed(BALLAST, 0.1, 2))
    empty = [
        s.scene_id for s in truth.scenes if (band(tmp_path, s.scene_id, "nir")[0] == 65535).all()
    ]
    items = [pystac.Item.from_file(str(p)) for p in (tmp_path / "archive").rglob("*.json")]

    assert sorted(empty) == [
        "S2_L2A_monthly_2020-12-implanted",
        "S2_L2A_monthly_2021-01-implanted",
    ]
    assert len(items) == 12
    assert all(item.properties["railwatch:rendered"] for item in items)


def test_a_bed_covers_its_track_without_a_gap():
    """Pieces lie end to end over the whole length, five metres wide."""
    track = Track("t", np.array([[0.0, 0.0], [103.0, 0.0]]))
    laid = Bed(BALLAST, 0.0, 1).on(track)

    assert isinstance(laid, Consist)
    assert laid.from_m == 0.0
    assert laid.length_m == pytest.approx(103.0)
    assert all(v.body_m == v.length_m for v in laid.vehicles)
