"""What detectors made of scenes, and the state they left, in the record."""

import datetime as dt

import numpy as np
import pytest

from railwatch.count import BaselineState, Car, Count, Refusal, ResolutionClass
from railwatch.detection import Detection, Occupancy, Registration, Strip
from railwatch.record import Ingested, Record
from railwatch.testing.made import made_footprint, made_raster, made_scene, seed_of

SIDINGS, DETECTOR = "0123456789ab", "c-1/x"


def count(scene, cars=3.5, **changed):
    said = {
        "area_id": "here",
        "siding_id": "*",
        "scene_id": scene.id,
        "acquired": scene.acquired,
        "sensor": "made-1",
        "gsd_m": 10.0,
        "resolution_class": ResolutionClass.C,
        "method": "energy",
        "occupied_m": 48.0,
        "occupied_m_low": 40.0,
        "occupied_m_high": np.float64(60.0),
        "cars": cars,
        "cars_low": 0.0,
        "cars_high": 6.0,
        "visible_m": 900.0,
        "total_m": 1000.0,
        "clear_fraction": 1.0,
        "baseline_state": BaselineState.MODE,
        "registration_shift_m": 1.25,
        "registration_sigma_m": 0.5,
        "refusal": None,
        "siding_set": SIDINGS,
        "detector": DETECTOR,
        "quantiles": (0.0, 3.5, 6.0),
        "published_at": dt.datetime(2024, 5, 1, tzinfo=dt.UTC),
        "extra": {"ties": 9.0, "word": None},
    }
    return Count(**(said | changed))


def refused(scene):
    nothing = dict.fromkeys(
        ["occupied_m", "occupied_m_low", "occupied_m_high", "cars", "cars_low", "cars_high"]
    )
    return count(scene, **nothing, refusal=Refusal.CLOUD, baseline_state=None, quantiles=())


def detection(scene, value=0.0, cars=3.5):
    chainage = np.arange(0, 50, 10, dtype=np.float32)
    return Detection(
        scene.id,
        (count(scene, cars), refused(scene)),
        Registration(1.0, -2.0, 0.5, 9),
        (
            Occupancy("a", chainage, np.array([0, 0.5, np.nan, 1, value], np.float32)),
            Occupancy("b+c", chainage[:2], np.array([value, 1], np.float32)),
        ),
        (Car("a", 1.0, 14.9, ((0.0, 0.0), (1.0, 0.0), (0.0, 0.0)), 0.9, tarp=False),),
        (
            Strip(
                "a",
                ("red", "nir"),
                chainage,
                np.array([-5, 0, 5], np.float32),
                np.arange(30, dtype=np.float32).reshape(2, 3, 5) + value,
            ),
        ),
    )


def equal(one, two):
    """Evidence is equal where every field is, NaN included."""
    np.testing.assert_equal([vars_of(x) for x in one], [vars_of(x) for x in two])


def vars_of(value):
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


@pytest.fixture
def scenes():
    return [made_scene(day) for day in (2, 0, 1)]


@pytest.fixture
def record(store, scenes):
    footprint = made_footprint()
    with Record.open(store, "here", write=True) as opened:
        opened.add([Ingested(s, footprint, made_raster(seed_of(s), footprint)) for s in scenes])
        yield opened


def test_findings_come_back_equal_and_in_order_of_acquisition(record, scenes):
    """Counts, refusals, cars, shifts, occupancies and strips are what was put."""
    put = {s.id: detection(s, i) for i, s in enumerate(scenes)}
    record.put_detections(SIDINGS, DETECTOR, list(put.values()))
    ordered = ["day-0", "day-1", "day-2"]

    assert record.counts(SIDINGS, DETECTOR) == [c for i in ordered for c in put[i].counts]
    assert next(c.extra for c in record.counts(SIDINGS, DETECTOR)) == {"ties": 9.0, "word": None}
    assert list(record.cars(SIDINGS, DETECTOR)) == ordered
    assert record.cars(SIDINGS, DETECTOR)["day-1"] == put["day-1"].cars
    assert record.registrations(SIDINGS, DETECTOR)["day-2"] == Registration(1.0, -2.0, 0.5, 9)
    for scene_id in ordered:
        equal(record.occupancy(SIDINGS, DETECTOR)[scene_id], put[scene_id].occupancy)
        equal(record.strips(SIDINGS, DETECTOR, [scene_id])[scene_id], put[scene_id].strips)
    assert list(record.occupancy(SIDINGS, DETECTOR, ["day-1", "gone"])) == ["day-1"]


def test_a_scene_counted_again_has_its_new_findings_only(record, scenes):
    """Written over in place: one set of counts a scene, the others untouched."""
    record.put_detections(SIDINGS, DETECTOR, [detection(s) for s in scenes])
    record.put_detections(SIDINGS, DETECTOR, [detection(scenes[1], 7.0, cars=9.0)])

    cars = [c.cars for c in record.counts(SIDINGS, DETECTOR) if c.refusal is None]
    assert cars == [9.0, 3.5, 3.5]
    equal(record.strips(SIDINGS, DETECTOR)["day-0"], detection(scenes[1], 7.0).strips)
    equal(record.strips(SIDINGS, DETECTOR)["day-1"], detection(scenes[2]).strips)


def test_detectors_and_siding_sets_keep_apart(record, scenes):
    """What another detector or siding set found is not mixed in."""
    record.put_detections(SIDINGS, DETECTOR, [detection(scenes[0])])

    assert record.counts(SIDINGS, "other") == []
    assert record.counts("other", DETECTOR) == []
    assert record.occupancy("other", DETECTOR) == {}
    assert record.cars("other", DETECTOR) == {}


def test_superseded_scenes_lose_their_counts(record, scenes):
    """A scene whose newer version came in no longer counts, though its findings are kept."""
    record.put_detections(SIDINGS, DETECTOR, [detection(s) for s in scenes])
    newer, footprint = made_scene(1, "newer", processed="2"), made_footprint()
    record.add([Ingested(newer, footprint, made_raster(seed_of(newer), footprint))])

    assert {c.scene_id for c in record.counts(SIDINGS, DETECTOR)} == {"day-0", "day-2"}


def test_a_state_is_tagged_once_every_scene_has_its_findings(record, scenes, store):
    """The tag resolves to the snapshot that holds the scenes and their findings."""
    record.put_detections(SIDINGS, DETECTOR, [detection(s) for s in scenes[:2]])
    digest = record.state_digest(SIDINGS)
    with pytest.raises(KeyError):
        record.at(digest)
    record.put_detections(SIDINGS, DETECTOR, [detection(scenes[2])])
    later, footprint = made_scene(5), made_footprint()
    record.add([Ingested(later, footprint, made_raster(seed_of(later), footprint))])

    with Record.open(store, "here") as reader:
        past = reader.at(digest)
        assert [e.item_id for e in past.entries()] == ["day-0", "day-1", "day-2"]
        assert past.state_digest(SIDINGS) == digest != reader.state_digest(SIDINGS)
        assert len(past.counts(SIDINGS, DETECTOR)) == 6
    assert record.tag_state(SIDINGS) == record.tag_state(SIDINGS) == record.state_digest(SIDINGS)
