"""Runs on a real server and worker, scenes from the Sentinel Hub emulator, counts on real S3."""

import json
import logging
import os
import time
import uuid

import pytest

from railwatch.area import load_area
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.errors import IntegrityError
from railwatch.record import Record, Status
from railwatch.store import Store
from railwatch.testing.sentinel_hub import Emulator
from railwatch.testing.sentinel_hub.sample import write_sample
from railwatch.testing.sentinel_hub.server import CLIENT_ID, CLIENT_SECRET

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(900)]

SCENES = 40
LATENCY_S = 0.25
"""Of the emulated service: a scene of one request takes at least so long."""

STOPPED_WITHIN_S = 30.0
"""Prefect's own grace before it kills; what it took is logged (`pytest -rP`)."""

SIDINGS = {
    "yard": [[130.617, 42.4135], [130.629, 42.4155]],
    "port": [[130.617, 42.4145], [130.629, 42.4165]],
    "quay": [[130.617, 42.4140], [130.629, 42.4160]],
}

SETTINGS = """
watch:
  cron: "* * * * *"
  recent_days:
  areas:
    port: never
    quay: never
"""


def write_area(folder, area_id):
    siding = {
        "type": "Feature",
        "properties": {"id": "s1", "kind": "siding"},
        "geometry": {"type": "LineString", "coordinates": SIDINGS[area_id]},
    }
    said = {"type": "FeatureCollection", "features": [siding]}
    (folder / f"{area_id}.sidings.geojson").write_text(json.dumps(said))
    path = folder / f"{area_id}.yaml"
    path.write_text(f"id: {area_id}\nsources:\n  - collection: sentinel-2-l2a\n")
    return path


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    archive = tmp_path_factory.mktemp("hub")
    write_sample(archive, optical=SCENES)
    for path in archive.glob("*/*.json"):  # the sample's clouds grow beyond 100 per cent
        item = json.loads(path.read_text())
        item["properties"]["eo:cloud_cover"] = 10.0
        path.write_text(json.dumps(item))
    with Emulator(archive=archive, latency_s=LATENCY_S) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def working(operated, object_storage, hub):
    """Everything up: server set up for three areas on a bucket, and a worker."""
    storage = object_storage.environment
    for area_id in SIDINGS:
        write_area(operated.areas, area_id)
    before = dict(os.environ)
    os.environ.update(storage)
    try:
        bucket = f"ops-{uuid.uuid4().hex[:12]}"
        object_storage.make_bucket(bucket)
        operated.more = {
            **storage,
            "SH_BASE_URL": hub.url,
            "SH_TOKEN_URL": hub.token_url,
            "SH_CLIENT_ID": CLIENT_ID,
            "SH_CLIENT_SECRET": CLIENT_SECRET,
            "RAILWATCH_STORE": f"s3://{bucket}/store",
            "RAILWATCH_ARCHIVE": "",
        }
        settings = operated.folder / "operations.yaml"
        settings.write_text(SETTINGS)
        operated.setup(settings)
        operated.start_worker()
        yield operated
    finally:
        os.environ.clear()
        os.environ.update(before)


def entries(operated, area_id):
    store = Store.open(operated.environment["RAILWATCH_STORE"])
    with Record.open(store, area_id) as record:
        return record.entries()


def counts(operated, area_id):
    """Counts in the record, without the snapshot they were made from."""
    store = Store.open(operated.environment["RAILWATCH_STORE"])
    area = load_area(operated.areas / f"{area_id}.yaml")
    with Record.open(store, area_id) as record:
        found = record.counts(area.sidings.digest, detector_fingerprint())
    return sorted((c.scene_id, c.siding_id, c.cars, c.occupied_m, c.refusal) for c in found)


def paid(hub):
    """Digest of each request that was paid for, and the units of all."""
    charged = [e for e in hub.ledger.document()["entries"] if e["pu"] > 0]
    return [e["key"] for e in charged], sum(e["pu"] for e in charged)


def watches(operated):
    """Runs of the watch that fired."""
    with operated.client() as client:
        return [r for r in client.read_flow_runs() if r.name == "watch yard" and r.start_time]


def wait_for(condition, within_s=120.0):
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.2)
    raise AssertionError(f"not within {within_s} s")


def test_a_dry_run_says_the_price_and_spends_nothing(working, hub):
    """The page sums up scenes, requests and units of all areas; the ledger stays at zero."""
    run = working.start("backfill/operator", areas=["yard", "port"], pace={"dry_run": True})

    assert working.ended(run).is_completed()
    page = working.artifacts(run)["backfill-plan"].data
    rows = json.loads(working.artifacts(run)["backfill-plan-areas"].data)
    assert [row["scenes"] for row in rows] == [SCENES, SCENES]
    assert f"| 2 | {2 * SCENES} |" in page
    assert paid(hub) == ([], 0.0)


