"""Area files: what is read, and every bad input refused by file, line, field and remedy."""

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwatch.area import CAR_LENGTH_M, SourceSpec, load_area
from railwatch.errors import AreaError
from railwatch.siding import HiddenStretch, SidingKind

LINE = [[130.600, 42.420], [130.605, 42.421]]
YAML = (
    "id: tumangang\nname: Tumangang\nsidings: t.geojson\nsources:\n  - collection: sentinel-2-l2a\n"
)


def feature(line=None, shape="LineString", **properties):
    return {
        "type": "Feature",
        "properties": {"id": "yard-1", **properties},
        "geometry": {"type": shape, "coordinates": LINE if line is None else line},
    }


def collection(*features, **members):
    return {"type": "FeatureCollection", **members, "features": list(features or [feature()])}


def write(folder: Path, yaml: str | bytes = YAML, geojson: object = None) -> Path:
    path = folder / "area.yaml"
    path.write_bytes(yaml.encode() if isinstance(yaml, str) else yaml)
    text = geojson if isinstance(geojson, str) else json.dumps(geojson or collection(), indent=1)
    (folder / "t.geojson").write_text(text, encoding="utf-8")
    return path


def refusal(path: Path) -> AreaError:
    with pytest.raises(AreaError) as caught:
        load_area(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 320
    return caught.value


def test_reads_what_the_files_say(tmp_path):
    """Ids, dates, visibility and hidden stretches arrive; heights are dropped; order is by id."""
    hidden = [{"from_m": 10, "to_m": 120.5, "since": "2024-12-01"}]
    path = write(
        tmp_path,
        YAML + "car_length_m: {mean: 14.6, sd: 1}\n",
        collection(
            feature(
                [[130.6, 42.42, 12.0], [130.605, 42.421, 13.0]],
                id="yard-2",
                kind="yard",
                valid_from="2019-05-01",
                hidden=hidden,
                digitised_by="somebody",
            ),
            feature(id="main-1", kind="main", visible=False, valid_to="2020-01-31", name="Main"),
        ),
    )

    area = load_area(path)

    first, second = area.sidings
    assert (area.id, area.name, area.sources) == (
        "tumangang",
        "Tumangang",
        (SourceSpec("sentinel-2-l2a"),),
    )
    assert area.car_length_m == (14.6, 1.0)
    assert (first.id, first.kind, first.visible, first.name) == (
        "main-1",
        SidingKind.MAIN,
        False,
        "Main",
    )
    assert first.valid_to == dt.date(2020, 1, 31)
    assert second.valid_from == dt.date(2019, 5, 1)
    assert second.coordinates == ((130.6, 42.42), (130.605, 42.421))
    assert second.hidden == (HiddenStretch(10.0, 120.5, dt.date(2024, 12, 1), None),)


def test_defaults(tmp_path):
    """Only the id is required: name, sidings file, sources, kind and car length have defaults."""
    path = write(tmp_path, "id: hermit\n")
    (tmp_path / "t.geojson").rename(tmp_path / "hermit.sidings.geojson")

    area = load_area(path)

    assert (area.name, area.sources, area.collections) == ("hermit", (), ())
    assert area.car_length_m == CAR_LENGTH_M
    assert next(iter(area.sidings)).kind is SidingKind.SIDING


def test_crlf_and_wgs84_crs_are_fine(tmp_path):
    """Windows line ends and a CRS member that says WGS84 change nothing."""
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    path = write(tmp_path, YAML.replace("\n", "\r\n"), collection(feature(), crs=crs))

    assert len(load_area(path).sidings) == 1


def test_multilinestring_of_one_part_is_its_part(tmp_path):
    """Desktop GIS writes every line as a MultiLineString; one part is unambiguous."""
    path = write(tmp_path, YAML, collection(feature([LINE], "MultiLineString")))

    siding = next(iter(load_area(path).sidings))

    assert siding.coordinates == tuple(map(tuple, LINE))


def test_bbox_holds_the_ring(tmp_path):
    """The box reaches 1.5 km beyond the sidings on each side, and hardly more.

    A degree of latitude is 111.1 km, one of longitude here 82.2 km; north of the UTM grid stands
    1.1 degrees off true north, which adds up to 40 m.
    """
    west, south, east, north = load_area(write(tmp_path)).bbox

    assert 1500 <= (42.420 - south) * 111_100 <= 1560
    assert 1500 <= (north - 42.421) * 111_100 <= 1560
    assert 1500 <= (130.600 - west) * 82_200 <= 1560
    assert 1500 <= (east - 130.605) * 82_200 <= 1560


BOMB = "a: &a [x]\n" + "".join(f"b{i}: &b{i} [*a, *a, *a]\n" for i in range(9))
SOURCE = "sources:\n  - collection: "
BAD_YAML = {
    "empty": ("", None, "", "empty"),
    "only a comment": ("# nothing\n", None, "", "empty"),
    "root is a list": ("- id: a\n", 1, "", "keys and values"),
    "root is a word": ("tumangang\n", 1, "", "keys and values"),
    "duplicate key": ("id: a\nname: b\nid: c\n", 3, "id", "stands twice (first on line 1)"),
    "unknown key": (YAML + "sorces: []\n", 6, "sorces", "did you mean sources?"),
    "unknown key in a source": (
        "id: a\nsidings: t.geojson\n" + SOURCE + "x\n    colour: y\n",
        5,
        "sources[0].colour",
        "known keys: collection",
    ),
    "Norway": ("id: NO\n", 1, "id", '"NO"'),
    "sexagesimal": ("id: a\nname: 12:30:00\n", 2, "name", '"12:30:00"'),
    "octal": ("id: 0123\n", 1, "id", '"0123"'),
    "float": ("id: a\nname: 3.10\n", 2, "name", '"3.10"'),
    "exponent": ("id: 1e3\n", 1, "id", '"1e3"'),
    "impossible date": ("id: 2024-02-30\n", 1, "id", '"2024-02-30"'),
    "null": ("id: ~\n", 1, "id", '"~"'),
    "no value": ("id:\nname: x\n", 1, "id", "no value"),
    "exponent where metres": (YAML + "car_length_m: {mean: 1e3}\n", 6, "car_length_m.mean", "13.9"),
    "NaN": (YAML + "car_length_m: {mean: .nan}\n", 6, "car_length_m.mean", "13.9"),
    "infinity": (YAML + "car_length_m:\n  sd: .inf\n", 7, "car_length_m.sd", "13.9"),
    "negative": (YAML + "car_length_m: {mean: -13}\n", 6, "car_length_m.mean", "greater than 0"),
    "zero": (YAML + "car_length_m: {mean: 0}\n", 6, "car_length_m.mean", "greater than 0"),
    "too long a car": (YAML + "car_length_m: {mean: 139}\n", 6, "car_length_m.mean", "no railcar"),
    "too wide a spread": (YAML + "car_length_m: {sd: 9}\n", 6, "car_length_m.sd", "quarter"),
    "car length as list": (YAML + "car_length_m: [13, 1]\n", 6, "car_length_m", "keys and values"),
    "python tag": ("id: !!python/object/apply:os.system ['true']\n", 1, "id", "tags"),
    "own tag": ("id: !env SECRET\n", 1, "id", "tags"),
    "alias bomb": (BOMB, 1, "a", "aliases"),
    "recursive alias": ("id: &a [*a]\n", 1, "id", "aliases"),
    "merge key": ("id: a\n<<: {name: b}\n", 2, "<<", "unknown key"),
    "deep": ("id: " + "[" * 20000 + "\n", 1, "id" + "[0]" * 7, "nested deeper"),
    "second document": ("id: a\n---\nid: b\n", 2, "", "second document"),
    "no YAML": ("id: 'a\n", 2, "", "not YAML"),
    "tab": ("id: a\n\tname: b\n", 2, "", "not YAML"),
    "bell": ("id: a\x07\n", None, "", "not YAML"),
    "bad escape": ('id: "\\UFFFFFFFF"\n', None, "", "not YAML"),
    "list as key": ("? [a]\n: b\n", 1, "", "single word"),
    "BOM": ("\ufeffid: a\n", 1, "", "byte-order mark"),
    "UTF-16": ("id: a\n".encode("utf-16"), 1, "", "UTF-16"),
    "UTF-16 unmarked": ("id: a\n".encode("utf-16-le"), 1, "", "NUL"),
    "NUL": (b"id: a\nname: b\0c\n", 2, "", "NUL"),
    "Latin-1": (b"id: a\nname: T\xfcmen\n", 2, "", "UTF-8"),
    "huge": ("id: a\n" + "# x\n" * 100_000, None, "", "larger than 64 KiB"),
    "id missing": ("name: a\n", None, "id", "missing"),
    "id climbs": ("id: ../../etc\n", 1, "id", "lower-case"),
    "id upper case": ("id: Tumangang\n", 1, "id", "lower-case"),
    "id not ASCII": ("id: tümen\n", 1, "id", "lower-case"),
    "id composed": ("id: tu\u0308men\n", 1, "id", "lower-case"),
    "id too long": (f"id: {'a' * 64}\n", 1, "id", "63"),
    "id a list": ("id: [a]\n", 1, "id", "single value, not a list"),
    "name of two lines": ('id: a\nname: "b\\nc"\n', 2, "name", "one line"),
    "sidings absent": ("id: a\nsidings: gone.geojson\n", 2, "sidings", "does not exist"),
    "sidings climb": ("id: a\nsidings: ../../etc/passwd\n", 2, "sidings", "out of this file's"),
    "sidings absolute": ("id: a\nsidings: /etc/passwd\n", 2, "sidings", "absolute"),
    "sidings vsicurl": ("id: a\nsidings: /vsicurl/http://x/y\n", 2, "sidings", "plain file name"),
    "sidings VRT": ("id: a\nsidings: VRT://x\n", 2, "sidings", "plain file name"),
    "sidings MEM": ("id: a\nsidings: MEM:::DATAPOINTER=1\n", 2, "sidings", "plain file name"),
    "sidings URL": ("id: a\nsidings: http://127.0.0.1/x\n", 2, "sidings", "plain file name"),
    "sources a word": (
        "id: a\nsidings: t.geojson\nsources: s2\n",
        3,
        "sources",
        "must be a list",
    ),
    "sources empty": ("id: a\nsidings: t.geojson\nsources: []\n", 3, "sources", "is empty"),
    "source a word": (
        "id: a\nsidings: t.geojson\nsources: [s2]\n",
        3,
        "sources[0]",
        "keys and values",
    ),
    "source without collection": (
        "id: a\nsidings: t.geojson\nsources: [{}]\n",
        3,
        "sources[0].collection",
        "missing",
    ),
    "source climbs": (
        "id: a\nsidings: t.geojson\n" + SOURCE + "../x\n",
        4,
        "sources[0].collection",
        "no collection id",
    ),
    "source twice": (
        "id: a\nsidings: t.geojson\n" + SOURCE + "x\n  - collection: x\n",
        5,
        "sources[1].collection",
        "stands twice",
    ),
}


@pytest.mark.parametrize(("yaml", "line", "field", "says"), BAD_YAML.values(), ids=BAD_YAML)
def test_refuses_bad_yaml(tmp_path, yaml, line, field, says):
    """A slip in the area file is refused with its line, its field and what to do."""
    path = write(tmp_path, yaml)

    error = refusal(path)

    assert (error.file, error.line, error.field) == (str(path), line, field)
    assert says in error.problem


def at(i: int = 0, *rest: str) -> str:
    return ".".join([f"features[{i}]", *rest])


COORDINATES = at(0, "geometry", "coordinates")
SECOND = COORDINATES + "[1]"
BAD_GEOJSON = {
    "swapped": (
        collection(feature([[42.4, 130.6], [42.5, 130.7]])),
        COORDINATES + "[0]",
        "swapped",
    ),
    "off the Earth": (collection(feature([[500, 1], [1, 1]])), COORDINATES + "[0]", "not on Earth"),
    "latitude 900": (collection(feature([LINE[0], [1, 900]])), SECOND, "not on Earth"),
    "NaN": (
        '{"type": "FeatureCollection",\n "features": [{"x": NaN}]}',
        "",
        "NaN is not a number",
    ),
    "Infinity": ('{"type": "FeatureCollection", "features": [-Infinity]}', "", "Infinity"),
    "1e999": (
        json.dumps(collection()).replace("130.605", "1e999"),
        SECOND,
        "finite numbers",
    ),
    "five thousand digits": (
        json.dumps(collection()).replace("130.605", "9" * 5000),
        "",
        "too many digits",
    ),
    "four hundred digits": (
        json.dumps(collection()).replace("130.605", "9" * 400),
        SECOND,
        "finite numbers",
    ),
    "text coordinate": (collection(feature([LINE[0], ["130.7", 42]])), SECOND, "finite numbers"),
    "truth coordinate": (collection(feature([LINE[0], [True, 42]])), SECOND, "finite numbers"),
    "null coordinate": (collection(feature([LINE[0], [None, 42]])), SECOND, "finite numbers"),
    "one value": (collection(feature([LINE[0], [130]])), SECOND, "1 values"),
    "four dimensions": (collection(feature([LINE[0], [130, 42, 1, 2]])), SECOND, "4 values"),
    "bare position": (collection(feature([130.6, 42.4])), COORDINATES + "[0]", "a number"),
    "bow-tie polygon": (
        collection(feature([[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]], "Polygon")),
        at(0, "geometry.type"),
        "must be LineString",
    ),
    "unclosed ring": (
        collection(feature([[[0, 0], [1, 1], [1, 0]]], "Polygon")),
        at(0, "geometry.type"),
        "must be LineString",
    ),
    "hole outside its shell": (
        collection(
            feature([[[0, 0], [1, 0], [1, 1], [0, 0]], [[5, 5], [6, 5], [6, 6], [5, 5]]], "Polygon")
        ),
        at(0, "geometry.type"),
        "must be LineString",
    ),
    "empty polygon": (collection(feature([], "Polygon")), at(0, "geometry.type"), "LineString"),
    "point": (collection(feature([130.6, 42.4], "Point")), at(0, "geometry.type"), "got Point"),
    "no geometry": (
        collection({"type": "Feature", "properties": {"id": "a"}, "geometry": None}),
        at(0, "geometry"),
        "got nothing",
    ),
    "several parts": (
        collection(feature([LINE, LINE], "MultiLineString")),
        at(0, "geometry.type"),
        "2 parts",
    ),
    "empty collection": ({"type": "FeatureCollection", "features": []}, "features", "is empty"),
    "no features": ({"type": "FeatureCollection"}, "features", "must be a list"),
    "bare feature": (feature(), "type", "wrap"),
    "root a list": ("[]", "", "FeatureCollection, not a list"),
    "empty file": (" \n", "", "is empty"),
    "not JSON": ('{"type": \n oops', "", "not JSON"),
    "same key twice": (
        '{"type": "FeatureCollection", "features": [], "features": []}',
        "features",
        "stands twice",
    ),
    "antimeridian": (collection(feature([[179.9, 42], [-179.9, 42]])), SECOND, "antimeridian"),
    "polar": (collection(feature([[10, 85], [10.1, 85]])), COORDINATES + "[0]", "polar"),
    "foreign CRS": (
        collection(
            feature(), crs={"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32652"}}
        ),
        "crs",
        "EPSG::32652 is not WGS84",
    ),
    "projected metres": (
        collection(feature([[632298, 4697818], [632400, 4697900]])),
        COORDINATES + "[0]",
        "projected metres",
    ),
    "too many vertices": (
        json.dumps(collection(feature([[i, 42] for i in range(100_001)])), separators=(",", ":")),
        COORDINATES,
        "simplify",
    ),
    "deep": ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "", "nested deeper"),
    "deep objects": ('{"a":' * 50_000 + "1" + "}" * 50_000, "", "nested deeper"),
    "repeated point": (collection(feature([LINE[0], *LINE[:1], LINE[1]])), SECOND, "repeats"),
    "zero length": (collection(feature([[1, 2], [1, 2.0000001]])), COORDINATES, "0.01 m long"),
    "one point": (collection(feature([[1, 2]])), COORDINATES, "two or more"),
    "too long": (collection(feature([[1, 42], [2, 42]])), COORDINATES, "km long, more than 50"),
    "far from the rest": (
        collection(feature(), feature([[6.7, 51.2], [6.71, 51.2]], id="yard-2")),
        "features",
        "km apart",
    ),
    "crosses itself": (
        collection(feature([[0, 1], [0.02, 1], [0.02, 1.01], [0.01, 0.99]])),
        COORDINATES,
        "crosses itself",
    ),
    "id twice": (collection(feature(), feature()), at(1, "properties.id"), "features[0]"),
    "id differs in case": (
        collection(feature(id="a"), feature(id="A")),
        at(1, "properties.id"),
        "upper and lower case",
    ),
    "id missing": (collection(feature(id=None)), at(0, "properties.id"), "missing"),
    "id a number": (collection(feature(id=5)), at(0, "properties.id"), '"5"'),
    "id climbs": (collection(feature(id="../x")), at(0, "properties.id"), "no id"),
    "id with slash": (collection(feature(id="a/b")), at(0, "properties.id"), "no id"),
    "id of a group": (collection(feature(id="a+b")), at(0, "properties.id"), "no id"),
    "id with newline": (collection(feature(id="a\nb")), at(0, "properties.id"), "'a?b' is no id"),
    "no properties": (
        collection({**feature(), "properties": None}),
        at(0, "properties"),
        "an object with an id",
    ),
    "misspelt property": (
        collection(feature(valid_form="2020-01-01")),
        at(0, "properties.valid_form"),
        "did you mean valid_from?",
    ),
    "kind unknown": (collection(feature(kind="dock")), at(0, "properties.kind"), "siding, yard"),
    "kind a list": (collection(feature(kind=["yard"])), at(0, "properties.kind"), "unknown"),
    "visible as text": (collection(feature(visible="no")), at(0, "properties.visible"), "quotes"),
    "impossible date": (
        collection(feature(valid_from="2024-02-30")),
        at(0, "properties.valid_from"),
        "no day of the calendar",
    ),
    "date with a time": (
        collection(feature(valid_to="2024-02-01T00:00:00Z")),
        at(0, "properties.valid_to"),
        "2023-10-05",
    ),
    "dates swapped": (
        collection(feature(valid_from="2024-02-02", valid_to="2024-02-01")),
        at(0, "properties.valid_to"),
        "before valid_from",
    ),
    "hidden beyond the end": (
        collection(feature(hidden=[{"from_m": 1, "to_m": 5000}])),
        at(0, "properties.hidden[0].to_m"),
        "the siding's length",
    ),
    "hidden backwards": (
        collection(feature(hidden=[{"from_m": 9, "to_m": 5}])),
        at(0, "properties.hidden[0].to_m"),
        "swap",
    ),
    "hidden misspelt": (
        collection(feature(hidden=[{"form_m": 9}])),
        at(0, "properties.hidden[0].form_m"),
        "known: from_m",
    ),
}


