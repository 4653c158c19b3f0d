"""`railwatch plan` over an emulator: exact, free, and the same for people and machines."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from railwatch.area import load_area
from railwatch.cli import railwatch
from railwatch.detector.window import footprint_for
from railwatch.errors import SourceError
from railwatch.grid import PIECE_PX
from railwatch.testing.sentinel_hub import Emulator
from railwatch.testing.sentinel_hub.sample import write_sample
from railwatch.testing.sentinel_hub.server import CLIENT_ID, CLIENT_SECRET

ROOT = Path(__file__).parents[3]


@pytest.fixture
def area(tmp_path):
    """An area with one siding of about a kilometre in the middle of the sample's scenes."""
    line = [[130.617, 42.4135], [130.629, 42.4155]]
    sidings = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"id": "s1", "kind": "siding"},
                "geometry": {"type": "LineString", "coordinates": line},
            }
        ],
    }
    (tmp_path / "yard.sidings.geojson").write_text(json.dumps(sidings))
    path = tmp_path / "yard.yaml"
    path.write_text(
        "id: yard\nname: A Yard\nsidings: yard.sidings.geojson\n"
        "sources:\n  - collection: sentinel-2-l2a\n"
    )
    return path


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An emulator the environment points at."""
    write_sample(tmp_path / "archive", optical=3, radar=1)
    with Emulator(archive=tmp_path / "archive") as emulator:
        for name, value in environment(emulator).items():
            monkeypatch.setenv(name, value)
        yield emulator


def environment(hub):
    return {
        "SH_BASE_URL": hub.url,
        "SH_TOKEN_URL": hub.token_url,
        "SH_CLIENT_ID": CLIENT_ID,
        "SH_CLIENT_SECRET": CLIENT_SECRET,
    }


def planned(*arguments):
    done = CliRunner().invoke(railwatch, ["plan", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_scenes_requests_units_and_forecast(hub, area):
    """Three scenes at the price of the land around the siding; nothing is spent."""
    document = json.loads(planned(area, "--start", "2024-01-01", "--json"))
    footprint = footprint_for(load_area(area).sidings, 10.0, ("red", "nir"))
    a_scene = footprint.pieces.sum() * PIECE_PX**2 / 512**2 * 7 / 3

    assert document["collections"][0]["scenes"] == 3
    assert document["total"]["processing_units"] == pytest.approx(3 * a_scene)
    assert document["months"][0]["month"] == "2024-01"
    assert document["quota"]["months_for_everything"] == 1
    assert hub.ledger.spent_pu == 0
    assert hub.ledger.entries("process") == ()


def test_days_are_inclusive_and_collections_can_be_chosen(hub, area):
    """The scene of the last day counts; radar is planned on demand."""
    document = json.loads(
        planned(
            *(area, "--start", "2024-01-03", "--end", "2024-01-08"),
            *("--collection", "sentinel-1-grd", "--collection", "sentinel-2-l2a", "--json"),
        )
    )

    assert [(line["collection"], line["scenes"]) for line in document["collections"]] == [
        ("sentinel-1-grd", 1),
        ("sentinel-2-l2a", 2),
    ]
    assert len(hub.ledger.entries("catalog")) == 2


def test_for_people_it_says_the_same(hub, area):
    """The table's sum is the document's."""
    arguments = (area, "--start", "2024-01-01")
    total = json.loads(planned(*arguments, "--json"))["total"]["processing_units"]
    text = planned(*arguments)

    assert re.search(rf"^in all +3 +\d+ +{total:.2f} ", text, re.MULTILINE)
    assert "everything takes 1 months of it" in text
    assert hub.ledger.spent_pu == 0


def test_an_archive_costs_nothing(area, tmp_path):
    """With --archive no account is needed."""
    write_sample(tmp_path / "archive", optical=2)
    document = json.loads(planned(area, "--archive", tmp_path / "archive", "--json"))

    assert document["total"]["processing_units"] == 0
    assert "quota" not in document


def test_without_credentials_it_says_which(area, monkeypatch):
    """The missing variables are named."""
    monkeypatch.delenv("SH_CLIENT_ID", raising=False)
    monkeypatch.delenv("SH_CLIENT_SECRET", raising=False)
    with pytest.raises(SourceError, match="SH_CLIENT_ID and SH_CLIENT_SECRET not set"):
        CliRunner().invoke(railwatch, ["plan", str(area)], catch_exceptions=False)


def test_live_check_skips_with_a_reason():
    """`make live` without an account says so and succeeds."""
    command = [sys.executable, "-m", "benchmarks.live_sentinel_hub"]
    bare = {k: v for k, v in os.environ.items() if not k.startswith("SH_")}
    skipped = subprocess.run(
        command, cwd=ROOT, env=bare, capture_output=True, text=True, timeout=60, check=True
    )

    assert "skipped: SH_CLIENT_ID and SH_CLIENT_SECRET are not set" in skipped.stdout


def test_live_check_goes_round(hub):
    """Search, one tile at its price, a second login."""
    command = [sys.executable, "-m", "benchmarks.live_sentinel_hub"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "SH_LIVE_DAYS": "4000"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    price = 64**2 / 512**2 * 7 / 3

    assert f"priced {price:.4f} PU, charged {price:.4f} PU" in done.stdout
    assert hub.ledger.spent_pu == pytest.approx(price)
    assert len(hub.ledger.entries("token")) == 2
