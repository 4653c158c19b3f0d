"""Over HTTP: the unmodified sentinelhub-py works, and faults look on the wire as they should."""

import http.client
import json
import time

import numpy as np
import pytest

from railwatch.testing.sentinel_hub import Emulator, Fault, Faults
from railwatch.testing.sentinel_hub.sample import GRID
from railwatch.testing.sentinel_hub.server import CLIENT_ID, CLIENT_SECRET


def test_starts_within_a_second_and_stops_with_a_client_connected(sample):
    """Closing does not wait for connections that are kept alive."""
    started = time.monotonic()
    with Emulator(archive=sample[0]) as hub:
        client = http.client.HTTPConnection("127.0.0.1", hub.port)
        client.request("GET", "/catalog/v1")
        assert client.getresponse().read()
    client.close()

    assert time.monotonic() - started < 1.0


def test_unmodified_sentinelhub_py_is_served(sample, monkeypatch):
    """The library logs in, pages through the catalog and gets the archive's pixels."""
    import sentinelhub as sh

    # The library logs in over plain http only if told that this is on purpose.
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    scene = sample[1][0]
    with Emulator(archive=sample[0]) as hub:
        config = sh.SHConfig(
            use_defaults=True,
            sh_client_id=CLIENT_ID,
            sh_client_secret=CLIENT_SECRET,
            sh_base_url=hub.url,
            sh_token_url=hub.token_url,
            max_download_attempts=1,
        )
        optical = sh.DataCollection.SENTINEL2_L2A.define_from(
            f"server-test-{hub.port}", service_url=hub.url
        )
        found = sh.SentinelHubCatalog(config).search(
            optical,
            bbox=sh.BBox((130.5, 42.3, 130.8, 42.5), sh.CRS.WGS84),
            time=("2024-01-01", "2024-02-01"),
            filter="eo:cloud_cover < 90",
            limit=2,
        )
        ids = [item["id"] for item in found]
        request = sh.SentinelHubRequest(
            evalscript="//VERSION=3\nfunction setup() { return {input: [{bands: ['B02'], "
            "units: 'DN'}], output: {bands: 1, sampleType: 'UINT16'}}; }\n"
            "function evaluatePixel(s) { return [s.B02]; }",
            input_data=[
                sh.SentinelHubRequest.input_data(
                    optical, time_interval=("2024-01-03", "2024-01-04")
                )
            ],
            responses=[sh.SentinelHubRequest.output_response("default", "tiff")],
            bbox=sh.BBox(GRID.bounds, sh.CRS(str(GRID.epsg))),
            size=GRID.shape[::-1],
            config=config,
        )
        image = request.get_data()[0]

    assert ids == [s.id for s in reversed(sample[1]) if s.collection == "sentinel-2-l2a"]
    np.testing.assert_array_equal(image[5:], scene.values()[0, 5:])
    assert [e.status for e in hub.ledger.entries("process")] == [200]


FAULTS = [
    (Fault.TOO_MANY, 429, "50"),
    (Fault.TOO_MANY_GARBAGE, 429, "soon"),
    (Fault.UNAVAILABLE, 503, None),
    (Fault.REDIRECT, 302, None),
    (Fault.BAD_SOURCE, 500, None),
]


def fetched(hub, method="GET", path="/catalog/v1/conformance"):
    client = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=5)
    try:
        client.request(method, path)
        answer = client.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        client.close()


@pytest.mark.parametrize(("fault", "status", "wait"), FAULTS)
def test_faults_that_answer(fault, status, wait):
    """Each has its status and header and is in the ledger under its name."""
    with Emulator(faults=Faults({("catalog", 1): fault})) as hub:
        got, headers, _ = fetched(hub)

    assert (got, headers.get("Retry-After")) == (status, wait)
    assert [(e.status, e.fault) for e in hub.ledger] == [(status, fault.value)]


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.TRUNCATED])
def test_faults_that_break_the_connection(fault):
    """A reset and a body shorter than announced both fail in the client's hands."""
    with (
        Emulator(faults=Faults({("catalog", 1): fault})) as hub,
        pytest.raises((ConnectionResetError, http.client.IncompleteRead)),
    ):
        fetched(hub)


def test_undeclared_truncation_looks_complete():
    """Without a length nothing tells the client that half is missing."""
    with Emulator(faults=Faults({("catalog", 2): Fault.TRUNCATED_UNDECLARED})) as hub:
        whole = fetched(hub)[2]
        status, headers, half = fetched(hub)

    assert (status, headers.get("Content-Length")) == (200, None)
    assert half == whole[: len(whole) // 2]


def test_ledger_can_be_read_by_other_processes():
    """Over HTTP, as JSON."""
    with Emulator() as hub:
        fetched(hub)
        document = json.loads(fetched(hub, path="/emulator/ledger")[2])

    assert document["spent_pu"] == 0
    assert [e["service"] for e in document["entries"]] == ["catalog"]
