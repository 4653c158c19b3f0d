"""What nobody would write, for every parser of what comes from outside.

Each target takes a good document apart and puts it together wrongly: bytes flipped, cut, doubled
and spliced with words the parser knows, or a value of a JSON document replaced by another. A parser
may refuse with one of our sentences and nothing else. Found cases are kept as tests of the parser.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rasterio.io import MemoryFile
from rasterio.transform import from_bounds, from_origin

from benchmarks.torture.figure import Figure, none
from railwatch.area import load_area
from railwatch.decoder import decoded
from railwatch.errors import RailwatchError
from railwatch.grid import Grid
from railwatch.sources.archive import item as items
from railwatch.sources.archive.decoding import Header, HeaderJob, SceneJob
from railwatch.sources.archive.document import BadItemError, parse
from railwatch.sources.archive.item import Archive
from railwatch.sources.sentinel_hub.collection import collection_of
from railwatch.sources.sentinel_hub.delivery import Expected, unpacked
from railwatch.sources.sentinel_hub.listing import scenes_of
from railwatch.sources.sentinel_hub.transport import Reply
from railwatch.sources.sentinel_hub.verdict import check
from railwatch.store import FolderStore

REFUSALS = (RailwatchError, BadItemError)
"""All that a parser may raise."""


@dataclass(frozen=True)
class Target:
    """One parser, and what it is fed."""

    name: str
    food: st.SearchStrategy[Any]
    parse: Callable[[Any], object]
    dear: float = 1.0
    """How many times dearer than the cheapest an example is."""


def targets(folder: Path) -> tuple[Target, ...]:
    """Make all targets; their files go below a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return (
        Target("area YAML", spliced(AREA, AREA_WORDS), _area(folder), dear=4),
        Target("siding GeoJSON", spoilt(SIDINGS), _sidings(folder), dear=4),
        Target("siding GeoJSON bytes", spliced(_bytes(SIDINGS), JSON_WORDS), _sidings(folder), 4),
        Target("STAC items", spoilt(ITEM), _item),
        Target("STAC item bytes", spliced(_bytes(ITEM), JSON_WORDS), _item),
        Target("TIFF files", spliced(_tiff(), TIFF_WORDS), _raster(folder), dear=10),
        Target("deliveries", spliced(_delivery(), TIFF_WORDS), _delivered, dear=10),
        Target("catalog items", spoilt(LISTED), _listed),
        Target("error answers", st.tuples(STATUS, spliced(ERROR, JSON_WORDS)), _error),
    )


def fuzz(folder: Path, examples: int) -> Iterator[Figure]:
    """Feed every parser; a crash is anything but a refusal."""
    for target in targets(folder):
        count = max(20, int(examples / target.dear))
        escaped = run(target, count)
        yield none(f"fuzzed {target.name}: escapes", escaped, f"{count} documents")