def test_two_backfills_and_the_watch_at_once_do_everything_once(working, hub):
    """Every scene once, each request paid once, counts as of a single run; the watch fired."""
    runs = [
        working.start("backfill/operator", areas=["yard"], pace={"newest_first": newest})
        for newest in (True, False)
    ]

    states = [working.ended(run, 240) for run in runs]

    assert [s.name for s in states] == ["Completed", "Completed"], [s.message for s in states]
    found = entries(working, "yard")
    assert len(found) == SCENES
    assert {e.status for e in found} == {Status.INGESTED}
    keys, units = paid(hub)
    assert len(keys) == len(set(keys))
    assert units == pytest.approx(sum(e.spent_pu for e in found))
    wait_for(lambda: watches(working))
    assert all(r.auto_scheduled for r in watches(working))
    assert list(Store.open(working.environment["RAILWATCH_STORE"]).list("claims")) == []
    assert list(Store.open(working.environment["RAILWATCH_STORE"]).list("spool")) == []


@pytest.mark.operations
def test_a_cancelled_backfill_stops_within_seconds_and_goes_on_from_there(working, hub):
    """Cancelled as the UI does it: it stops by itself, the record is whole, then only the rest."""
    from prefect.client.schemas.objects import StateType
    from prefect.states import State

    # The watch pays for the same rectangles on behalf of the other area: let it be done.
    wait_for(lambda: len(entries(working, "yard")) == SCENES, 300)
    before = len(paid(hub)[0])
    run = working.start("backfill/operator", areas=["port"], pace={"months_each": 1})
    wait_for(lambda: len(paid(hub)[0]) >= before + 6)
    began = time.monotonic()
    with working.client() as client:
        client.set_flow_run_state(run, State(type=StateType.CANCELLING))
    state = working.ended(run, 30)
    took_s = time.monotonic() - began
    asked = len(paid(hub)[0])
    time.sleep(2 * LATENCY_S + 1)

    assert state.is_cancelled()
    logging.getLogger(__name__).warning("stopped after %.1f s", took_s)
    assert took_s < STOPPED_WITHIN_S
    assert len(paid(hub)[0]) <= asked + 1  # nobody goes on fetching
    assert all(e.status is Status.INGESTED for e in entries(working, "port"))

    again = working.start("backfill/operator", areas=["port"])

    assert working.ended(again, 240).is_completed()
    assert len(entries(working, "port")) == SCENES
    keys = paid(hub)[0][before:]
    # What was on the wire when it was cancelled may have to be asked for again.
    assert len(keys) - len(set(keys)) <= len(os.sched_getaffinity(0))
    assert [row[2:] for row in counts(working, "port")] != []


@pytest.mark.operations
def test_a_suspended_backfill_frees_its_worker_and_resumes_with_the_rest(working, hub):
    """Suspended as the UI does it: the process ends between two steps; resumed, only the rest."""
    import datetime as dt

    from prefect.client.schemas.objects import StateDetails, StateType
    from prefect.states import State

    before = len(paid(hub)[0])
    run = working.start("backfill/operator", areas=["quay"], pace={"months_each": 1})
    wait_for(lambda: len(paid(hub)[0]) >= before + 3)
    until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    details = StateDetails(pause_timeout=until, pause_reschedule=True)
    with working.client() as client:
        client.set_flow_run_state(
            run, State(type=StateType.PAUSED, name="Suspended", state_details=details)
        )
    wait_for(lambda: _is_quiet(hub), 60)
    held = len(entries(working, "quay"))

    assert working.state(run).name == "Suspended"
    assert 0 < held < SCENES
    with working.client() as client:
        client.resume_flow_run(run)
    assert working.ended(run, 240).is_completed()
    assert len(entries(working, "quay")) == SCENES
    keys, _ = paid(hub)
    assert len(keys[before:]) == len(set(keys[before:]))


def _is_quiet(hub):
    """Whether nothing is fetched for four seconds."""
    first = len(paid(hub)[0])
    time.sleep(4.0)
    return len(paid(hub)[0]) == first


def test_every_run_left_its_pages_and_metrics(working):
    """Summary, table of scenes, plan; a textfile with scenes, units and refusals."""
    found = working.artifacts()

    assert "## yard" in found["yard-summary"].data
    assert "| processing units spent |" in found["yard-summary"].data
    assert len(json.loads(found["yard-scenes"].data)) == SCENES
    said = (working.folder / "metrics" / "railwatch-yard.prom").read_text()
    assert f'store="{working.environment["RAILWATCH_STORE"]}"}} {SCENES:.1f}' in said
    assert "railwatch_processing_units{" in said


@pytest.mark.operations
def test_an_audit_finds_nothing_wrong_and_then_what_was_broken(working):
    """It completes on what was written; a published object that was changed fails it by name."""
    good = working.start("audit/weekly", areas=["yard"])
    assert working.ended(good).is_completed()
    store = Store.open(working.environment["RAILWATCH_STORE"])
    current = json.loads(store.get("areas/yard/latest.json"))["links"]["sidings"]
    store.put(f"areas/yard/{current}", b"{}")

    bad = working.ended(working.start("audit/weekly", areas=["yard"]))

    assert bad.is_failed()
    assert "sidings.geojson" in bad.message
    assert IntegrityError.__name__ in bad.message
