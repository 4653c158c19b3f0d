"""Reading scenes onto the grid: every form of delivery, and files that mean harm.

The made ground has a known brightness at every point, so what is read is compared with what the
ground is there, never with what the code gave before.
"""

import http.server
import subprocess
import sys
import threading

import numpy as np
import pytest
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

from railwatch.errors import SceneError
from railwatch.record import Footprint
from railwatch.scene import NODATA, MaskClass
from railwatch.sources.archive.decoding import header
from railwatch.store import Store

WEST, SOUTH, EAST, NORTH = 512000.0, 4478720.0, 513920.0, 4480000.0  # of the made grid
RGB = ["red", "green", "blue"]


def of(raster, band):
    """Reflectance of a band, NaN where unmeasured."""
    values = raster.values[raster.bands.index(band)]
    return np.where(values == NODATA, np.nan, values * 1e-4)


def assert_ground(got, expected, tolerance, margin=0):
    """Equal to the ground within a tolerance, away from the edge of what was delivered."""
    inner = np.s_[margin : len(got) - margin, margin : got.shape[1] - margin]

    assert not np.isnan(got[inner]).any()
    np.testing.assert_allclose(got[inner], expected[inner], rtol=0, atol=tolerance)


def test_aligned_integers_are_copied_verbatim(archive, grid):
    """uint16 with scale 1e-4 is stored bit by bit; the file's no data becomes ours."""
    numbers = np.random.default_rng(1).integers(0, 65535, (1, *grid.shape), dtype=np.uint16)
    numbers[0, 5, 5] = 7
    archive.array("red.tif", numbers)
    archive.item(assets={"red": archive.band("red", "red.tif", **{"raster:bands": [{
        "scale": 1e-4, "nodata": 7}]})})  # fmt: skip

    assert (numbers != 65535).all()
    expected = np.where(numbers == 7, NODATA, numbers)
    np.testing.assert_array_equal(archive.fetch().values, expected)


def as_item_1_0(archive):
    archive.file("m.tif", planes=(2, 1, 0), nodata=0)
    return {"m": {"href": "m.tif", "eo:bands": [{"common_name": b} for b in RGB],
                  "raster:bands": [{"scale": 1e-4}] * 3}}  # fmt: skip


def as_item_1_1(archive):
    archive.file("m.tif", planes=(2, 1, 0), number=lambda r: np.rint((r + 0.1) * 5e3).astype("u2"))
    planes = [{"name": b[0], "eo:common_name": b, "raster:scale": 2e-4, "raster:offset": -0.1,
               "nodata": 0} for b in RGB]  # fmt: skip
    return {"m": {"href": "m.tif", "type": "image/tiff; application=geotiff", "bands": planes}}


def as_item_1_1_common(archive):
    archive.file("m.tif", planes=(2, 1, 0), number=lambda r: np.rint(r * 2e3).astype("i2"))
    return {"m": {"href": "m.tif", "bands": [{"name": b, "scale": 5e-4} for b in RGB], "nodata": 0}}


def as_sentinel_2_names(archive):
    for plane, name in enumerate(("B02", "B03", "B04")):
        archive.file(f"{name}.tif", planes=(plane,), nodata=0)
    return {n: {"href": f"./{n}.tif"} for n in ("B04", "B03", "B02")}


def as_float(archive):
    archive.file("m.tif", planes=(2, 1, 0), number=lambda r: r.astype(np.float32), nodata=np.nan)
    return {"m": {"href": "m.tif", "eo:bands": [{"name": b} for b in RGB]}}


def as_unsaid_picture(archive):
    archive.file("m.tif", planes=(2, 1, 0), number=eight, photometric="RGB")
    return {"delivery": {"href": "m.tif", "type": "image/tiff"}}


def as_picture_with_alpha(archive):
    archive.array(
        "m.tif",
        np.concatenate([seen(archive, eight, (2, 1, 0)), np.full((1, 128, 192), 255, np.uint8)]),
        photometric="RGB",
        colours=[ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha],
    )
    bands = [{"common_name": b} for b in RGB] + [{"name": "alpha"}]
    return {"visual": {"href": "m.tif", "roles": ["visual"], "eo:bands": bands}}


def as_scale_in_file(archive):
    path = archive.file("m.tif", planes=(2, 1, 0), number=lambda r: np.rint(r * 500).astype("u2"))
    import rasterio

    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (0.002,) * 3, (0.0,) * 3
        file.descriptions = tuple(RGB)
    return {"m": {"href": "m.tif"}}


def eight(reflectance):
    return np.rint(reflectance * 255).astype(np.uint8)


def seen(archive, number, planes):
    import rasterio

    with rasterio.open(archive.file("seen.tif", planes=planes, number=number)) as file:
        return file.read()


@pytest.mark.parametrize(
    ("made", "step"),
    [
        (as_item_1_0, 1e-4),
        (as_item_1_1, 2e-4),
        (as_item_1_1_common, 5e-4),
        (as_sentinel_2_names, 1e-4),
        (as_float, 1e-4),
        (as_unsaid_picture, 1 / 255),
        (as_picture_with_alpha, 1 / 255),
        (as_scale_in_file, 2e-3),
    ],
)
def test_every_form_of_delivery_gives_the_reflectance_of_the_ground(archive, truth, made, step):
    """Bands end up under their names, in the stored order, within half a step of their numbers."""
    archive.item(assets=made(archive), collection="sentinel-2-l2a")
    raster = archive.fetch()

    assert raster.bands == ("blue", "green", "red")
    assert raster.mask.max() == MaskClass.CLEAR
    for plane, band in enumerate(raster.bands):
        assert_ground(of(raster, band), truth(plane), step / 2 + 1e-4)


@pytest.mark.parametrize(
    ("said", "offset"),
    [
        ({"s2:processing_baseline": "05.09"}, -0.1),
        ({"s2:processing_baseline": "03.01"}, 0.0),
        ({"s2:processing_baseline": "05.09", "earthsearch:boa_offset_applied": True}, 0.0),
        ({"s2:processing_baseline": "05.09", "earthsearch:boa_offset_applied": False}, -0.1),
    ],
)
def test_the_offset_of_late_sentinel_2_baselines_is_applied_once(archive, truth, said, offset):
    """From baseline 04.00 on, unless the archive applied it: integers carry 1000 too many."""
    archive.file("B04.tif", nodata=0)
    archive.item(assets={"B04": {"href": "B04.tif"}}, properties=said, collection="sentinel-2-l2a")

    assert_ground(of(archive.fetch(), "red"), np.maximum(truth() + offset, 0), 1.1e-4)


@pytest.mark.parametrize("offset", [-0.1, ...])
def test_earth_search_states_an_offset_that_it_applied(archive, truth, offset):
    """`boa_offset_applied` overrules the offset stated beside it."""
    archive.file("B04.tif", nodata=0)
    raster = {"scale": 1e-4} | ({} if offset is ... else {"offset": offset})
    archive.item(
        assets={"B04": {"href": "B04.tif", "raster:bands": [raster]}},
        properties={"earthsearch:boa_offset_applied": True, "s2:processing_baseline": "05.00"},
        collection="sentinel-2-l2a",
    )

    assert_ground(of(archive.fetch(), "red"), truth(), 1.1e-4)


def rotated():
    return (
        Affine.translation(WEST - 400, NORTH + 1200) @ Affine.rotation(-20) @ Affine.scale(10, -10)
    )


@pytest.mark.parametrize(
    ("place", "tolerance"),
    [
        ({"to_ground": Affine(10, 0, WEST, 0, 10, SOUTH)}, 1.1e-4),  # south-up, same pixels
        ({"to_ground": Affine(10, 0, WEST - 205, 0, -10, NORTH + 203), "shape": (180, 240)}, 1e-3),
        ({"to_ground": rotated(), "shape": (280, 320)}, 1e-3),
        ({"epsg": 4326, "shape": (200, 300)}, 1e-3),
        ({"epsg": 32651, "shape": (300, 400)}, 1e-3),
        ({"to_ground": Affine(20, 0, WEST - 80, 0, -20, NORTH + 80), "shape": (80, 104)}, 4e-3),
    ],
    ids=["south-up", "shifted", "rotated", "degrees", "other zone", "20 m"],
)
def test_files_that_are_not_on_the_grid_are_resampled_onto_it(archive, truth, place, tolerance):
    """Whatever the file's CRS, rotation or pixel size, each grid pixel shows the ground it is on.

    The ground's curvature bounds what interpolation may miss: amplitude 0.1 and wavelength 940 m
    give 10 m pixels 0.1 (2 pi 10 / 940)^4 = 2e-6 by cubic and 20 m pixels 4e-4 by linear.
    """
    if "epsg" in place:
        from rasterio.warp import transform_bounds

        bounds = transform_bounds("EPSG:32652", f"EPSG:{place['epsg']}", WEST - 300, SOUTH - 300,
                                  EAST + 300, NORTH + 300)  # fmt: skip
        rows, cols = place["shape"]
        west, south, east, north = bounds
        step = (east - west) / cols, (south - north) / rows
        place = place | {"to_ground": Affine(step[0], 0, west, 0, step[1], north)}
    archive.file("red.tif", nodata=0, **place)
    archive.item(properties={"gsd": 10})

    assert_ground(of(archive.fetch(), "red"), truth(), tolerance, margin=3)


def test_unmeasured_pixels_take_no_part_in_resampling(archive, truth):
    """Beside a hole the ground is still the ground, and the hole is not filled."""
    data = seen(archive, lambda r: np.rint(r * 1e4).astype("u2"), (0,))
    data[0, 40:60, 50:80] = 0
    archive.array("red.tif", data, nodata=0, transform=Affine(10, 0, WEST + 5, 0, -10, NORTH - 5))
    archive.item()
    got = of(archive.fetch(), "red")

    assert np.isnan(got[43:58, 53:78]).all()
    beside = got[35:65, 45:85]
    expected = truth()[35:65, 45:85]
    # The file was seen half a pixel away from where it now lies: 5 m at 0.1 / 150 m a metre.
    assert np.nanmax(np.abs(beside - expected)) < 2 * 5 * 0.1 / 150


def test_black_borders_are_no_measurement_and_black_pixels_are(archive):
    """A delivery without alpha or no data: wide black is fill, a black shadow stays."""
    data = np.full((3, 128, 192), 99, np.uint8)
    data[:, :30] = 0
    data[:, 80, 80:82] = 0
    archive.array("m.tif", data, photometric="RGB")
    archive.item(assets={"m": {"href": "m.tif"}})
    raster = archive.fetch()

    assert (raster.values[:, :30] == NODATA).all()
    assert (raster.mask[:30] == MaskClass.NODATA).all()
    assert (raster.values[:, 80, 80:82] == 0).all()
    assert (raster.values[:, 30:] != NODATA).all()


@pytest.mark.parametrize(
    ("kind", "number", "unit", "expected"),
    [
        ("linear", 0.04, "", 0.2),
        ("dB said", 10 * np.log10(0.04), "dB", 0.2),
        ("dB unsaid", 10 * np.log10(0.04), "", 0.2),
    ],
)
def test_radar_is_stored_as_the_root_of_gamma_nought(archive, kind, number, unit, expected):
    """Power in linear units or decibels: both become the same amplitude."""
    archive.array("vv.tif", np.full((1, 128, 192), number, np.float32), nodata=np.nan)
    archive.item(assets={"vv": {"href": "vv.tif", "raster:bands": [{"unit": unit}]}})

    np.testing.assert_allclose(of(archive.fetch(), "vv"), expected, atol=1e-4, err_msg=kind)


CLEAR, CLOUD, SHADOW, SNOW, FILL, SATURATED = (
    MaskClass.CLEAR, MaskClass.CLOUD, MaskClass.SHADOW, MaskClass.SNOW, MaskClass.NODATA,
    MaskClass.SATURATED)  # fmt: skip
MASKS = {
    "scl": ({}, {0: FILL, 1: SATURATED, 2: CLEAR, 3: SHADOW, 4: CLEAR, 7: CLEAR, 9: CLOUD,
                 10: CLOUD, 11: SNOW}),
    "qa_pixel": ({"roles": ["cloud"]}, {1: FILL, 8: CLOUD, 16: SHADOW, 32: SNOW, 64: CLEAR}),
    "clouds": ({"roles": ["cloud"]}, {0: CLEAR, 1: CLOUD}),
    "cld": ({"roles": ["cloud"], "raster:bands": [{"unit": "%"}]},
            {0: CLEAR, 40: CLEAR, 41: CLOUD}),
    "mask": ({"roles": ["data-mask"]}, {0: FILL, 1: CLEAR}),
}  # fmt: skip


@pytest.mark.parametrize("name", MASKS)
def test_masks_are_read_in_their_own_words(archive, name):
    """Each number of each mask means its class; a mask of 20 m pixels covers four of 10 m."""
    said, meanings = MASKS[name]
    numbers = np.zeros((1, 64, 96), np.uint8 if name != "qa_pixel" else np.uint16)
    numbers[:] = next(n for n, c in meanings.items() if c is CLEAR)
    for i, number in enumerate(meanings):
        numbers[0, 10 + i, 20] = number
    archive.array("mask.tif", numbers, transform=Affine(20, 0, WEST, 0, -20, NORTH))
    archive.file("red.tif", nodata=0)
    archive.item(assets={"red": archive.band("red", "red.tif"), name: said | {"href": "mask.tif"}})
    raster = archive.fetch()
    got = [set(raster.mask[20 + 2 * i : 22 + 2 * i, 40:42].ravel()) for i in range(len(meanings))]

    assert got == [{c} for c in meanings.values()]
    assert (raster.mask != CLEAR).sum() == 4 * sum(c is not CLEAR for c in meanings.values())


