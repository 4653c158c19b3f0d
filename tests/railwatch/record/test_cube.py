"""A cube as xarray."""

import numpy as np
import pytest
import zarr

from railwatch.record import Ingested, Record
from railwatch.record.repository import BRANCH
from railwatch.scene import NODATA, MaskClass
from railwatch.testing.made import made_footprint, made_raster, made_scene, seed_of


@pytest.fixture
def scenes():
    """Scenes of days 2, 0, 1 as they arrive; the one of day 1 lacks a band and has another."""
    return [made_scene(2), made_scene(0), made_scene(1, bands=("red", "swir16"))]


@pytest.fixture
def record(store, scenes):
    footprint = made_footprint(2, 3)
    with Record.open(store, "here", write=True) as opened:
        for scene in scenes:
            pixels = made_raster(seed_of(scene), footprint, scene.bands)
            opened.add([Ingested(scene, footprint, pixels)])
        yield opened


def expected(scenes):
    """(time, band, y, x) and (time, y, x) put together from the rasters that went in."""
    values = np.full((3, 3, 128, 192), NODATA)
    mask = np.full((3, 128, 192), MaskClass.NODATA, dtype=np.uint8)
    for scene in scenes:
        pixels = made_raster(seed_of(scene), made_footprint(2, 3), scene.bands)
        day = int(scene.id.removeprefix("day-"))
        for plane, band in zip(pixels.values, scene.bands, strict=True):
            values[day, ["red", "nir", "swir16"].index(band)] = plane
        mask[day] = pixels.mask
    return values, mask


def test_a_cube_is_ordered_by_time_and_holds_every_band(record, scenes):
    """Late scenes stand where they belong; a band that a scene lacks is no data there."""
    cube = record.cube("made@10")
    values, mask = expected(scenes)

    assert cube.scene.values.tolist() == ["day-0", "day-1", "day-2"]
    assert cube.band.values.tolist() == ["red", "nir", "swir16"]
    np.testing.assert_array_equal(cube["values"].values, values)
    np.testing.assert_array_equal(cube["mask"].values, mask)
    assert cube.x.values[0] == made_footprint().grid.x()[0]


@pytest.mark.parametrize(
    "key",
    [
        np.s_[1],
        np.s_[1:, 0, 60:70, 5],
        np.s_[::-1, 1:, 10::7, 190:5:-3],
        np.s_[:, :, 0:0, :],
        np.s_[-1, ..., -1],
    ],
)
def test_any_part_of_a_cube_is_what_numpy_would_take(record, scenes, key):
    """Slices with steps, single indices and empty windows equal those of the whole in memory."""
    part = record.cube("made@10")["values"][key].values

    np.testing.assert_array_equal(part, expected(scenes)[0][key])


def test_scattered_times_and_columns_are_what_numpy_would_take(record, scenes):
    """Lists of positions work along every axis."""
    part = record.cube("made@10")["values"].isel(time=[2, 0], x=[100, 3]).values

    np.testing.assert_array_equal(part, expected(scenes)[0][[2, 0]][..., [100, 3]])


def test_zarr_reads_the_chunks_we_encode(record, scenes):
    """The repository is Zarr v3 that zarr itself reads, edges of the mask's chunks included."""
    store = record._repository.readonly_session(BRANCH).store
    path = record.entries()[0].cube_path
    values, mask = expected(scenes)

    np.testing.assert_array_equal(zarr.open_array(store, path=f"{path}/values")[0], values[2, :2])
    np.testing.assert_array_equal(zarr.open_array(store, path=f"{path}/mask")[1], mask[0])
