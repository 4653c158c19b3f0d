"""The 78 kinds of bad input: what a person, an archive, an API or a store may hand us wrongly.

Rows are numbered as in the design's matrix. A case is a command line with the words its one
sentence must hold, or an archive with one spoilt scene whose rejection must name the file. What
another suite proves better is named in `PROVEN_ELSEWHERE` by its test.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from railwatch.record import Record
from railwatch.testing.radar_yard import EPSG, NORTH, SIZE, WEST, RadarYard, make_yard, walk_yard

YAML = "id: yard\n"
LINE = [[130.61, 42.42], [130.614, 42.421]]


@dataclass(frozen=True)
class Case:
    """One bad input, and what must be said of it."""

    row: int
    name: str
    prepare: Callable[[Path], list[str]]
    """Writes files into an empty folder and gives the command line."""
    says: tuple[str, ...] = ()
    """Words that the sentence must hold: file, field, remedy."""
    code: int = 1
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SceneCase:
    """One spoilt scene of two: it is left out by name, and the other is counted."""

    row: int
    name: str
    spoil: Callable[[RadarYard, Path], None]
    """Given the yard and the spoilt scene's own file."""
    says: tuple[str, ...]
    reason: str = "asset_unreadable"


PROVEN_ELSEWHERE = """
24  ../benchmarks/torture/test_secrets.py test_a_canary_is_found_nowhere
55  sources/sentinel_hub/test_delivery.py test_damage_anywhere_is_refused_or_harmless
55  integrity/test_scan.py test_any_flipped_bit_is_found_and_never_published
58  sources/archive/test_reading.py test_files_that_are_not_on_the_grid_are_resampled_onto_it
59  sources/archive/test_reading.py test_unmeasured_pixels_take_no_part_in_resampling
59  sources/archive/test_reading.py test_black_borders_are_no_measurement_and_black_pixels_are
61  sources/archive/test_reading.py test_the_offset_of_late_sentinel_2_baselines_is_applied_once
62  detector/test_registration.py
63  sources/sentinel_hub/test_delivery.py test_anything_else_is_refused
64  sources/sentinel_hub/test_transport.py test_redirects_are_answers_not_orders
65  sources/sentinel_hub/test_transport.py test_packed_bodies_are_not_unpacked
66  sources/sentinel_hub/test_transport.py test_broken_answers_are_reasons_to_try_again
66  sources/sentinel_hub/test_transport.py test_large_answers_are_cut_off
67  sources/sentinel_hub/test_patience.py test_retry_after_in_every_form
68  sources/sentinel_hub/test_source.py test_tokens_are_renewed
69  sources/sentinel_hub/test_source.py test_paging_that_goes_in_circles_ends
71  integrity/test_scan.py test_missing_and_foreign_objects_are_named
73  record/test_layout.py test_a_record_of_another_layout_is_refused
78  record/test_truth.py test_a_second_writer_of_a_folder_is_told_who_is_writing
"""
"""Row, file below tests/railwatch, and test, for rows that other suites prove better."""


def _area(
    yaml: str | bytes = YAML, geojson: object | bytes | None = None
) -> Callable[..., list[str]]:
    """Prepare a run of an area that is wrong in its YAML or its sidings."""

    def prepare(folder: Path) -> list[str]:
        said = yaml if isinstance(yaml, bytes) else yaml.encode()
        (folder / "yard.yaml").write_bytes(said)
        text = geojson if isinstance(geojson, bytes) else json.dumps(geojson or sidings()).encode()
        (folder / "yard.sidings.geojson").write_bytes(text)
        return _run(folder)

    return prepare


def _run(folder: Path, *more: str) -> list[str]:
    (folder / "archive").mkdir(exist_ok=True)
    area, archive, store = (str(folder / n) for n in ("yard.yaml", "archive", "store"))
    return ["run", area, "--archive", archive, "--store", store, *more]


