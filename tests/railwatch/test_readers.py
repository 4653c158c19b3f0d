"""What Python users open, checked against what was published."""

import datetime as dt
import subprocess
import sys

import numpy as np
import pytest

import railwatch
from railwatch.errors import OperatorError
from railwatch.publication import publish_content
from railwatch.scene import NODATA, REFLECTANCE_SCALE
from railwatch.store import FolderStore
from railwatch.testing.five_years import FiveYears, place

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def series():
    return FiveYears(place(), 18)


@pytest.fixture(scope="module")
def url(series, tmp_path_factory):
    store = FolderStore(tmp_path_factory.mktemp("store"))
    publish_content(store, series.content(), NOW)
    return store.url


def test_counts_come_as_a_table_with_utc_times(url, series):
    """One row a count, metres as they were counted."""
    table = railwatch.open_counts(url, "tumangang")
    put = {(c.scene_id, c.siding_id): c.occupied_m for c in series.counts}
    got = {(r.scene_id, r.siding_id): r.occupied_m for r in table.itertuples()}

    assert str(table["acquired"].dt.tz) == "UTC"
    for key, metres in put.items():
        assert np.isnan(got[key]) if metres is None else got[key] == metres


def test_cube_gives_reflectance_on_the_grid(url, series):
    """Pixels are the scene's own, as reflectance, at the coordinates of the scene's grid."""
    imagery = railwatch.open_cube(url, "tumangang")["sentinel-2-l2a-10m/imagery"].to_dataset()
    scene = series.content().used[3]
    grid, raster = series.raster(scene.item_id)
    row = int(np.flatnonzero(grid.y() == imagery.y.values[0])[0])
    column = int(np.flatnonzero(grid.x() == imagery.x.values[0])[0])
    window = raster.values[:, row : row + imagery.sizes["y"], column : column + imagery.sizes["x"]]
    place_in_time = imagery["scene_id"].values.tolist().index(scene.item_id)

    assert not (window == NODATA).any()
    np.testing.assert_allclose(
        imagery["values"].isel(time=place_in_time).values, window * REFLECTANCE_SCALE, rtol=1e-6
    )


def test_strips_carry_what_was_detected(url, series):
    """Strips and probabilities of a siding are those of the detection, NaN beyond its end."""
    strips = railwatch.open_strips(url, "tumangang", "sentinel-2-l2a-10m")
    counted = next(c for c in series.counts if c.refusal is None and c.siding_id == "spur")
    detection = series.detection(counted.scene_id)
    put = next(o for o in detection.occupancy if o.siding_id == "spur")
    sampled = next(s for s in detection.strips if s.siding_id == "spur")
    at = strips["scene_id"].values.tolist().index(counted.scene_id)
    got = strips.isel(time=at).sel(siding="spur")
    cells = put.chainage_m.size

    np.testing.assert_array_equal(got["probability"].values[:cells], put.probability)
    assert np.isnan(got["probability"].values[cells:]).all()
    np.testing.assert_allclose(
        got["values"].values[..., :cells], sampled.values, atol=REFLECTANCE_SCALE
    )


def test_unknown_areas_and_cubes_are_named(url):
    """The message says what there is."""
    with pytest.raises(OperatorError, match="nothing is published of area 'nowhere'"):
        railwatch.open_counts(url, "nowhere")
    with pytest.raises(OperatorError, match="there are: sentinel-2-l2a-10m"):
        railwatch.open_strips(url, "tumangang", "landsat-30m")


def test_importing_railwatch_imports_no_heavy_library():
    """The readers and what they need are imported on first use."""
    code = "import sys, railwatch; print(*{'pandas','xarray','zarr','numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []
