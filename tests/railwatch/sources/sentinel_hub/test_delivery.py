"""Nothing but what was asked for gets through, however it is named."""

import datetime as dt
import io
import json
import mmap
import tarfile

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.io import MemoryFile
from rasterio.transform import from_bounds

from railwatch.decoder import Desk
from railwatch.errors import TransientError
from railwatch.sources.sentinel_hub.delivery import Expected, ImageJob, unpacked

MOMENT = dt.datetime(2024, 1, 3, 2, 10, 49, 296_000, tzinfo=dt.UTC)
BOUNDS = (632320.0, 4697280.0, 632640.0, 4697600.0)
EXPECTED = Expected(32652, BOUNDS, 32, 32, 2, MOMENT, MOMENT)
VALUES = np.arange(2 * 32 * 32, dtype=np.uint16).reshape(2, 32, 32)


def tiff(values=VALUES, *, epsg=32652, bounds=BOUNDS, driver="GTiff"):
    with MemoryFile() as memory:
        with memory.open(
            driver=driver,
            width=values.shape[2],
            height=values.shape[1],
            count=values.shape[0],
            dtype=values.dtype,
            crs=CRS.from_epsg(epsg),
            transform=from_bounds(*bounds, values.shape[2], values.shape[1]),
        ) as out:
            out.write(values)
        return bytes(memory.getbuffer())


def scenes(moment="2024-01-03T02:10:49.296Z"):
    return json.dumps({"scenes": json.dumps([{"date": moment, "id": "x"}])}).encode()


def tar(**members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name.replace("_", "."))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_what_was_asked_for_is_decoded():
    """The right answer gives its pixels; an answer made of no scene is right, too."""
    empty = json.dumps({"scenes": "[]"}).encode()
    for told in (scenes(), empty):
        got = unpacked(tar(default_tif=tiff(), userdata_json=told), EXPECTED, "scene")

        np.testing.assert_array_equal(got, VALUES)


SVG = b"<VRTDataset rasterXSize='32' rasterYSize='32'><SRS>EPSG:32652</SRS></VRTDataset>"
WRONG = [
    ("html", b"<!DOCTYPE html><html></html>", "no tar"),
    ("nothing", b"", "no tar|lacks"),
    ("no image", tar(userdata_json=scenes()), "lacks default.tif"),
    ("no scenes", tar(default_tif=tiff()), "lacks userdata.json"),
    ("stranger", tar(default_tif=tiff(), passwd=b"x"), "nobody asked for"),
    ("vrt", tar(default_tif=SVG, userdata_json=scenes()), "no TIFF"),
    ("magic only", tar(default_tif=b"II*\0" + bytes(200), userdata_json=scenes()), "no readable"),
    ("half", tar(default_tif=tiff()[:1500], userdata_json=scenes()), "no readable"),
    ("narrow", tar(default_tif=tiff(VALUES[:, :, :31]), userdata_json=scenes()), "31 x 32 x 2"),
    ("one band", tar(default_tif=tiff(VALUES[:1]), userdata_json=scenes()), "32 x 32 x 1"),
    (
        "floats",
        tar(default_tif=tiff(VALUES.astype("float32")), userdata_json=scenes()),
        "float32 instead of uint16",
    ),
    ("zone", tar(default_tif=tiff(epsg=32651), userdata_json=scenes()), "EPSG:32651"),
    (
        "place",
        tar(default_tif=tiff(bounds=tuple(v + 10 for v in BOUNDS)), userdata_json=scenes()),
        "lies at",
    ),
    (
        "time",
        tar(default_tif=tiff(), userdata_json=scenes("2024-01-08T02:10:49Z")),
        "shows a scene of 2024-01-08",
    ),
    ("scenes", tar(default_tif=tiff(), userdata_json=b"{}"), "does not say which scenes"),
]


@pytest.mark.parametrize(("body", "words"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_anything_else_is_refused(body, words):
    """Each is a reason to ask again, never pixels and never another exception."""
    with pytest.raises(TransientError, match=words):
        unpacked(body, EXPECTED, "scene")


def test_a_bomb_is_refused_by_its_header():
    """A header that claims 40 000 x 40 000 pixels is compared before anything is allocated."""
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=40_000,
            height=40_000,
            count=2,
            dtype="uint16",
            crs=CRS.from_epsg(32652),
            transform=from_bounds(*BOUNDS, 40_000, 40_000),
            SPARSE_OK="TRUE",
            tiled=True,
            blockxsize=8000,
            blockysize=8000,
        ):
            pass
        bomb = bytes(memory.getbuffer())

    assert len(bomb) < EXPECTED.most_bytes
    with pytest.raises(TransientError, match="40000 x 40000"):
        unpacked(tar(default_tif=bomb, userdata_json=scenes()), EXPECTED, "scene")


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_damage_anywhere_is_refused_or_harmless(data):
    """Cutting or overwriting bytes gives a refusal or pixels of the right shape, nothing else."""
    body = bytearray(tar(default_tif=tiff(), userdata_json=scenes()))
    at = data.draw(st.integers(0, len(body) - 1))
    if data.draw(st.booleans()):
        body = body[:at]
    else:
        body[at] = data.draw(st.integers(0, 255))
    try:
        got = unpacked(bytes(body), EXPECTED, "scene")
    except TransientError:
        return

    assert (got.shape, got.dtype) == (VALUES.shape, VALUES.dtype)


def test_only_the_geotiff_driver_is_used(monkeypatch):
    """A document another driver would follow to an address never reaches that driver."""
    opened = []
    original = MemoryFile.open

    def spy(self, driver=None, **given):
        opened.append(driver)
        return original(self, driver=driver, **given)

    monkeypatch.setattr(rasterio.io.MemoryFile, "open", spy)
    job = ImageJob("scene", EXPECTED)
    desk = Desk(None, memoryview(b"II*\0" + SVG), mmap.mmap(-1, job.room), 0)

    with pytest.raises(TransientError):
        job.run(desk)
    assert opened == ["GTiff"]