def test_planets_usable_data_mask_is_read(archive):
    """Eight planes: clear, snow, shadow, light haze, heavy haze, cloud, confidence, unusable."""
    planes = np.zeros((8, 128, 192), np.uint8)
    planes[0] = 1
    for plane, col in ((1, 10), (2, 20), (3, 30), (4, 40), (5, 50), (7, 70)):
        planes[0, :, col], planes[plane, :, col] = 0, 1
    archive.array("x_udm2.tif", planes)
    archive.file("red.tif", nodata=0)
    archive.item(
        assets={"red": archive.band("red", "red.tif"), "ortho_udm2": {"href": "x_udm2.tif"}}
    )
    mask = archive.fetch().mask

    assert mask[5, [0, 10, 20, 30, 40, 50, 70]].tolist() == [
        CLEAR, SNOW, SHADOW, CLEAR, CLOUD, CLOUD, FILL]  # fmt: skip


def test_what_an_item_leaves_out_is_taken_from_its_file(archive, truth):
    """No gsd, no proj, no sun: the scene has the file's pixel size and unknown angles."""
    archive.file("red.tif", nodata=0)
    archive.item(properties={"gsd": None, "datetime": "2024-01-02T02:00:00"})
    (found,) = archive.search()

    assert found.scene.gsd_m == 10.0
    assert found.scene.cube_key == "made@10"
    assert found.scene.sun_azimuth_deg is None
    assert found.scene.platform == "unknown"
    assert found.scene.acquired.isoformat() == "2024-01-02T02:00:00+00:00"
    assert_ground(of(archive.fetch(), "red"), truth(), 1.1e-4)


def test_coordinates_that_a_file_lacks_are_taken_from_the_item(archive, truth, grid):
    """A plain TIFF with proj:code and proj:transform lies where the item says."""
    data = seen(archive, lambda r: np.rint(r * 1e4).astype("u2"), (0,))
    with pytest.warns(Warning, match="identity"):
        archive.array("red.tif", data, epsg=None, transform=Affine.identity(), nodata=0)
    archive.item(properties={"proj:code": "EPSG:32652", "proj:transform": list(grid.transform)[:6]})

    assert_ground(of(archive.fetch(), "red"), truth(), 1.1e-4)


def test_a_file_without_coordinates_is_rejected(archive):
    """Neither file nor item knows where it lies: the sentence names both."""
    with pytest.warns(Warning, match="identity"):
        archive.array("red.tif", np.ones((1, 9, 9), "u2"), epsg=None, transform=Affine.identity())
    archive.item()
    with pytest.raises(SceneError, match=r"red.tif: has no map coordinates, and assets.red"):
        archive.fetch()


def test_a_scene_that_misses_the_sidings_says_so(archive):
    """The box met the area, the pixels do not."""
    archive.file("red.tif", to_ground=Affine(10, 0, WEST + 9e4, 0, -10, NORTH))
    archive.item()
    with pytest.raises(SceneError, match=r"outside_area: red\.tif: the pixels do not reach"):
        archive.fetch()


@pytest.mark.parametrize("west", [1e12, -1e300])
def test_a_file_that_lies_beyond_any_map_is_rejected(archive, west):
    """As damage to its header makes it; found by fuzzing, where it was infinite or no number."""
    archive.file("red.tif", to_ground=Affine(10, 0, west, 0, -10, NORTH))
    archive.item()
    with pytest.raises(SceneError, match=r"asset_unreadable: red\.tif: .* beyond any map"):
        archive.fetch()


VRT = """<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand dataType="Byte" band="1">
<SimpleSource><SourceFilename>{}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"""


