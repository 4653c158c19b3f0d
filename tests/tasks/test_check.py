"""An audit sees what `railwatch verify` sees."""

import json

from railwatch.integrity.problem import Remedy, Verdict
from railwatch.publication import publish
from railwatch.record import Record
from railwatch.sources import Found
from railwatch.store import Store
from railwatch.testing.radar_yard import make_yard, walk_yard
from railwatch.testing.small_yard import AREA
from tasks.check import check


def test_what_was_changed_is_named_with_its_remedy(tmp_path):
    """Nothing on what was written; then the published object, and that it is published again."""
    store = Store.open(str(tmp_path / "store"))
    walk_yard(make_yard(tmp_path / "yard", 4), store.url)

    whole = check.fn("yard", store)
    sidings = "areas/yard/" + json.loads(store.get("areas/yard/latest.json"))["links"]["sidings"]
    store.put(sidings, b"{}")
    broken = check.fn("yard", store)

    assert (whole.problems, whole.scenes) == ((), 4)
    said = {(one.verdict, one.key, one.remedy) for one in broken.problems}
    assert (Verdict.DAMAGED, sidings, Remedy.PUBLISH) in said


def test_an_area_nothing_was_stored_of_yet_is_no_problem(tmp_path):
    """A place that was set up and not watched yet."""
    assert check.fn("yard", Store.open(str(tmp_path))) is None


def test_an_area_whose_items_were_all_rejected_is_whole(tmp_path):
    """No state of its record has a tag, since nothing was counted: that is no damage."""
    store = Store.open(str(tmp_path))
    with Record.open(store, AREA.id, write=True) as record:
        record.add([Found("half", None, "asset_missing", "half.json: assets: no red.tif")])
        publish(store, record, AREA, detector="made up")

    assert check.fn(AREA.id, store).problems == ()