def sidings(geometry: object = None, properties: object = None, **more: object) -> object:
    line = {"type": "LineString", "coordinates": LINE}
    feature = {
        "type": "Feature",
        "properties": {"id": "east"} if properties is None else properties,
        "geometry": line if geometry is None else geometry,
    }
    return {"type": "FeatureCollection", "features": [feature], **more}


def _line(*points: object) -> object:
    return sidings({"type": "LineString", "coordinates": list(points)})


def _polygon(*rings: object) -> object:
    return sidings({"type": "Polygon", "coordinates": list(rings)})


def _raw(coordinates: str) -> bytes:
    said = json.dumps(sidings({"type": "LineString", "coordinates": "HERE"}))
    return said.replace('"HERE"', coordinates).encode()


def _args(*said: str, area: bool = True) -> Callable[[Path], list[str]]:
    """Prepare a sound area and a command line in which `{}` stands for the folder."""

    def prepare(folder: Path) -> list[str]:
        if area:
            _area()(folder)
        return [one.replace("{}", str(folder)) for one in said]

    return prepare


RUN = ("run", "{}/yard.yaml", "--archive", "{}/archive", "--store", "{}/store")
BOMB = "a: &a [x]\n" + "".join(f"b{i}: &b{i} [*a, *a, *a]\n" for i in range(9))
SQUARE = [[130.6, 42.4], [130.7, 42.4], [130.7, 42.5], [130.6, 42.5], [130.6, 42.4]]
MILLION = b"[" + b",".join(b"[130.61,42.42]" for _ in range(1_000_000)) + b"]"


def yaml_cases() -> Iterator[Case]:
    """Rows 1-18: configuration."""
    file = ("yard.yaml",)
    for row, name, yaml, says in (
        (1, "empty file", "", ("is empty",)),
        (2, "root is a list", "- id: a\n", ("yaml:1", "keys and values")),
        (3, "duplicate key", "id: a\nname: b\nid: c\n", ("yaml:3", "id: stands twice")),
        (4, "unknown key", "id: a\nsidngs: b\n", ("sidngs", "did you mean sidings?")),
        (5, "Norway", "id: a\nname: NO\n", ("yaml:2", "name", '"NO"')),
        (6, "base sixty", "id: a\nname: 12:30:00\n", ("name", '"12:30:00"')),
        (7, "leading zero", "id: 0123\n", ("id", '"0123"')),
        (8, "trailing zero", "id: a\nname: 3.10\n", ("name", '"3.10"')),
        (9, "exponent", "id: yard\ncar_length_m: {mean: 1e1}\n", ("car_length_m.mean", "13.9")),
        (10, "NaN", "id: yard\ncar_length_m: {mean: .nan}\n", ("car_length_m.mean", "13.9")),
        (10, "infinity", "id: yard\ncar_length_m: {sd: .inf}\n", ("car_length_m.sd", "13.9")),
        (11, "negative", "id: yard\ncar_length_m: {mean: -3}\n", ("greater than 0", "-3")),
        (11, "zero", "id: yard\ncar_length_m: {mean: 0}\n", ("greater than 0",)),
        (15, "tag", "id: !!python/object/apply:os.system [x]\n", ("id", "tags are not read")),
        (16, "alias bomb", BOMB, ("anchors", "write the value out")),
        (17, "recursive alias", "id: &a [*a]\n", ("anchors",)),
        (18, "BOM", "\ufeffid: a\n", ("byte-order mark",)),
        (18, "UTF-16", "id: a\n".encode("utf-16"), ("UTF-16",)),
        (18, "NUL", b"id: a\nname: b\0c\n", ("NUL",)),
        (19, "id climbs", "id: ../../etc\n", ("yaml:1", "id", "lower-case")),
        (46, "id in capitals", "id: Yard\n", ("id", "lower-case")),
        (46, "id composed", "id: tu\u0308men\n", ("id", "lower-case")),
        (23, "unset variable", "id: yard\nname: ${SECRET}\n", ("${SECRET}", "not expanded")),
    ):
        yield Case(row, name, _area(yaml), file + says)
    dated = ("yard.sidings.geojson", "features[0]")
    for row, name, said, says in (
        (12, "no such day", {"valid_from": "2024-02-30"}, ("valid_from", "no day")),
        (13, "ends first", {"valid_from": "2024-02-03", "valid_to": "2023-01-01"}, ("swap",)),
        (14, "zoned day", {"valid_from": "2024-02-03T00:00:00+09:00"}, ("such as 2023-10-05",)),
    ):
        yield Case(row, name, _area(geojson=sidings(None, {"id": "a"} | said)), dated + says)
    backwards = _args(*RUN, "--start", "2024-02-01", "--end", "2023-01-01")
    yield Case(13, "start after end", backwards, ("--start 2024-02-01 is after",), code=2)