def bad_bytes(good):
    """Files that are no whole GeoTIFF, by what they are."""
    from struct import pack

    def header(width, height, strip=1, compression=1):
        tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (259, 3, 1, compression),
                (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, strip),
                (279, 4, 1, 100)]  # fmt: skip
        body = b"".join(pack("<HHII", *tag) for tag in tags)
        return b"II*\0" + pack("<IH", 8, len(tags)) + body + b"\0" * 4

    return {
        "empty": b"",
        "html": b"<html><body>503</body></html>",
        "vrt": VRT.format("/vsicurl/http://127.0.0.1:{port}/x.tif").encode(),
        "cut in the header": good[:100],
        "cut in the tiles": good[: len(good) // 2],
        "claims 2^31 pixels a side": header(2**31 - 1, 2**31 - 1),
        "claims one strip of 7 GB": header(60_000, 60_000, strip=60_000, compression=8),
        "claims huge rows": header(499_000, 499_000, strip=499_000, compression=8),
    }


@pytest.mark.parametrize("kind", list(bad_bytes(b"")))
def test_a_file_that_is_no_whole_geotiff_is_rejected_by_name(archive, kind):
    """Every one is a SceneError that names the file; none asks the network or much memory."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815  the name http.server calls

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        path = archive.file("red.tif", tiled=True, blockxsize=64, blockysize=64, nodata=0)
        content = bad_bytes(path.read_bytes())[kind]
        path.write_bytes(content.replace(b"{port}", str(server.server_port).encode()))
        archive.item(properties={"proj:code": "EPSG:32652",
                                 "proj:transform": [10, 0, WEST, 0, -10, NORTH]})  # fmt: skip
        with pytest.raises(SceneError, match=r"red\.tif") as caught:
            archive.fetch()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

    assert caught.value.reason == "asset_unreadable"
    assert asked == []


def test_a_header_that_gdal_reads_only_when_asked_is_refused_as_any(archive):
    """Bytes moved by four, found by fuzzing: it opens, and the colours of its planes raise."""
    path = archive.file("red.tif", shape=(64, 64), tiled=True, blockxsize=64, blockysize=64,
                        compress="deflate")  # fmt: skip
    good = path.read_bytes()
    path.write_bytes(good[:200] + b"\0\0\0\0" + good[200:])
    with pytest.raises(SceneError, match=r"asset_unreadable: red\.tif: cannot be read"):
        header(Store.open(str(archive.path)), "red.tif", "one")


def test_only_the_windows_that_are_wanted_are_read(archive):
    """Of a large scene, three tiles are read: little of the file, little memory."""
    side = 4096
    noise = np.random.default_rng(1).integers(1, 255, (4, side, side), dtype=np.uint8)
    archive.array(
        "m.tif", noise, tiled=True, blockxsize=256, blockysize=256,
        transform=Affine(1, 0, WEST, 0, -1, NORTH), interleave="pixel",
    )  # fmt: skip
    bands = [{"common_name": b} for b in [*RGB, "nir"]]
    archive.item(assets={"m": {"href": "m.tif", "eo:bands": bands}})
    script = """
import sys, numpy as np
from railwatch.grid import PIECE_PX, TILE_PX, Grid
from railwatch.sources import Query
from railwatch.sources.archive import ArchiveSource
said = lambda f, k: int(open(f).read().split(k)[1].split()[0])
source = ArchiveSource(sys.argv[1])
(found,) = source.search(Query((130.41, 40.1, 130.59, 40.9)))
tiles = np.zeros((4, 64), bool); tiles[[0, 1, 3], [3, 30, 60]] = True
pieces = np.kron(tiles, np.ones((TILE_PX // PIECE_PX,) * 2, bool))
grid = Grid(32652, 1.0, 512000.0, 4480000.0 - 1024, (256, 4096))
before = said('/proc/self/io', 'rchar:'), said('/proc/self/status', 'VmHWM:')
raster = source.fetch(found.scene, grid, pieces)
after = said('/proc/self/io', 'rchar:'), said('/proc/self/status', 'VmHWM:')
print(after[0] - before[0], (after[1] - before[1]) * 1024, raster.values.nbytes)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(archive.path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    read, grown, raster = map(int, done.stdout.split())

    assert read < 0.06 * (archive.path / "m.tif").stat().st_size
    assert grown < raster + 40e6


def test_a_band_that_the_file_does_not_have_is_rejected(archive):
    """The item names four planes, the file has one."""
    archive.file("m.tif", nodata=0)
    archive.item(assets={"m": {"href": "m.tif", "eo:bands": [{"common_name": b} for b in RGB]}})
    with pytest.raises(SceneError, match=r"m\.tif: has 1 planes, assets\.m names 3"):
        archive.fetch()


def test_every_way_to_cut_tiles_gives_the_same_pixels(archive, grid):
    """Scattered tiles are read in runs, dense ones in boxes; pixels do not tell."""
    archive.file("red.tif", to_ground=rotated(), shape=(280, 320), nodata=0)
    archive.item()
    every = archive.fetch().values
    for seed in range(6):
        tiles = np.random.default_rng(seed).random((2, 3)) < 0.5
        if not tiles.any():
            continue
        some = archive.fetch(footprint=Footprint(grid, tiles)).values
        wanted = np.kron(tiles, np.ones((64, 64), dtype=np.bool_))

        np.testing.assert_array_equal(some[:, wanted], every[:, wanted])
