"""A published number counted again: it agrees bit for bit, or the difference is named."""

import dataclasses
import json

import pytest

from railwatch.cli import main
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.errors import IntegrityError, OperatorError
from railwatch.integrity.derive import area_of, derive
from railwatch.publication import publish
from railwatch.record import Record
from railwatch.testing.radar_yard import PUBLISHED_AT


def test_every_published_scene_is_derived_again_bit_for_bit(made):
    """From the area's id alone: sidings are read from what is published."""
    area = area_of(made.store, "yard")
    found = [derive(made.store, area, made.yard.scene_id(day)) for day in (0, 7, 11)]

    assert [one.differences for one in found] == [(), (), ()]
    assert {one.rows for one in found} == {3}  # the facility and two sidings 110 m apart
    assert area.sidings.digest == made.yard.area.sidings.digest


def test_the_command_says_so_and_writes_nothing(made, capsys):
    """Exit 0 and a sentence; the same by the area's file, as JSON."""
    before = {key: made.store.get(key) for key in made.store.list()}
    scene = made.yard.scene_id(9)

    assert main(["verify", "yard", "--store", made.url, "--scene", scene]) == 0
    assert f"{scene}: agrees bit for bit" in capsys.readouterr().out
    file = str(made.yard.area_file)
    assert main(["verify", file, "--store", made.url, "--scene", scene, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["differences"] == []
    assert {key: made.store.get(key) for key in made.store.list()} == before


def test_a_number_that_its_pixels_do_not_give_is_found(stored, capsys):
    """Somebody wrote another count into the record and published it: value and place are named."""
    area, scene = stored.yard.area, stored.yard.scene_id(10)
    detector = detector_fingerprint()
    with Record.open(stored.store, "yard", write=True) as record:
        counts = [c for c in record.counts(area.sidings.digest, detector) if c.scene_id == scene]
        ((one, *others),) = [counts]
        inputs = record.inputs(area.sidings.digest, detector)[scene]
        forged = dataclasses.replace(one, occupied_m=(one.occupied_m or 0.0) + 1e-9)
        from railwatch.detection import Detection

        found = Detection(scene, (forged, *others), inputs=inputs)
        record.put_detections(area.sidings.digest, detector, [found])
        publish(stored.store, record, area, detector=detector, now=PUBLISHED_AT)

    (difference,) = derive(stored.store, area, scene).differences
    assert (difference.siding_id, difference.column) == (one.siding_id, "occupied_m")
    assert difference.published == forged.occupied_m
    assert difference.derived == one.occupied_m
    assert main(["verify", "yard", "--store", stored.url, "--scene", scene]) == 1
    assert "1 values differ" in capsys.readouterr().out


def test_the_state_that_was_published_is_the_one_derived_from(stored):
    """Scenes that came since, counted or not, change nothing about an earlier publication."""
    area, scene = stored.yard.area, stored.yard.scene_id(3)
    before = derive(stored.store, area, scene)
    with Record.open(stored.store, "yard", write=True) as record:
        entry = record.entries()[0]
        footprint = record.footprint(entry.cube_key)
        from railwatch.record import Ingested

        raster = record.raster(entry.item_id)[1]
        early = dataclasses.replace(entry.scene, id="earlier", acquired=PUBLISHED_AT.replace(2020))
        record.add([Ingested(early, footprint, raster)])

    assert derive(stored.store, area, scene) == before


def test_pixels_that_are_damaged_give_no_number(stored):
    """The checksum of the chunk is compared before anything is computed from it."""
    stored.flip(stored.pixels_of(0))
    with pytest.raises(IntegrityError, match="stored pixels are not what was written"):
        derive(stored.store, stored.yard.area, stored.yard.scene_id(0))


def test_what_cannot_be_compared_is_said(made, tmp_path):
    """No such scene, no such area, other sidings."""
    with pytest.raises(OperatorError, match="no scene 'nothing'"):
        derive(made.store, made.yard.area, "nothing")
    with pytest.raises(OperatorError, match="nothing is published of area 'elsewhere'"):
        area_of(made.store, "elsewhere")
    moved = tmp_path / "yard.yaml"
    moved.write_text(made.yard.area_file.read_text())
    sidings = (made.yard.folder / "yard.sidings.geojson").read_text().replace("130.614", "130.615")
    (tmp_path / "yard.sidings.geojson").write_text(sidings)
    with pytest.raises(OperatorError, match="rest on siding set"):
        derive(made.store, area_of(made.store, str(moved)), made.yard.scene_id(0))
