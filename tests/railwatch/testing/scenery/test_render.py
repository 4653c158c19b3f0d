"""Scenery: what is rendered is an archive, its truth is where it says, and seeds repeat it."""

import datetime as dt
import hashlib
import json
from dataclasses import replace

import numpy as np
import pystac
import pytest
import rasterio
import shapely

from railwatch.injection import draw_consist
from railwatch.testing.scenery import (
    DOVE,
    SENTINEL1,
    SENTINEL2,
    VHR_100,
    VHR_RGB,
    Climate,
    Outputs,
    PlaceDraw,
    Stay,
    Traffic,
    TrafficDraw,
    draw_conditions,
    draw_place,
    draw_traffic,
    read_truth,
    render,
)
from railwatch.testing.scenery.sensor import Packing
from railwatch.testing.scenery.traffic import free

FAIR = Climate(cloudy=0, thin_cloud=0, haze=0, rain=0, snow=0, roof_masked=0)
DAYS = [dt.date(2023, 6, 1), dt.date(2023, 6, 6)]


def small_place(**fixed):
    draw = PlaceDraw(5, tracks=2, length_m=150.0, ring_m=80.0, **fixed)
    return draw_place(draw)


def passes(sensor, place, climate=FAIR, days=DAYS):
    rng = np.random.default_rng(2)
    return draw_conditions(rng, sensor, climate, days, (place.draw.lon, place.draw.lat))


def one_train(cars=4, track=0, kinds=("boxcar",)):
    consist = draw_consist(np.random.default_rng(1), cars, from_m=40.0, kinds=kinds, mixed=0)
    long_ago, far_off = (dt.datetime(y, 1, 1, tzinfo=dt.UTC) for y in (2000, 2040))
    return Traffic((Stay(track, consist, long_ago, far_off),))


def photograph(folder, sensor, place, traffic, **kw):
    outputs = Outputs(folder / "archive", folder / "truth.json")
    return render(place, sensor, passes(sensor, place), traffic, outputs, ring_m=60.0, **kw)


def read(folder, truth, band, number=0):
    path = folder / "archive" / truth.scenes[number].scene_id / band
    with rasterio.open(path) as file:
        return file.read().astype(float), file.transform, file.crs


@pytest.mark.parametrize("sensor", [SENTINEL2, DOVE, VHR_100, VHR_RGB, SENTINEL1])
def test_items_are_valid_stac_and_their_files_open(tmp_path, sensor):
    """Every item reads as STAC with relative, openable assets and says that it is rendered."""
    place = small_place()
    truth = photograph(tmp_path, sensor, place, one_train())
    items = sorted((tmp_path / "archive").rglob("*.json"))

    assert [item.stem for item in items] == [scene.scene_id for scene in truth.scenes]
    for path in items:
        item = pystac.Item.from_file(str(path))
        assert item.properties["railwatch:rendered"] is True
        assert item.collection_id.startswith("rendered-")
        assert item.datetime.tzinfo is not None
        for asset in item.assets.values():
            assert asset.href.startswith("./")
            with rasterio.open(path.parent / asset.href) as file:
                assert file.crs.to_epsg() == place.epsg
                bands = asset.extra_fields.get("eo:bands", [None])
                assert file.count == len(bands)
                assert shapely.box(*file.bounds).contains(
                    shapely.LineString(place.tracks[0].points)
                )


def test_truth_lies_outside_the_archive(tmp_path):
    """A truth file inside the item tree is refused."""
    with pytest.raises(ValueError, match="outside"):
        Outputs(tmp_path / "archive", tmp_path / "archive" / "truth.json")


@pytest.mark.parametrize("sensor", [SENTINEL2, VHR_RGB])
def test_a_seed_renders_the_same_bytes(tmp_path, sensor):
    """Two renderings from equal parameters are equal files, truth included."""
    digests = []
    for name in ("one", "two"):
        photograph(tmp_path / name, sensor, small_place(), one_train())
        files = sorted(p for p in (tmp_path / name).rglob("*") if p.is_file())
        digests.append(
            [
                (p.relative_to(tmp_path / name), hashlib.sha256(p.read_bytes()).hexdigest())
                for p in files
            ]
        )

    assert digests[0] == digests[1]


def test_cars_change_the_image_where_truth_says(tmp_path):
    """At 1 m, brightness changes against the empty scene lie between truth's chainages."""
    place = small_place(digitised_off_m=(0.0, 0.0))
    sensor = replace(VHR_100, shift_px=0.0, noise=(0.0, 0.0), pattern=(0.0, 0.0), off_nadir_deg=0.0)
    truth = photograph(tmp_path / "full", sensor, place, one_train())
    empty = photograph(tmp_path / "empty", sensor, place, Traffic(()))
    with_cars, to_map, _ = read(tmp_path / "full", truth, "analytic.tif")
    without, _, _ = read(tmp_path / "empty", empty, "analytic.tif")
    changed = np.abs(with_cars - without).max(axis=0) > 100
    rows, cols = np.nonzero(changed)
    x = to_map.c + to_map.a * (cols + 0.5)
    y = to_map.f + to_map.e * (rows + 0.5)
    axis = shapely.LineString(place.tracks[0].points)
    chainage = shapely.line_locate_point(axis, shapely.points(x, y))
    cars = truth.scenes[0].on("*")

    assert truth.scenes[0].railcars() == 4
    assert truth.scenes[0].occupied_m() == pytest.approx(4 * 14.73, abs=0.05)
    assert empty.scenes[0].railcars() == 0
    # Shadow and PSF reach a few metres past the last couplers, never a car's length.
    assert chainage.min() == pytest.approx(min(c.from_m for c in cars), abs=5.0)
    assert chainage.max() == pytest.approx(max(c.to_m for c in cars), abs=5.0)