def path_cases() -> Iterator[Case]:
    """Rows 19-23: paths and secrets."""
    run = RUN[:4]
    yield Case(
        19, "counts climbs", _args("counts", "../../etc", "--store", "{}"), ("is not a key",)
    )
    yield Case(19, "verify climbs", _args("verify", "../etc", "--store", "{}"), ("neither",))
    secret = _args(*run, "--store", "s3://AKIAX:hunter2secret@bucket/x")
    yield Case(20, "secret in a URL", secret, ("credentials", "AWS_ACCESS_KEY_ID"))
    slash = _args("counts", "yard", "--store", "s3://AKIAX:hunter2/secret@bucket/x")
    yield Case(20, "secret with a slash", slash, ("credentials", "AWS_ACCESS_KEY_ID"))
    query = _args(*run, "--store", "s3://bucket/x?secret=hunter2secret")
    yield Case(20, "secret in a query", query, ("credentials",))
    for url in (
        "/vsicurl/http://127.0.0.1/x",
        "VRT://x",
        "MEM:::DATAPOINTER=1",
        "http://127.0.0.1/x",
    ):
        yield Case(21, f"store {url}", _args(*run, "--store", url), ("folder path or s3://",))
        where = ("run", "{}/yard.yaml", "--archive", url, "--store", "{}/store")
        yield Case(21, f"archive {url}", _args(*where), ("folder path or s3://",))
        yield Case(21, f"area {url}", _args("run", url, *RUN[2:]), ("does not exist",))
    yield Case(22, "link out of the store", _link_out, ("symbolic link leads out",))
    unset = _args(*run, "--store", "s3://${BUCKET}/x")
    yield Case(23, "unset variable in a URL", unset, ("${BUCKET}", "not expanded"))
    nobody = dict.fromkeys(("SH_CLIENT_ID", "SH_CLIENT_SECRET"), "")
    hub = ("run", "{}/yard.yaml", "--store", "{}/store")
    yield Case(23, "no account", _args(*hub), ("SH_CLIENT_ID",), environment=nobody)


def _link_out(folder: Path) -> list[str]:
    (folder / "store" / "areas" / "yard").mkdir(parents=True)
    (folder / "latest.json").write_text("{}")
    (folder / "store" / "areas" / "yard" / "latest.json").symlink_to(folder / "latest.json")
    return ["counts", "yard", "--store", str(folder / "store")]


