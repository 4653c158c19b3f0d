"""The plan of a backfill over many areas."""

from flows.outcome import Left, Outcome
from flows.planning import Quoted, plan_page


def quoted(area_id, scenes, problem=None):
    left = Left(scenes=scenes, requests=2 * scenes, processing_units=0.5 * scenes, bytes=10**6)
    return Quoted(area_id, Outcome(area_id=area_id, store="/s", left=left), problem)


def test_the_page_sums_up_and_names_what_cannot_be_planned():
    """Scenes, requests, units and megabytes of all areas."""
    broken = Quoted("quay", Outcome(area_id="quay", store="/s"), "quay.yaml: id: is missing")

    said = plan_page([quoted("yard", 40), quoted("port", 2), broken])

    assert "| 3 | 42 | 84 | 21.00 | 2.0 |" in said
    assert "- **quay** cannot be planned: quay.yaml: id: is missing" in said


def test_more_scenes_take_longer():
    """Nothing left takes no time."""
    assert quoted("yard", 0).takes_s == 0
    assert quoted("yard", 80).takes_s == 2 * quoted("yard", 40).takes_s > 0