def run(target: Target, examples: int, *, fresh: bool = True) -> int:
    """Feed one parser; 1 and its smallest food printed if something else than a refusal came.

    `fresh` food differs each time; without it the same is served again.
    """
    fed = 0

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=not fresh,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(target.food)
    def feed(food: Any) -> None:
        nonlocal fed
        fed += 1
        try:
            target.parse(food)
        except REFUSALS as exc:
            said = str(exc)
            if "Traceback" in said or len(said) > 2000:
                raise ValueError(f"no sentence: {said[:200]}") from exc

    try:
        feed()
    except Exception as exc:  # noqa: BLE001  whatever it is, it is the finding
        print(f"         {target.name}: {type(exc).__name__}: {exc}"[:300])
        print("         " + "\n         ".join(getattr(exc, "__notes__", [])[:3])[:1500])
        return 1
    return int(fed < examples // 2)


# Food


def spliced(good: bytes, words: list[bytes]) -> st.SearchStrategy[bytes]:
    """Good bytes after a few cuts, flips, doublings and insertions."""
    at = st.integers(0, len(good))
    edit = st.one_of(
        st.tuples(st.just("flip"), at, st.integers(1, 255)),
        st.tuples(st.just("cut"), at, at),
        st.tuples(st.just("double"), at, at),
        st.tuples(st.just("put"), at, st.sampled_from(words) | st.binary(max_size=8)),
        st.tuples(st.just("over"), at, st.sampled_from(words) | st.binary(max_size=8)),
    )

    def edited(edits: list[tuple[str, int, Any]]) -> bytes:
        data = bytearray(good)
        for kind, where, what in edits:
            if kind == "flip" and where < len(data):
                data[where] ^= what
            elif kind == "cut":
                del data[min(where, what) : max(where, what)]
            elif kind == "double":
                data[where:where] = data[min(where, what) : max(where, what)]
            elif kind == "put":
                data[where:where] = what
            elif kind == "over":
                data[where : where + len(what)] = what
        return bytes(data)

    return st.lists(edit, min_size=1, max_size=5).map(edited)


ODD_NUMBERS = [True, 0, -1, 10**400, 1e308, float("nan"), float("inf")]
ODD_TEXTS = ["", "\0", "\ud800", "{}", "a" * 5000, "../../etc/passwd", "file:///etc/passwd"]
ODD_TIMES = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2024-02-30", "24:00"]
ODD = st.sampled_from([None, [], {}, [[]], *ODD_NUMBERS, *ODD_TEXTS, *ODD_TIMES])
VALUE = st.recursive(
    ODD | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


def spoilt(good: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """A good JSON document in which one to three values are others, or gone."""
    places = sorted(_places(good), key=str)
    change = st.tuples(st.sampled_from(places), st.just(None) | st.tuples(VALUE))

    def changed(changes: list[tuple[tuple[Any, ...], tuple[Any] | None]]) -> bytes:
        document = json.loads(json.dumps(good))
        for place, value in changes:
            part = document
            for key in place[:-1]:
                part = _inside(part, key)
            last = place[-1]
            if isinstance(part, dict | list) and value and _inside(part, last) is not None:
                part[last] = value[0]
            elif isinstance(part, dict):
                part.pop(last, None)
        return _bytes(document)

    return st.lists(change, min_size=1, max_size=3).map(changed)


def _inside(part: Any, key: Any) -> Any:
    """Give what an earlier change may have left of a place."""
    try:
        return part[key]
    except (TypeError, KeyError, IndexError):
        return None


def _places(part: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if here:
        yield here
    if not isinstance(part, dict | list):
        return
    for key, value in part.items() if isinstance(part, dict) else enumerate(part):
        yield from _places(value, (*here, key))


def _bytes(document: Any) -> bytes:
    return json.dumps(document).encode()


JSON_WORDS = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"NaN",
    b"1e999",
    b"-",
    b"null",
    b'"\\u0000"',
]
JSON_WORDS += [b"[" * 200, b"\xff", b"\xef\xbb\xbf", b'"id":"a",', b"9" * 5000]
AREA_WORDS = [
    b"&a ",
    b"*a",
    b"!!python/object:os.system ",
    b"<<: ",
    b"- ",
    b": ",
    b"\t",
    b"\0",
    b"NO",
]
AREA_WORDS += [
    b"12:30:00",
    b"0123",
    b".nan",
    b"1e400",
    b"---\n",
    b"|\n",
    b"{",
    b"[",
    b"? ",
    b"\xff",
]
TIFF_WORDS = [n.to_bytes(k, "little") for n in (0, 1, 2**15, 2**16 - 1) for k in (2, 4)]
TIFF_WORDS += [n.to_bytes(4, "little") for n in (2**31 - 1, 2**31, 2**32 - 1, 8, 34712, 50000)]
STATUS = st.sampled_from([200, 204, 302, 400, 401, 403, 404, 413, 429, 500, 502, 503])

AREA = b"""id: yard
name: A yard
valid: {from: 2020-01-01}
sources:
  - collection: sentinel-2-l2a
sidings: yard.sidings.geojson
"""
LINE = [[130.617, 42.4135], [130.629, 42.4155]]
SIDINGS = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"id": "s1", "kind": "siding", "valid_from": "2020-01-01"},
            "geometry": {"type": "LineString", "coordinates": LINE},
        }
    ],
}
RING = [[130.5, 42.3], [130.7, 42.3], [130.7, 42.5], [130.5, 42.5], [130.5, 42.3]]
ITEM = {
    "type": "Feature",
    "stac_version": "1.0.0",
    "id": "S2A_MSIL2A_20240102",
    "collection": "sentinel-2-l2a",
    "bbox": [130.5, 42.3, 130.7, 42.5],
    "geometry": {"type": "Polygon", "coordinates": [RING]},
    "properties": {
        "datetime": "2024-01-02T02:00:00Z",
        "platform": "sentinel-2a",
        "gsd": 10,
        "proj:epsg": 32652,
        "proj:transform": [10, 0, 512000, 0, -10, 4480000],
        "s2:processing_baseline": "05.10",
        "sat:relative_orbit": 61,
        "sat:orbit_state": "descending",
        "view:sun_elevation": 21.5,
        "eo:cloud_cover": 3.5,
    },
    "links": [],
    "assets": {
        "red": {
            "href": "red.tif",
            "type": "image/tiff; application=geotiff",
            "roles": ["data"],
            "eo:bands": [{"name": "B04", "common_name": "red"}],
            "raster:bands": [{"scale": 0.0001, "offset": -0.1, "nodata": 0}],
        },
        "scl": {"href": "scl.tif", "type": "image/tiff", "roles": ["data"]},
    },
}
LISTED = {
    "id": "S2A_MSIL2A_20240102T021041_N0510_R003_T52TCM_20240102T050001.SAFE",
    "type": "Feature",
    "bbox": [130.5, 42.3, 130.7, 42.5],
    "geometry": {"type": "Polygon", "coordinates": [RING], "crs": {"type": "name"}},
    "properties": {
        "datetime": "2024-01-02T02:10:41Z",
        "platform": "sentinel-2a",
        "eo:cloud_cover": 3.5,
        "sat:orbit_state": "descending",
    },
}
ERROR = _bytes({"error": {"status": 400, "code": "RENDERER_EXCEPTION", "message": "no"}})
GRID = Grid(32652, 10.0, 640.0 * 800, 640.0 * 7000, (64, 64))
MOMENT = dt.datetime(2024, 1, 2, 2, 10, 41, tzinfo=dt.UTC)
EXPECTED = Expected(32652, GRID.bounds, 64, 64, 2, MOMENT, MOMENT)