def geometry_cases() -> Iterator[Case]:
    """Rows 25-46: sidings."""
    file = ("yard.sidings.geojson",)
    far = {"type": "LineString", "coordinates": [[131.61, 42.42], [131.614, 42.421]]}
    two = sidings()
    two["features"].append({"type": "Feature", "properties": {"id": "far"}, "geometry": far})
    same = sidings()
    same["features"].append({**same["features"][0], "properties": {"id": "EAST"}})
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}
    for row, name, said, says in (
        (25, "swapped", _line([42.42, 130.61], [42.43, 130.62]), ("swapped", "[longitude, lat")),
        (26, "lon 500", _line([500, 42], [501, 42]), ("is not on Earth", "-180..180")),
        (27, "NaN", _raw("[[NaN,42],[130,42]]"), ("NaN",)),
        (27, "Infinity", _raw("[[130,42],[Infinity,42]]"), ("Infinity",)),
        (28, "texts", _line(["130.61", "42.4"], ["130.62", "42.4"]), ("finite numbers",)),
        (29, "bow-tie", _line([130, 42], [130.01, 42.01], [130.01, 42], [130, 42.01]), ("itself",)),
        (30, "open ring", _polygon(SQUARE[:-1]), ("LineString", "Polygon")),
        (31, "hole outside", _polygon(SQUARE, [[1, 1], [2, 1], [2, 2], [1, 1]]), ("LineString",)),
        (32, "no features", {"type": "FeatureCollection", "features": []}, ("is empty", "draw")),
        (32, "no points", _line(), ("0 positions", "two or more")),
        (33, "point", sidings({"type": "Point", "coordinates": [130, 42]}), ("LineString",)),
        (34, "antimeridian", _line([179.999, 42], [-179.999, 42]), ("antimeridian", "cut")),
        (35, "polar", _line([10, 88], [10.1, 88]), ("polar", "84")),
        (36, "other CRS", sidings(crs=crs), ("crs", "not WGS84", "EPSG:4326")),
        (37, "metres", _line([632000, 4698000], [632100, 4698000]), ("projected metres",)),
        (38, "four values", _line([130, 42, 1, 2], [130.01, 42, 1, 2]), ("got 4 values",)),
        (39, "a million points", _raw(MILLION.decode()), ("larger than",)),
        (40, "deep", b"[" * 100_000, ("nested deeper",)),
        (41, "sliver", _line([130.61, 42.42], [130.610001, 42.42]), ("m long", "longer than 1")),
        (43, "repeated point", _line(LINE[0], LINE[0], LINE[1]), ("repeats", "delete one")),
        (44, "far away", two, ("km apart", "far", "split")),
        (45, "crosses itself", _line(*SQUARE[:3], [130.65, 42.39]), ("crosses itself", "cut")),
        (45, "id twice", same, ("EAST", "own id")),
    ):
        yield Case(row, name, _area(geojson=said), file + says)


def command_cases() -> Iterator[Case]:
    """Rows 42, 75-77: budget, a store that cannot be written, slips on the command line."""
    yield Case(76, "no such command", _args("rnu"), ("No such command",), code=2)
    yield Case(76, "no such flag", _args(*RUN, "--strat", "2024-01-01"), ("--start",), code=2)
    yield Case(76, "no such area", _args("counts", "nowhere", "--store", "{}"), ("nowhere",))
    yield Case(76, "no such file", _args("run", "{}/none.yaml", *RUN[2:]), ("none.yaml",))
    yield Case(76, "no such archive", _args(*RUN[:3], "{}/none", *RUN[4:]), ("--archive",))
    # Commands that load much must refuse before they do.
    nothing, unpublished = ("nowhere", "check the id and --store"), ("nothing is published", "id")
    for command, says in (
        (("verify", "nowhere"), nothing),
        (("verify", "nowhere", "--collect"), nothing),
        (("verify", "nowhere", "--repair"), nothing),
        (("verify", "nowhere", "--scene", "x"), unpublished),
        (("verify",), ("holds no area",)),
        (("history", "nowhere"), unpublished),
        (("export", "{}/yard.yaml", "--out", "{}/out"), unpublished),
    ):
        name = " ".join(command[::2]) + " of an empty store"
        yield Case(76, name, _args(*command, "--store", "{}/store"), says)
    yield Case(75, "store is a file", _store_is_a_file, ("is a file",))


def _store_is_a_file(folder: Path) -> list[str]:
    (folder / "store").write_text("?")
    yard = make_yard(folder / "yard", 1)
    return [
        "run",
        str(yard.area_file),
        "--archive",
        str(yard.archive),
        "--store",
        str(folder / "store"),
    ]


