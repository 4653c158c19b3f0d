"""Written areas read back as they were, with their licence, or are not written at all."""

import datetime as dt
import json
from dataclasses import replace

import pytest

from railwatch.area import Area, SourceSpec, load_area
from railwatch.area_write import Provenance, write_area
from railwatch.errors import AreaError
from railwatch.siding import HiddenStretch, Siding, SidingKind, SidingSet

LINE = ((130.600, 42.420), (130.605, 42.421))
FROM = Provenance("Somebody", "ODbL-1.0", "Made of nothing.")


def area(*sidings: Siding, name: str = 'Two "quotes": # and NO') -> Area:
    return Area("yard", name, SidingSet(sidings or (Siding("a", LINE),)), (SourceSpec("s2"),))


def test_reads_back_as_it_was(tmp_path):
    """Every field of an area and of a siding, and awkward names, survive."""
    full = Siding(
        "b",
        LINE,
        SidingKind.SPUR,
        "Gleis 7 ü",
        dt.date(2019, 1, 2),
        dt.date(2024, 3, 4),
        visible=False,
        hidden=(HiddenStretch(10.0, 20.5, dt.date(2020, 1, 1), dt.date(2021, 1, 1)),),
    )
    made = replace(area(Siding("a", LINE), full), car_length_m=(17.2, 1.5))

    path = write_area(made, tmp_path / "new", FROM, {"a": {"osm_ways": [7]}})

    assert load_area(path) == made
    assert path.name == "yard.yaml"


def test_licence_and_provenance_are_in_both_files(tmp_path):
    """Whoever opens either file sees whom to name and under which licence."""
    path = write_area(area(), tmp_path, FROM, {"a": {"osm_ways": [7]}})
    document = json.loads((tmp_path / "yard.sidings.geojson").read_text(encoding="utf-8"))

    assert "Somebody; ODbL-1.0" in path.read_text(encoding="utf-8")
    assert (document["attribution"], document["license"]) == ("Somebody", "ODbL-1.0")
    assert document["features"][0]["properties"]["osm_ways"] == [7]


def test_does_not_overwrite_unless_told(tmp_path):
    """Hand-drawn sidings are not lost to a second import."""
    write_area(area(), tmp_path, FROM, {})

    with pytest.raises(AreaError, match="exists"):
        write_area(area(name="Other"), tmp_path, FROM, {})
    write_area(area(name="Other"), tmp_path, FROM, {}, replace=True)

    assert load_area(tmp_path / "yard.yaml").name == "Other"


def test_writes_nothing_that_is_no_area(tmp_path):
    """What could not be read back is refused under its final name and leaves no file."""
    crossing = ((0.0, 1.0), (0.02, 1.0), (0.02, 1.01), (0.01, 0.99))

    with pytest.raises(AreaError, match=r"crosses itself.*nothing was written") as caught:
        write_area(area(Siding("a", crossing)), tmp_path, FROM, {})

    assert caught.value.file == str(tmp_path / "yard.sidings.geojson")
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_folder_is_one_sentence(tmp_path):
    """A file where the folder should be is named, with the remedy."""
    (tmp_path / "taken").write_text("")

    with pytest.raises(AreaError, match=r"cannot be written.*--out"):
        write_area(area(), tmp_path / "taken", FROM, {})
