"""The emulated Process API renders the archive's pixels, whatever shape the request has."""

import io
import json
import tarfile

import numpy as np
import pytest

from railwatch.testing.sentinel_hub import Emulator
from railwatch.testing.sentinel_hub.holdings import OLD_COPY_BIAS_DN
from railwatch.testing.sentinel_hub.sample import GRID, NODATA

RED = 2


def script(bands, returned, *, units="DN", output="", mosaicking="SIMPLE", more=""):
    names = json.dumps(bands)
    return (
        f"//VERSION=3\nfunction setup() {{ return {{input: [{{bands: {names}, units: '{units}'}}],"
        f" output: {{bands: 1, sampleType: 'FLOAT32'{output}}}, mosaicking: '{mosaicking}'}}; }}\n"
        f"function evaluatePixel(s, scenes) {{ return {returned}; }}\n{more}"
    )


def test_aligned_pixels_are_the_archives_own(asked, body, pixels, sample):
    """On the scene's own grid, DN and dataMask are what was stored; no data reads 0."""
    stored = sample[1][0].values()[RED]
    red, mask = pixels(asked.process(body))

    np.testing.assert_array_equal(mask, stored != NODATA)
    np.testing.assert_array_equal(red, np.where(stored == NODATA, 0, stored))


@pytest.mark.parametrize("path", ["/api/v1/process", "/process/v1"])
def test_both_path_families_answer_alike(asked, body, path):
    """The legacy and the new path give equal bytes at equal price."""
    answer = asked.process(body, path=path)

    assert answer.body == asked.process(body).body
    assert float(answer.headers["x-processingunits-spent"]) == 192 * 256 / 512**2 / 3


def test_form_with_two_parts_is_a_request_too(asked, body):
    """multipart/form-data with `request` and `evalscript` gives what JSON gives."""
    given = dict(body)
    parts = {"evalscript": given.pop("evalscript"), "request": json.dumps(given)}
    form = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        for name, text in parts.items()
    )
    answer = asked.send(
        "POST",
        "/process/v1",
        f"{form}--b--\r\n".encode(),
        headers={"content-type": "multipart/form-data; boundary=b", "accept": "image/tiff"},
    )

    assert answer.body == asked.process(body).body


def test_several_responses_come_as_tar_with_user_data(asked, body):
    """Members are named by output and format; user data tells which scenes were used."""
    body["evalscript"] += (
        "function updateOutputMetadata(scenes, i, o) { o.userData = {ids: scenes.tiles.map("
        "t => t.productId)}; }"
    )
    body["output"]["responses"].append(
        {"identifier": "userdata", "format": {"type": "application/json"}}
    )
    answer = asked.process(body, "application/x-tar")
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as archive:
        user_data = archive.extractfile("userdata.json")
        assert archive.getnames() == ["default.tif", "userdata.json"]
        assert user_data is not None
        told = json.loads(user_data.read())

    assert [name[:11] for name in told["ids"]] == ["S2A_MSIL2A_"]


def test_most_recent_shows_the_old_processing(asked, sample, body, pixels):
    """Where CDSE holds both, its later date puts the older one on top; leastRecent does not."""
    asked = type(asked)(Emulator(archive=sample[0], old_copies=True))
    newest = sample[1][0].values()[RED][10:, 10:]
    recent = pixels(asked.process(body))[0][10:, 10:]
    body["input"]["data"][0]["dataFilter"]["mosaickingOrder"] = "leastRecent"
    least = pixels(asked.process(body))[0][10:, 10:]

    np.testing.assert_array_equal(recent, newest + OLD_COPY_BIAS_DN)
    np.testing.assert_array_equal(least, newest)


def test_clip_geometry_masks_and_zeroes(asked, changed, pixels):
    """Pixels whose centre lies outside the polygon have dataMask 0 and value 0."""
    west, south, east, north = GRID.bounds
    half = [[west, south], [east, south], [east, north - 960], [west, north - 960], [west, south]]
    red, mask = pixels(
        asked.process(changed("input.bounds.geometry", {"type": "Polygon", "coordinates": [half]}))
    )

    assert not mask[:96].any()
    assert not red[:96].any()
    assert mask[96:].all()


def test_reflectance_and_power_units(asked, body, pixels, sample):
    """REFLECTANCE is DN / 10 000; radar's LINEAR_POWER is the square of the stored amplitude."""
    stored = sample[1][0].values()[RED][10, 10]
    body["evalscript"] = script(["B04"], "[s.B04]", units="REFLECTANCE")
    reflectance = pixels(asked.process(body))[0, 10, 10]
    radar = next(s for s in sample[1] if s.collection == "sentinel-1-grd")
    body["evalscript"] = script(["VH"], "[s.VH]", units="LINEAR_POWER")
    body["input"]["data"][0]["type"] = "sentinel-1-grd"
    power = pixels(asked.process(body))[0, 10, 10]

    assert reflectance == pytest.approx(stored / 1e4)
    assert power == pytest.approx((radar.values()[1][10, 10] / 1e4) ** 2)