def cases() -> list[Case]:
    """Every command line."""
    return [*yaml_cases(), *path_cases(), *geometry_cases(), *command_cases()]


def tiff(path: Path, values: np.ndarray, **more: object) -> None:
    """Write a GeoTIFF on the yard's grid."""
    said = {
        "driver": "GTiff",
        "height": values.shape[1],
        "width": values.shape[2],
        "count": values.shape[0],
        "dtype": values.dtype,
        "crs": f"EPSG:{EPSG}",
        "transform": from_origin(WEST, NORTH, 10.0, 10.0),
        "tiled": True,
        "blockxsize": 64,
        "blockysize": 64,
    }
    with rasterio.open(path, "w", **(said | more)) as image:
        image.write(values)


def _header(width: int, height: int, *, strip: int = 1, packed: int = 1, again: int = 0) -> bytes:
    """Make a TIFF of one header that claims so many pixels; `again` points to the next header."""
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (259, 3, 1, packed),
            (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, strip),
            (279, 4, 1, 100)]  # fmt: skip
    body = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + body + struct.pack("<I", again)


def _bytes(data: bytes) -> Callable[[RadarYard, Path], None]:
    def spoil(_: RadarYard, path: Path) -> None:
        path.write_bytes(data)

    return spoil


def _cut(share: float) -> Callable[[RadarYard, Path], None]:
    def spoil(_: RadarYard, path: Path) -> None:
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return spoil


def _filled(value: float) -> Callable[[RadarYard, Path], None]:
    return lambda _, path: tiff(path, np.full((1, SIZE, SIZE), value, np.float32), nodata=value)


def _offset_beyond(_: RadarYard, path: Path) -> None:
    """Point the first tile beyond the end of the file."""
    data = bytearray(path.read_bytes())
    count = struct.unpack_from("<H", data, struct.unpack_from("<I", data, 4)[0])[0]
    at = struct.unpack_from("<I", data, 4)[0] + 2
    for i in range(count):
        tag, _kind, number, value = struct.unpack_from("<HHII", data, at + 12 * i)
        if tag == 324:
            for k in range(number):
                struct.pack_into("<I", data, value + 4 * k, 0x7FFFFFF0)
    path.write_bytes(bytes(data))


def _item_says(**said: object) -> Callable[[RadarYard, Path], None]:
    """Change fields of the spoilt scene's item."""

    def spoil(_: RadarYard, path: Path) -> None:
        item = next(path.parent.glob("*.json"))
        document = json.loads(item.read_text())
        for name, value in said.items():
            place = document["properties"] if name in ("datetime", "gsd") else document
            place[name] = value
        item.write_text(json.dumps(document))

    return spoil


def _bands(count: int) -> Callable[[RadarYard, Path], None]:
    def spoil(_: RadarYard, path: Path) -> None:
        item = next(path.parent.glob("*.json"))
        document = json.loads(item.read_text())
        named = [{"name": n, "common_name": n} for n in ("vv", "vh", "hh")[:count]]
        document["assets"]["vv"]["eo:bands"] = named
        item.write_text(json.dumps(document))

    return spoil


def _reaches(href: str) -> Callable[[RadarYard, Path], None]:
    def spoil(_: RadarYard, path: Path) -> None:
        item = next(path.parent.glob("*.json"))
        document = json.loads(item.read_text())
        document["assets"]["vv"]["href"] = href
        item.write_text(json.dumps(document))

    return spoil


VRT = b"""<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand dataType="Byte" band="1">
<SimpleSource><SourceFilename>/vsicurl/http://127.0.0.1:9/latest/meta-data</SourceFilename>
</SimpleSource></VRTRasterBand></VRTDataset>"""
WMS = (
    b"<GDAL_WMS><Service name='TMS'><ServerUrl>http://127.0.0.1:9/</ServerUrl></Service></GDAL_WMS>"
)
COMPLEX = np.ones((1, SIZE, SIZE), np.complex64)


