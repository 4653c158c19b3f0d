"""Evidence shows what a count rests on."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from railwatch.count import Car
from railwatch.detection import Detection, Occupancy, Strip
from railwatch.grid import grid_for
from railwatch.publication.evidence import names, strips, tracks
from railwatch.publication.frame import frame_of
from railwatch.scene import SceneRaster
from railwatch.testing.five_years import FiveYears, place
from railwatch.track import Track


def test_the_curve_of_a_group_is_drawn_however_its_members_are_ordered():
    """A strip names a group's tracks across the ground, its occupancy in order of their ids."""
    metres = np.arange(0.0, 50.0, 5.0, dtype=np.float32)
    offset = np.array([-5.0, 0.0, 5.0], dtype=np.float32)
    strip = Strip(
        siding_id="yard-2+yard-1",
        bands=("red",),
        chainage_m=metres,
        offset_m=offset,
        values=np.full((1, 3, 10), 0.2, dtype=np.float32),
    )
    share = np.full(10, 0.5, dtype=np.float32)
    occupancy = Occupancy(siding_id="yard-1+yard-2", chainage_m=metres, probability=share)
    drawn = strips(Detection("scene", (), occupancy=(occupancy,), strips=(strip,))).decode()

    (curve,) = re.findall(r'<path d="([^"]+)" transform', drawn)
    assert curve.count("0.500") == 10


def test_pictures_are_named_anew_where_what_they_rest_on_changed():
    """A late scene in a burn-in changes the inputs of others: what was detected, not their chip."""
    before = FiveYears(place(), 20).content()
    counted = next(c.scene_id for c in before.facility if c.occupied_m is not None)
    listed = [
        replace(row, inputs="another past") if row.item_id == counted else row
        for row in before.listed
    ]
    old, new = names(before), names(replace(before, listed=tuple(listed)))

    assert old[counted].overlay is not None
    assert new[counted].chip == old[counted].chip
    assert new[counted].overlay != old[counted].overlay
    assert new[counted].strips != old[counted].strips
    assert {k: v for k, v in new.items() if k != counted} == {
        k: v for k, v in old.items() if k != counted
    }


def test_a_sharp_scene_is_laid_straight_with_its_cars():
    """A bright square on a track and a car outlined on it come to the same place of a row."""
    gsd_m = 0.5
    area = place()
    grid = grid_for(area.sidings, gsd_m, 100.0)
    frame = frame_of(grid, area.sidings)
    track = Track.of(next(s for s in area.sidings if s.id == "spur"), area.sidings.utm)
    corners = np.array([(100.0, -1.5), (114.0, -1.5), (114.0, 1.5), (100.0, 1.5)])
    ground = np.column_stack(track.xy(corners[:, 0], corners[:, 1]))
    inside = np.column_stack(
        track.xy(*(axis.ravel() for axis in np.mgrid[100.0:114.0:0.2, -1.5:1.5:0.2]))
    )
    values = np.full((1, frame.height, frame.width), 1000, dtype=np.uint16)
    column, row = np.floor(frame.drawn(inside)).astype(int).T
    values[0, row, column] = 9000
    raster = SceneRaster(("pan",), values, np.zeros(values.shape[1:], dtype=np.uint8))
    outline = tuple(map(tuple, [*ground, ground[0]]))
    car = Car("spur", 100.0, 114.0, outline, probability=0.9, kind="tank", tarp=None)
    drawn = tracks(raster, frame, area.sidings, Detection("scene", (), cars=(car,))).decode()

    (polygon,) = re.findall(r'<polygon points="([^"]+)"', drawn)
    shown = np.array([point.split(",") for point in polygon.split()], dtype=float)
    assert shown[:, 0].min() == pytest.approx(100.0 * 1000 / 300, abs=0.5)
    assert shown[:, 0].max() == pytest.approx(114.0 * 1000 / 300, abs=0.5)
    at = drawn.index(polygon)
    image = re.findall(r'height="([\d.]+)" [^>]+base64,([^"]+)"', drawn[:at])[-1]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(image[1]))).convert("L"))
    bright = np.argwhere(pixels > 160)
    scale = float(image[0]) / pixels.shape[0]
    middle = (bright.mean(axis=0) + 0.5) * scale
    assert middle[1] == pytest.approx(shown[:4, 0].mean(), abs=2.0)
    assert middle[0] == pytest.approx(shown[:4, 1].mean(), abs=2.0)