def _tiff(planes: int = 1) -> bytes:
    """Write a small tiled, deflated GeoTIFF on the grid."""
    values = np.arange(planes * 64 * 64, dtype=np.uint16).reshape(planes, 64, 64)
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=64,
            height=64,
            count=planes,
            dtype="uint16",
            crs="EPSG:32652",
            transform=from_bounds(*GRID.bounds, 64, 64)
            if planes > 1
            else from_origin(GRID.west, GRID.north, 10.0, 10.0),
            tiled=True,
            blockxsize=64,
            blockysize=64,
            compress="deflate",
        ) as image:
            image.write(values)
        return bytes(memory.getbuffer())


def _delivery() -> bytes:
    """Write a right answer of the Process API."""
    told = _bytes({"scenes": json.dumps([{"date": MOMENT.isoformat(), "id": "x"}])})
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in (("default.tif", _tiff(2)), ("userdata.json", told)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


# Parsers


def _area(folder: Path) -> Callable[[bytes], object]:
    (folder / "yard.sidings.geojson").write_bytes(_bytes(SIDINGS))

    def load(food: bytes) -> object:
        (folder / "yard.yaml").write_bytes(food)
        return load_area(folder / "yard.yaml")

    return load


def _sidings(folder: Path) -> Callable[[bytes], object]:
    own = folder / "sidings"
    own.mkdir(exist_ok=True)
    (own / "yard.yaml").write_bytes(b"id: yard\nsources:\n  - collection: sentinel-2-l2a\n")

    def load(food: bytes) -> object:
        (own / "yard.sidings.geojson").write_bytes(food)
        return load_area(own / "yard.yaml")

    return load


def _item(food: bytes) -> object:
    archive = Archive("/archive", lambda _: 1, lambda _, __: Header(("red",), 10.0))
    said = parse(food, "item.json")
    if not items.is_item(said):
        return None
    item = items.read(said, "item.json", archive)
    return item.scene.digest


def _raster(folder: Path) -> Callable[[bytes], object]:
    store = FolderStore(folder)
    archive = Archive(str(folder), lambda _: 1, lambda _, __: Header(("red",), 10.0))
    (folder / "scl.tif").write_bytes(_tiff())
    item = items.read(ITEM, "item.json", archive)

    def load(food: bytes) -> object:
        (folder / "red.tif").write_bytes(food)
        decoded(HeaderJob("red.tif", "one"), "one", files=store)
        job = SceneJob(item, GRID, np.ones((1, 1), np.bool_))
        return decoded(job, "one", files=store)

    return load


def _delivered(food: bytes) -> object:
    return unpacked(food, EXPECTED, "one")


def _listed(food: bytes) -> object:
    place = shapely.box(130.5, 42.3, 130.7, 42.5)
    return scenes_of([json.loads(food)], collection_of("sentinel-2-l2a", {}), place)


def _error(food: tuple[int, bytes]) -> object:
    return check(Reply(food[0], {"retry-after": food[1][:20].decode("latin-1")}, food[1]), "one")