def test_tile_mosaicking_gives_one_sample_a_scene(asked, body, pixels, sample):
    """A month holds three scenes: three samples, three times the price; a script may drop some."""
    whole_month = {"from": "2024-01-01T00:00:00Z", "to": "2024-01-31T00:00:00Z"}
    body["input"]["data"][0]["dataFilter"] = {"timeRange": whole_month}
    body["evalscript"] = script(["B04"], "[s.length]", mosaicking="TILE")
    counted = asked.process(body)
    body["evalscript"] = script(
        ["B04"],
        "[s.length === 1 ? s[0].B04 : -1]",
        mosaicking="TILE",
        more="function preProcessScenes(c) { c.scenes.tiles = c.scenes.tiles.filter("
        "t => t.date.startsWith('2024-01-08')); return c; }",
    )
    chosen = asked.process(body)
    once = 192 * 256 / 512**2 / 3 * 2  # FLOAT32 doubles

    assert pixels(counted)[0, 10, 10] == 3
    assert float(counted.headers["x-processingunits-spent"]) == pytest.approx(3 * once)
    second = [s for s in sample[1] if s.collection == "sentinel-2-l2a"][1]
    assert pixels(chosen)[0, 10, 10] == second.values()[RED][10, 10]
    assert float(chosen.headers["x-processingunits-spent"]) == pytest.approx(once)


def test_cloud_filter_and_order(asked, body, pixels, sample):
    """maxCloudCoverage leaves cloudy scenes out; leastCC puts the clearest on top."""
    month = {"from": "2024-01-01T00:00:00Z", "to": "2024-01-31T00:00:00Z"}
    red = [s.values()[RED][10, 10] for s in sample[1] if s.collection == "sentinel-2-l2a"]
    body["input"]["data"][0]["dataFilter"] = {"timeRange": month}
    newest = pixels(asked.process(body))[0, 10, 10]
    body["input"]["data"][0]["dataFilter"] |= {"maxCloudCoverage": 10}
    clearer = pixels(asked.process(body))[0, 10, 10]
    body["input"]["data"][0]["dataFilter"] |= {"mosaickingOrder": "leastCC"}
    clearest = pixels(asked.process(body))[0, 10, 10]

    assert [newest, clearer, clearest] == [red[2], red[1], red[0]]


def test_other_crs_is_warped(asked, changed, pixels):
    """A request in longitude and latitude gives the same ground, resampled to its own pixels."""
    box = [130.62, 42.41, 130.63, 42.415]
    whole = changed("input.bounds", {"bbox": box})
    whole["output"] |= {"width": 64, "height": 32}
    red, mask = pixels(asked.process(whole))

    assert mask.all()
    assert 300 <= red.min() < red.max() <= 300 + 4000 + 2 * 211


FAILING = [
    ({"evalscript": " "}, "COMMON_EXCEPTION", "Missing or empty evalscript."),
    ({"evalscript": script(["B04"], "7")}, "RENDERER_EXCEPTION", "Script must return an array."),
    (
        {"evalscript": script(["B04"], "[s.nothing.more]")},
        "RENDERER_EXCEPTION",
        "Failed to evaluate script! ",
    ),
    (
        {"evalscript": script(["SCL"], "[s.SCL]", units="REFLECTANCE")},
        "RENDERER_EXCEPTION",
        (
            "Invalid script! Band 'SCL' of collection 'S2L2A' requested in unsupported units "
            "'REFLECTANCE'! Supported units for this band: DN."
        ),
    ),
    (
        {"evalscript": script(["NOPE"], "[1]")},
        "RENDERER_EXCEPTION",
        "Collection 'S2L2A' has no band 'NOPE'",
    ),
]


@pytest.mark.parametrize(("change", "code", "words"), FAILING)
def test_bad_scripts_get_the_recorded_words(asked, body, change, code, words):
    """What a script does wrong is said in the service's words and not charged."""
    answer = asked.process({**body, **change})
    error = json.loads(answer.body)["error"]

    assert (answer.status, error["code"]) == (400, code)
    assert error["message"].startswith(words)
    assert asked.hub.meter.spent_pu == 0


def test_missing_polarisation_has_its_own_code(asked, body):
    """Asking HH of a scene that was taken in VV and VH."""
    body["input"]["data"][0]["type"] = "sentinel-1-grd"
    body["evalscript"] = script(["HH"], "[s.HH]", units="LINEAR_POWER")
    error = json.loads(asked.process(body).body)["error"]

    assert error["code"] == "RENDERER_S1_MISSING_POLARIZATION"
    assert error["message"].startswith("Requested band 'HH' is not present in Sentinel 1 tile '")


def test_empty_body_and_wrong_method(asked):
    """Recorded answers to no body and to GET."""
    empty = json.loads(asked.send("POST", "/process/v1").body)["error"]
    method = asked.send("GET", "/process/v1")

    assert empty["message"] == "Request body should be non-empty."
    assert (method.status, json.loads(method.body)["error"]["code"]) == (
        405,
        "COMMON_METHOD_NOT_ALLOWED",
    )