def test_a_shifted_scene_is_moved_by_its_shift(tmp_path):
    """Ten metres east and five south in truth is where cross-correlation finds the scene."""
    place = small_place()
    sensor = replace(DOVE, noise=(0.0, 0.0), pattern=(0.0, 0.0))
    seen = []
    for name, shift in (("still", (0.0, 0.0)), ("moved", (9.0, -6.0))):
        when = [replace(c, shift_m=shift) for c in passes(sensor, place, days=DAYS[:1])]
        outputs = Outputs(tmp_path / name / "archive", tmp_path / name / "truth.json")
        truth = render(place, sensor, when, Traffic(()), outputs, ring_m=60.0)
        seen.append(read(tmp_path / name, truth, "analytic.tif")[0][2])
    still, moved = (plane - plane.mean() for plane in seen)
    spectrum = np.fft.fft2(moved) * np.conj(np.fft.fft2(still))
    peak = np.unravel_index(np.argmax(np.fft.ifft2(spectrum).real), still.shape)
    down, right = ((p + n // 2) % n - n // 2 for p, n in zip(peak, still.shape, strict=True))

    assert (right, down) == (3, 2)


def test_roofs_hide_cars_and_truth_says_so(tmp_path):
    """Cars under the canopy are in the truth as invisible and are not counted."""
    place = small_place(canopy_m=100.0)
    truth = photograph(tmp_path, SENTINEL2, place, one_train())
    scene = truth.scenes[0]

    assert len(scene.cars) == 4
    assert scene.railcars() == sum(c.visible for c in scene.cars) < 4
    assert next(iter(place.sidings)).hidden


def test_snow_whitens_and_rain_darkens(tmp_path):
    """The same place in blue light: snow lies brighter, rain darker than a dry day."""
    place = small_place()
    dry, *_ = passes(SENTINEL2, place, days=DAYS[:1])
    levels = []
    for name, when in (
        ("dry", dry),
        ("wet", replace(dry, wetness=1.0)),
        ("snow", replace(dry, snow=0.9)),
    ):
        outputs = Outputs(tmp_path / name / "archive", tmp_path / name / "truth.json")
        truth = render(place, SENTINEL2, [when], Traffic(()), outputs, ring_m=60.0)
        levels.append(float(read(tmp_path / name, truth, "blue.tif")[0].mean()))

    assert levels[1] < 0.97 * levels[0]
    assert levels[2] > 2.0 * levels[0]


def test_baseline_four_stores_an_offset(tmp_path):
    """After January 2022 counts are 1000 higher and the item says offset -0.1."""
    place = small_place()
    sensor = replace(SENTINEL2, packing=Packing.BASELINE_4)
    plain = photograph(tmp_path / "plain", SENTINEL2, place, Traffic(()))
    offset = photograph(tmp_path / "offset", sensor, place, Traffic(()))
    low, _, _ = read(tmp_path / "plain", plain, "red.tif")
    high, _, _ = read(tmp_path / "offset", offset, "red.tif")
    name = offset.scenes[0].scene_id
    item = json.loads((tmp_path / "offset" / "archive" / name / f"{name}.json").read_text())

    assert high == pytest.approx(low + 1000, abs=1)
    assert item["assets"]["red"]["raster:bands"][0]["offset"] == -0.1


def test_truth_survives_its_file(tmp_path):
    """What was written is read back equal, and a second sensor's scenes join the first's."""
    place = small_place()
    first = photograph(tmp_path, SENTINEL2, place, one_train())
    both = photograph(tmp_path, DOVE, place, one_train())

    assert read_truth(tmp_path / "truth.json") == both
    assert set(first.scenes) < set(both.scenes)
    assert both[first.scenes[0].scene_id] == first.scenes[0]


def test_consists_never_overlap_and_stay_within_the_fouling_points():
    """At every noon, what stands on one track stands apart and inside its span."""
    place = draw_place(PlaceDraw(8, tracks=4, length_m=500.0, ladder=True, ring_m=60.0))
    start, end = dt.date(2023, 1, 1), dt.date(2023, 3, 1)
    traffic = draw_traffic(place, TrafficDraw(3, level=lambda _: 35.0), start, end)
    counts = []
    for number in range(60):
        here = traffic.at(dt.datetime(2023, 1, 1, 18, tzinfo=dt.UTC) + dt.timedelta(days=number))
        counts.append(sum(len(s.consist.vehicles) for s in here))
        for track, (low, high) in enumerate(place.spans):
            ends = sorted(
                (s.consist.from_m, s.consist.from_m + s.consist.length_m)
                for s in here
                if s.track == track
            )
            flat = np.array(ends).ravel()
            assert np.all(np.diff(flat) > 0)
            assert flat.size == 0 or (flat[0] >= low and flat[-1] <= high + 1e-9)

    assert 20 < np.mean(counts) < 50


def test_free_stretches_keep_clear_of_what_stands():
    """Gaps are what remains of a span, 3 m clear of each consist."""
    assert free((0.0, 100.0), []) == [(0.0, 100.0)]
    assert free((0.0, 100.0), [(40.0, 60.0), (10.0, 20.0)]) == [
        (0.0, 7.0),
        (23.0, 37.0),
        (63.0, 100.0),
    ]