def scene_cases() -> list[SceneCase]:
    """Rows 47-60 and 70: a scene that cannot be used."""
    own = ("own.tif",)
    out = ("leads out",), "bad_item"
    web = ("on the web",), "no_usable_band"
    return [
        SceneCase(47, "no byte", _bytes(b""), own),
        SceneCase(48, "HTML", _bytes(b"<html><body>503</body></html>"), own),
        SceneCase(49, "VRT", _bytes(VRT), own),
        SceneCase(49, "WMS", _bytes(WMS), own),
        SceneCase(50, "bomb", _bytes(_header(60_000, 60_000, strip=60_000, packed=8)), own),
        SceneCase(51, "2^31 pixels", _bytes(_header(2**31 - 1, 2**31 - 1)), own),
        SceneCase(52, "headers in a circle", _bytes(_header(64, 64, again=8)), own),
        SceneCase(53, "tile beyond the end", _offset_beyond, own),
        SceneCase(54, "cut in the header", _cut(0.001), own),
        SceneCase(54, "cut in the tiles", _cut(0.5), own),
        SceneCase(56, "complex numbers", lambda _, path: tiff(path, COMPLEX), (*own, "complex")),
        SceneCase(57, "fewer planes", _bands(3), (*own, "1 planes", "assets.vv")),
        SceneCase(60, "all nodata", _filled(0.0), (*own, "measured"), "nodata"),
        SceneCase(21, "href vsicurl", _reaches("/vsicurl/http://127.0.0.1:9/x.tif"), *out),
        SceneCase(21, "href file", _reaches("file:///etc/hostname"), *out),
        SceneCase(19, "href climbs", _reaches("../../../x.tif"), *out),
        SceneCase(64, "href web", _reaches("http://169.254.169.254/x.tif"), *web),
        SceneCase(70, "id of two lines", _item_says(id="a\nb"), ("id",), "bad_item"),
        SceneCase(14, "no time", _item_says(datetime="yesterday"), ("datetime",), "bad_item"),
        SceneCase(11, "negative GSD", _item_says(gsd=-10), ("gsd",), "bad_item"),
    ]  # fmt: skip


def spoilt_scene(case: SceneCase, folder: Path) -> tuple[str, str, int]:
    """Ingest a yard with one spoilt scene; (reason, detail) of its rejection, scenes counted."""
    yard = make_yard(folder, 2)
    home = yard.archive / yard.scene_id(1)
    own = home / "own.tif"
    own.write_bytes((yard.archive / "look1.tif").read_bytes())
    item = next(home.glob("*.json"))
    document = json.loads(item.read_text())
    document["assets"]["vv"]["href"] = "own.tif"
    del document["assets"]["vh"]  # or the scene would be kept for its other band
    item.write_text(json.dumps(document))
    case.spoil(yard, own)
    walk_yard(yard, str(folder / "store"))
    with Record.open(_store(folder), "yard") as record:
        entries = record.entries()
    rejected = [e for e in entries if e.status == "rejected"]
    counted = sum(e.status == "ingested" for e in entries)
    if len(rejected) != 1:
        return "", f"{len(rejected)} rejections", counted
    return str(rejected[0].rejection), rejected[0].detail, counted


def _store(folder: Path):
    from railwatch.store import Store

    return Store.open(str(folder / "store"))


def proven() -> Iterator[tuple[int, Path, str]]:
    """Give row, file and test of what is proven elsewhere."""
    for line in PROVEN_ELSEWHERE.split("\n"):
        if line.strip():
            row, file, *test = line.split()
            yield int(row), Path("tests/railwatch") / file, test[0] if test else "test_"


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """What lies in a folder: size and time of change by path."""
    found = {}
    for home, _, names in os.walk(folder):
        for name in names:
            stat = (Path(home) / name).lstat()
            found[f"{home}/{name}"] = (stat.st_size, stat.st_mtime_ns)
    return found
