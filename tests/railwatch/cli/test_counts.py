"""`railwatch counts` reads what is published, and only that."""

import csv
import datetime as dt
import io
import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from railwatch.cli import main

CONTRACT = """\
area_id siding_id scene_id acquired sensor gsd_m resolution_class method occupied_m occupied_m_low
occupied_m_high cars cars_low cars_high interval visible_m total_m clear_fraction baseline_state
registration_shift_m registration_sigma_m refusal siding_set detector snapshot published_at
p_record record_sentence""".split()  # noqa: SIM905  # copied from docs/consumers.md


def _row(scene_id, day, siding_id="*", **said):
    row = dict.fromkeys(CONTRACT) | {
        "area_id": "tumangang",
        "siding_id": siding_id,
        "scene_id": scene_id,
        "acquired": dt.datetime(2023, 10, day, 2, 11, tzinfo=dt.UTC),
        "sensor": "sentinel-2a",
        "gsd_m": 10.0,
        "resolution_class": "C",
        "method": "energy",
        "interval": 0.9,
        "published_at": dt.datetime(2023, 10, 20, tzinfo=dt.UTC),
    }
    return row | said


ROWS = [
    _row("s3", 9, refusal="cloud"),
    _row(
        "s2",
        7,
        resolution_class="A",
        sensor="wv3",
        occupied_m=1020.4,
        occupied_m_low=980.0,
        occupied_m_high=1060.0,
        cars=73.0,
        cars_low=70.0,
        cars_high=77.0,
        p_record=0.994,
    ),
    _row(
        "s1",
        4,
        occupied_m=1240.0,
        occupied_m_low=980.0,
        occupied_m_high=1500.0,
        cars=89.2,
        cars_low=64.0,
        cars_high=115.0,
    ),
    _row("s1", 4, siding_id="west", occupied_m=float("nan")),
]


@pytest.fixture
def store(tmp_path):
    """A store as a publisher leaves it: the pointer, and the table it leads to."""
    area = tmp_path / "areas" / "tumangang"
    folder = area / "publications" / "ab12"
    folder.mkdir(parents=True)
    text = {name: pa.string() for name in CONTRACT}
    time = dict.fromkeys(("acquired", "published_at"), pa.timestamp("us", tz="UTC"))
    numbers = {n: pa.float64() for n in CONTRACT if isinstance(ROWS[1][n], float)}
    numbers |= dict.fromkeys(("visible_m", "total_m"), pa.float64())
    schema = pa.schema(list((text | time | numbers).items()))
    pq.write_table(pa.Table.from_pylist(ROWS, schema=schema), folder / "counts.parquet")
    links = {"counts": "publications/ab12/counts.parquet"}
    (area / "latest.json").write_text(json.dumps({"publication": "ab12", "links": links}))
    return tmp_path


def test_table_puts_metres_first_at_class_c_and_cars_first_at_class_a(store, capsys):
    """A count is said in what its sensor sees, with its interval; refusals are summed up."""
    assert main(["counts", "tumangang", "--store", str(store)]) == 0

    out = capsys.readouterr().out
    assert "1240 m [980-1500], 89 cars [64-115]" in out
    assert "73 cars [70-77], 1020 m [980-1060]" in out
    assert "refused: cloud" in out
    assert "3 scenes, 1 refused: cloud 1" in out


def test_json_is_one_document_with_the_contract_s_names(store, capsys):
    """Rows are ordered by time with the facility first; what is no number is null."""
    assert main(["counts", "tumangang", "--store", str(store), "--format", "json"]) == 0

    rows = json.loads(capsys.readouterr().out)
    assert [list(row) for row in rows] == [CONTRACT] * 4
    keys = [(row["scene_id"], row["siding_id"]) for row in rows]
    assert keys == [("s1", "*"), ("s1", "west"), ("s2", "*"), ("s3", "*")]
    assert rows[0]["acquired"] == "2023-10-04T02:11:00Z"
    assert rows[1]["occupied_m"] is None
    assert rows[3]["refusal"] == "cloud"


def test_csv_has_a_header_and_the_same_values(store, capsys):
    """Missing numbers are empty cells."""
    assert main(["counts", "tumangang", "--store", str(store), "--format", "csv"]) == 0

    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["cars"] for row in rows] == ["89.2", "", "73.0", ""]


def test_since_and_siding_choose_rows(store, capsys):
    """A scene acquired on the day itself is shown."""
    chosen = ["--format", "json", "--since", "2023-10-07", "--siding", "*"]

    assert main(["counts", "tumangang", "--store", str(store), *chosen]) == 0
    assert [row["scene_id"] for row in json.loads(capsys.readouterr().out)] == ["s2", "s3"]


def test_an_area_nobody_published_is_named_with_those_there_are(store, capsys):
    """The message says which areas the store holds."""
    assert main(["counts", "khasan", "--store", str(store)]) == 1
    assert "no counts of area 'khasan'; published there: tumangang" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{}", "[]", "not json", '{"links": {"counts": "gone.parquet"}}'])
def test_a_broken_pointer_is_named(store, capsys, text):
    """A pointer that leads nowhere is one line that names it."""
    (store / "areas" / "tumangang" / "latest.json").write_text(text)

    assert main(["counts", "tumangang", "--store", str(store)]) == 1
    assert "latest.json: links.counts" in capsys.readouterr().err


def test_a_damaged_table_is_named(store, capsys):
    """A file cut short is refused by name."""
    table = store / "areas/tumangang/publications/ab12/counts.parquet"
    table.write_bytes(table.read_bytes()[:-9])

    assert main(["counts", "tumangang", "--store", str(store)]) == 1
    assert "counts.parquet: not a Parquet file" in capsys.readouterr().err


def test_an_area_id_cannot_leave_the_store(store, capsys):
    """`..` in an id is refused."""
    assert main(["counts", "../../etc", "--store", str(store)]) == 1
    assert "not a key" in capsys.readouterr().err


def test_counts_imports_no_data_frame_library(store):
    """Half a second leaves no room for pandas, xarray or Icechunk."""
    code = (
        "import sys\nfrom railwatch.cli import main\n"
        f"main(['counts', 'tumangang', '--store', {str(store)!r}])\n"
        "print(sorted({'pandas', 'xarray', 'icechunk', 'rasterio', 'pyproj'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