@pytest.mark.parametrize(("geojson", "field", "says"), BAD_GEOJSON.values(), ids=BAD_GEOJSON)
def test_refuses_bad_sidings(tmp_path, geojson, field, says):
    """A slip in the sidings is refused with its field and what to do."""
    write(tmp_path, YAML, geojson)

    error = refusal(tmp_path / "area.yaml")

    assert (error.file, error.field) == (str(tmp_path / "t.geojson"), field)
    assert says in error.problem


def test_names_the_line_of_the_feature(tmp_path):
    """The line is the feature's, also behind strings that hold brackets and escaped quotes."""
    text = (
        '{"type": "FeatureCollection", "note": "{[\\"",\n "bbox": [{}],\n "features": [\n  '
        + json.dumps(feature(id="a", name='}]\\"'))
        + ",\n\n  "
        + json.dumps(feature(id="a b"))
        + "]}"
    )

    error = refusal(write(tmp_path, YAML, text))

    assert (error.field, error.line) == ("features[1].properties.id", 6)


def test_refuses_a_link_that_leaves_the_folder(tmp_path):
    """A sidings file that is a link out of the area's folder is not followed."""
    (tmp_path / "secret").write_text(json.dumps(collection()))
    folder = tmp_path / "areas"
    folder.mkdir()
    path = write(folder)
    (folder / "t.geojson").unlink()
    (folder / "t.geojson").symlink_to(tmp_path / "secret")

    assert "out of this file's folder" in refusal(path).problem


