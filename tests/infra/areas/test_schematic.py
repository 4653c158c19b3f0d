"""The shipped areas: what the published figures ask of them, and that the script drew them."""

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest

from infra.areas import schematic
from railwatch.area import load_area
from railwatch.area_check import inspect_area
from railwatch.stretch import visible_stretches
from railwatch.track import Track
from railwatch.track_group import neighbours

FOLDER = Path(__file__).parents[3] / "infra" / "areas"
AREAS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
GONDOLA_M = 13.92


@pytest.mark.parametrize("name", AREAS)
def test_passes_the_check_without_remarks(name):
    """Every shipped area is one `railwatch area check` has nothing to say about."""
    assert inspect_area(load_area(FOLDER / f"{name}.yaml")).remarks == ()


@pytest.mark.parametrize("draw", [schematic.tumangang, schematic.khasan])
def test_files_are_what_the_script_draws(draw):
    """The files were not edited by hand behind the script's back."""
    drawn, _ = draw()

    assert load_area(FOLDER / f"{drawn.id}.yaml") == drawn


@pytest.mark.parametrize("name", ["tumangang", "khasan"])
def test_every_siding_says_who_how_and_how_well(name):
    """Nobody can take a schematic line for a surveyed one."""
    document = json.loads((FOLDER / f"{name}.sidings.geojson").read_text(encoding="utf-8"))

    for feature in document["features"]:
        said = feature["properties"]
        assert said["digitised_by"]
        assert "schematic" in said["method"]
        assert said["uncertainty_m"] >= 50
        assert said["basis"]


def test_tumangang_holds_the_published_cars():
    """73 cars (1,016 m) fit in the yard, 255 freight cars in station and yard."""
    report = inspect_area(load_area(FOLDER / "tumangang.yaml"))
    yard_m = sum(m.length_m for name, m in report.usable.items() if name.startswith("yard"))

    assert yard_m > 73 * GONDOLA_M
    assert report.counted_m > 255 * GONDOLA_M
    assert max(m.length_m for m in report.usable.values()) > 770  # the trains of 2024-04-07


def test_tumangang_yard_is_where_the_reports_put_it():
    """Five station tracks; the yard's middle about 1.2 km from the station; tracks run ENE."""
    area = load_area(FOLDER / "tumangang.yaml")
    utm = area.sidings.utm
    tracks = {siding.id: Track.of(siding, utm) for siding in area.sidings}
    middle = {name: np.array(t.xy(t.length_m / 2, 0.0)) for name, t in tracks.items()}
    apart_m = np.hypot(*(middle["yard-3"] - middle["station-1"]))
    east, north = tracks["yard-1"].direction(tracks["yard-1"].length_m / 2)

    assert sum(name.startswith("station") for name in tracks) == 5
    assert apart_m == pytest.approx(1200, abs=150)
    assert 60 <= np.rad2deg(np.arctan2(east, north)) <= 80


def test_tumangang_tracks_are_spaced_as_such_yards_are():
    """In the middle, neighbours lie 4.8 to 5.3 m apart, or a platform's width."""
    area = load_area(FOLDER / "tumangang.yaml")
    spacings = []
    for siding_id, beside in neighbours(area.sidings, reach_m=12.0).items():
        if siding_id.startswith("line"):
            continue
        middle = [abs(n.offset[len(n.offset) // 2]) for n in beside]
        spacings.append(min(m for m in middle if not np.isnan(m)))

    assert all(4.79 <= spacing <= 5.31 for spacing in spacings)


def test_canopy_hides_station_tracks_from_december_2024():
    """The roof takes 348 m from what is seen of each track within 13 m of its middle, no earlier.

    Track 3 lies 15.9 m to the north, beyond it.
    """
    area = load_area(FOLDER / "tumangang.yaml")
    usable = inspect_area(area).usable
    before, after = (
        {s.id: visible_stretches(s, usable[s.id], day).length_m for s in area.sidings}
        for day in (dt.date(2024, 12, 2), dt.date(2024, 12, 3))
    )
    lost = {name: before[name] - after[name] for name in before if before[name] != after[name]}

    assert set(lost) == {"station-1", "station-2", "station-4", "station-5"}
    assert list(lost.values()) == pytest.approx([348] * 4, abs=1)
