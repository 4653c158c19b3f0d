"""`railwatch area`: from an extract to an area that passes the check."""

import json
import os
from pathlib import Path

import pytest

from railwatch.area import load_area
from railwatch.cli import main

ROOT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("RAILWATCH_SHARED", ROOT.parent / "shared"))
OSM = SHARED / "data" / "osm"


def way(way_id: int, north: float, lon: float = 6.680) -> dict[str, object]:
    line = [[lon, 51.21 + north], [lon + 0.003, 51.21 + north]]
    return {
        "type": "Feature",
        "id": way_id,
        "properties": {"railway": "rail", "service": "yard"},
        "geometry": {"type": "LineString", "coordinates": line},
    }


@pytest.fixture
def extract(tmp_path):
    """Two tracks 11 m apart, and one in another yard 1.4 km away."""
    path = tmp_path / "small.geojson"
    features = [way(1, 0.0), way(2, 0.0001), way(3, 0.0, lon=6.700)]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_import_writes_an_area_that_passes_the_check(extract, tmp_path, capsys):
    """The summary lists the yards; the files carry the map's licence and read back."""
    out = tmp_path / "areas"

    assert main(["area", "import", str(extract), "--out", str(out), "--name", "Two Yards"]) == 0
    said = capsys.readouterr().out
    assert main(["area", "check", str(out / "two-yards.yaml")]) == 0

    assert len(said.splitlines()) == 5  # head, two yards, what was written, what it amounts to
    document = json.loads((out / "two-yards.sidings.geojson").read_text(encoding="utf-8"))
    assert document["license"] == "ODbL-1.0"
    assert "OpenStreetMap contributors" in document["attribution"]
    assert [s.id for s in load_area(out / "two-yards.yaml").sidings] == ["w1", "w2", "w3"]
    assert "3 sidings" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (["--cluster", "1"], ["w1", "w2"]),
        (["--cluster", "2"], ["w3"]),
        (["--bbox", "6.69,51,6.8,52"], ["w3"]),
    ],
)
def test_one_of_several_yards_is_chosen(extract, tmp_path, choice, expected):
    """By its number, the longest first, or by a box."""
    assert main(["area", "import", str(extract), "--out", str(tmp_path), *choice]) == 0

    assert [s.id for s in load_area(tmp_path / "small.yaml").sidings] == expected


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--bbox", "1,2,3"], 2, "four numbers"),
        (["--bbox", "8,51,6,52"], 2, "west < east"),
        (["--bbox", "nan,51,6,52"], 2, "west < east"),
        (["--cluster", "3"], 2, "there are 2 yards"),
        (["--name", "두만강"], 2, "--id"),
        (["--bbox", "0,0,1,1"], 1, "widen --bbox"),
        (["--id", "../x"], 2, "lower-case"),
    ],
)
def test_wrong_choices_are_said_and_write_nothing(extract, tmp_path, capsys, arguments, code, says):
    """Wrong usage exits 2, a choice that leaves nothing exits 1; no file appears."""
    out = tmp_path / "areas"

    assert main(["area", "import", str(extract), "--out", str(out), *arguments]) == code

    assert says in capsys.readouterr().err
    assert not out.exists() or not list(out.iterdir())


def test_check_exits_1_with_one_line(tmp_path, capsys):
    """A broken area file gives one line on stderr that names file, line and field."""
    path = tmp_path / "a.yaml"
    path.write_text("id: NO\n")

    assert main(["area", "check", str(path)]) == 1

    err = capsys.readouterr().err
    assert err.startswith(f"railwatch: {path}:1: id: ")
    assert err.count("\n") == 1


def test_check_refuses_one_id_for_two_areas(extract, tmp_path, capsys):
    """Two files with the same id would share a record."""
    for folder in ("a", "b"):
        main(["area", "import", str(extract), "--out", str(tmp_path / folder)])
    files = [str(tmp_path / folder / "small.yaml") for folder in ("a", "b")]

    assert main(["area", "check", *files]) == 1

    assert f"'small' is the id of {files[0]} too" in capsys.readouterr().err


def test_check_json_is_one_document(capsys):
    """Machines get ids, lengths and groups."""
    assert main(["area", "check", "--json", str(ROOT / "infra/areas/tumangang.yaml")]) == 0

    (report,) = json.loads(capsys.readouterr().out)
    assert report["epsg"] == 32652
    assert len(report["groups"]["10"]) == 4
    assert report["sidings"]["yard-1"]["usable_m"] < report["sidings"]["yard-1"]["length_m"]


@pytest.mark.skipif(not OSM.is_dir(), reason="shared/data/osm is not here")
@pytest.mark.parametrize(
    "name",
    ["neuss-s11.osm.pbf", pytest.param("harrisburg.osm.pbf", marks=pytest.mark.slow)],
)
def test_real_extracts_become_areas(tmp_path, name):
    """Real yards import and pass the check without a word on the reader's part."""
    assert main(["area", "import", str(OSM / name), "--out", str(tmp_path), "--name", "real"]) == 0
    assert main(["area", "check", str(tmp_path / "real.yaml")]) == 0