def test_follows_a_link_inside_the_folder(tmp_path):
    """A link to a file beside it is fine, and so is an area file reached through a link."""
    folder = tmp_path / "areas"
    folder.mkdir()
    path = write(folder)
    (folder / "t.geojson").rename(folder / "real.geojson")
    (folder / "t.geojson").symlink_to("real.geojson")
    (tmp_path / "linked").symlink_to(folder)

    assert load_area(path) == load_area(tmp_path / "linked" / "area.yaml")


def test_refuses_what_is_no_regular_file(tmp_path):
    """A pipe would hang and a device never end, so only regular files are opened."""
    os.mkfifo(tmp_path / "pipe.yaml")

    assert "regular file" in refusal(tmp_path / "pipe.yaml").problem
    assert "regular file" in refusal(Path("/dev/zero")).problem
    assert "is a folder" in refusal(tmp_path).problem
    assert "does not exist" in refusal(tmp_path / "gone.yaml").problem
    assert "cannot be read" in refusal(tmp_path / "a\0b").problem


HOSTILE = {
    "empty lists": '{"a": [' + "[]," * 1_390_000 + "[]]}",
    "a million vertices": json.dumps(collection(feature([[1, 2]] * 500_000))).replace(" ", ""),
    "many short strings": '{"a": [' + '"",' * 1_390_000 + '""]}',
    "many features": json.dumps(collection(*[feature([[1, 2], [1, 3]])] * 1900)).replace(" ", ""),
}


