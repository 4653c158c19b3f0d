"""The whole detector on real Sentinel-2 over farmland where no railway is."""

import os
from pathlib import Path

import pytest

from railwatch.area import load_area
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.detector.survey import detect_area
from railwatch.detector.window import footprint_for
from railwatch.errors import SceneError
from railwatch.record import Ingested, Record, Status
from railwatch.scene import Rejection
from railwatch.series import with_records
from railwatch.sources import Found, Query
from railwatch.sources.archive import ArchiveSource
from railwatch.store import Store

SHARED = Path(os.environ.get("RAILWATCH_SHARED", Path(__file__).parents[4] / "shared"))
CONTROL = SHARED / "data" / "sentinel2-belgium"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CONTROL.is_dir(), reason=f"no real scenes at {CONTROL}"),
]


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """Ingest and detect the control area's twelve months."""
    home = tmp_path_factory.mktemp("control")
    (home / "control.sidings.geojson").write_bytes(
        (CONTROL / "control.sidings.geojson").read_bytes()
    )
    (home / "control.yaml").write_text("id: control\n")
    area = load_area(home / "control.yaml")
    source = ArchiveSource(str(CONTROL / "scenes"))
    batch = []
    for found in source.search(Query(area.bbox)):
        assert found.scene is not None
        print_of = footprint_for(area.sidings, found.scene.gsd_m, found.scene.bands)
        try:
            raster = source.fetch(found.scene, print_of.grid, print_of.pieces)
        except SceneError as exc:
            batch.append(Found(found.item_id, None, exc.reason, exc.detail))
        else:
            batch.append(Ingested(found.scene, print_of, raster))
    with Record.open(Store.open(str(home / "store")), area.id, write=True) as kept:
        kept.add(batch)
        detect_area(kept, area)
        yield kept, kept.counts(area.sidings.digest, detector_fingerprint())


def test_ten_months_are_ingested_and_the_empty_two_named(record):
    """The two months without a measured pixel are rejected as such, by name."""
    entries = record[0].entries()

    ingested = [e.item_id for e in entries if e.status is Status.INGESTED]
    nodata = [e.item_id for e in entries if e.rejection == Rejection.NODATA]
    assert len(ingested) == 10
    assert sorted(nodata) == ["S2_L2A_monthly_2020-12", "S2_L2A_monthly_2021-01"]


def test_about_zero_cars_are_found_where_no_railway_is(record):
    """No month is refused; each line's interval starts below one car, the facility's at a few."""
    rows = record[1]

    assert all(row.refusal is None for row in rows)
    lines = [row for row in rows if row.siding_id != "*"]
    assert sum(row.cars_low < 1.0 for row in lines) >= 0.9 * len(lines)
    facility = [row for row in rows if row.siding_id == "*"]
    assert max(row.cars_low for row in facility) < 3.0
    assert sorted(row.cars for row in facility)[len(facility) // 2] < 4.0


def test_no_record_is_claimed(record):
    """Crop changes over ten months are no record."""
    assert all(row.record_sentence is None for row in with_records(record[1]))
