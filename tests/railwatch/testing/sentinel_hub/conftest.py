"""An emulator over a sample archive, asked in process: no socket where none is under test."""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pytest
from rasterio.io import MemoryFile

from railwatch.testing.sentinel_hub import Emulator
from railwatch.testing.sentinel_hub.answer import Answer, Request
from railwatch.testing.sentinel_hub.sample import GRID, Sample, write_sample

WIRE = "http://www.opengis.net/def/crs/EPSG/0"
SCRIPT = """//VERSION=3
function setup() {
  return {input: [{bands: ["B04", "dataMask"], units: "DN"}],
          output: {bands: 2, sampleType: "UINT16"}};
}
function evaluatePixel(s) { return [s.B04, s.dataMask]; }
"""


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Sample, ...]]:
    """Three optical and two radar scenes on disk."""
    folder = tmp_path_factory.mktemp("archive")
    return folder, write_sample(folder, optical=3, radar=2)


@dataclass
class Asked:
    """Asks an emulator as a client with a token would."""

    hub: Emulator

    def __post_init__(self) -> None:
        form = b"grant_type=client_credentials&client_id=emulator-client"
        form += b"&client_secret=emulator-secret"
        answer = self.send("POST", "/oauth/token", form, token="")
        self.token = json.loads(answer.body)["access_token"]

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        bearer = self.token if token is None else token
        given = {
            "authorization": f"Bearer {bearer}",
            "content-type": "application/json",
            **(headers or {}),
        }
        path, _, query = path.partition("?")
        pairs = dict(pair.split("=") for pair in query.split("&") if pair)
        return self.hub.respond(Request(method, path, pairs, given, body)).answer

    def search(self, **body: Any) -> Any:
        """Search the catalog; the answer's document."""
        return json.loads(self.searched(**body).body)

    def searched(self, **body: Any) -> Answer:
        given = {"collections": ["sentinel-2-l2a"], "datetime": "2024-01-01T00:00:00Z/.."}
        whole = {k.replace("_", "-"): v for k, v in (given | body).items() if v is not None}
        return self.send("POST", "/catalog/v1/search", json.dumps(whole).encode())

    def process(
        self, body: Any, accept: str = "image/tiff", path: str = "/api/v1/process"
    ) -> Answer:
        return self.send("POST", path, json.dumps(body).encode(), headers={"accept": accept})


@pytest.fixture
def asked(sample: tuple[Path, tuple[Sample, ...]]) -> Asked:
    """An emulator over the sample archive and a token for it."""
    return Asked(Emulator(archive=sample[0]))


def plain_request() -> dict[str, Any]:
    """The smallest request that is right in every way: the whole grid of the first scene."""
    return {
        "input": {
            "bounds": {"bbox": list(GRID.bounds), "properties": {"crs": f"{WIRE}/{GRID.epsg}"}},
            "data": [
                {
                    "type": "sentinel-2-l2a",
                    "dataFilter": {
                        "timeRange": {
                            "from": "2024-01-03T00:00:00Z",
                            "to": "2024-01-03T23:59:59Z",
                        }
                    },
                }
            ],
        },
        "evalscript": SCRIPT,
        "output": {
            "width": GRID.shape[1],
            "height": GRID.shape[0],
            "responses": [{"identifier": "default", "format": {"type": "image/tiff"}}],
        },
    }


@pytest.fixture
def body() -> dict[str, Any]:
    """`plain_request`, to be changed at will."""
    return plain_request()


@pytest.fixture
def changed() -> Callable[..., dict[str, Any]]:
    """`plain_request` with one value put elsewhere: `changed("output.width", 3000)`."""

    def change(path: str, value: Any) -> dict[str, Any]:
        whole = copy.deepcopy(plain_request())
        *parents, last = path.split(".")
        node: Any = whole
        for key in parents:
            node = node[int(key)] if isinstance(node, list) else node.setdefault(key, {})
        if value is ...:
            del node[last]
        else:
            node[int(last) if isinstance(node, list) else last] = value
        return whole

    return change


@pytest.fixture
def pixels() -> Callable[[Answer], npt.NDArray[Any]]:
    """Decode a TIFF answer: (band, y, x)."""

    def decode(answer: Answer) -> npt.NDArray[Any]:
        with MemoryFile(answer.body) as memory, memory.open(driver="GTiff") as image:
            values: npt.NDArray[Any] = image.read()
        return values

    return decode