@pytest.mark.parametrize("geojson", HOSTILE.values(), ids=HOSTILE)
def test_hostile_sidings_cost_little(tmp_path, geojson):
    """Whatever fits in the size limit is refused within a second of work and 300 MB."""
    path = write(tmp_path, YAML, geojson)
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from railwatch.area import load_area; from railwatch.errors import AreaError\n"
        "used = lambda: resource.getrusage(resource.RUSAGE_SELF)\n"
        "began = used().ru_utime\n"
        "try: load_area(Path(sys.argv[1]))\n"
        # ru_maxrss would hold the test process's own peak, which survives exec.
        "except AreaError:\n"
        "    peak = Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]\n"
        "    print(used().ru_utime - began, int(peak) / 1024)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )

    seconds, megabytes = map(float, done.stdout.split())
    assert seconds < 1.0
    assert megabytes < 300


@settings(max_examples=60, deadline=None)
@given(yaml=st.binary(max_size=200) | st.text("ab:-[]{}&*!|>'\"#%@`, \n0159.~", max_size=60))
def test_no_bytes_escape_as_another_error(tmp_path_factory, yaml):
    """Whatever the area file holds, reading gives an area or an `AreaError`."""
    path = write(tmp_path_factory.mktemp("fuzz"), yaml)

    refusal(path)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "id", "coordinates", "properties", "hidden", "name"]), inner
        )
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(
    place=st.sampled_from([("geometry",), ("properties",), ("geometry", "coordinates"), ("type",)]),
    value=JSON_VALUES,
)
def test_no_json_escapes_as_another_error(tmp_path_factory, place, value):
    """Whatever stands where a feature's parts belong is refused by an `AreaError`."""
    wrong = json.loads(json.dumps(feature()))
    part = wrong
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value

    refusal(write(tmp_path_factory.mktemp("fuzz"), YAML, collection(wrong)))
