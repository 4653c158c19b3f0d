"""`railwatch ops setup` on a real server: the same after twice, and forms that refuse."""

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.exceptions import PrefectHTTPStatusError

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

MINUTELY = """
watch:
  cron: "* * * * *"
"""


@pytest.fixture(scope="module")
def deployed(operated, make_yard):
    """A server set up for one yard that is watched every minute; no scene yet, no worker."""
    yard = make_yard(operated.folder, operated.areas)
    settings = operated.folder / "operations.yaml"
    settings.write_text(MINUTELY)
    operated.setup(settings)
    return operated, yard, settings


def _standing(operated) -> dict:
    """All that a setup makes, with ids, without times."""
    with operated.client() as client:
        found = {
            "deployments": client.read_deployments(),
            "automations": client.read_automations(),
            "limits": client.read_global_concurrency_limits(limit=200),
            "pools": client.read_work_pools(),
            "blocks": client.read_block_documents(),
        }
    timeless = {"created", "updated", "last_polled", "status", "version_id"}
    return {
        kind: sorted(
            (one.model_dump(mode="json", exclude=timeless) for one in rows),
            key=lambda one: str(one["id"]),
        )
        for kind, rows in found.items()
    }


def _drop(said, names):
    """Leave out keys, however deep they are."""
    if isinstance(said, dict):
        return {k: _drop(v, names) for k, v in said.items() if k not in names}
    return [_drop(one, names) for one in said] if isinstance(said, list) else said


def test_twice_is_the_same_as_once(deployed):
    """Deployments, schedules, automations, limits, pool: same ids, same values."""
    operated, _, settings = deployed
    volatile = {"updated", "created", "status", "last_polled", "active_slots"}
    before = _drop(_standing(operated), volatile)

    done = operated.ops("setup", "--settings", str(settings))

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:4] == [
        "audit/weekly",
        "backfill/operator",
        "recount/operator",
        "watch/yard",
    ]
    assert before == _drop(_standing(operated), volatile)
    assert len(before["automations"]) == 7
    assert {limit["name"] for limit in before["limits"]} >= {
        "tag:archive",
        "tag:record",
        "tag:dask",
        "tag:store",
        "railwatch-watch-yard",
    }


def test_what_an_operator_paused_stays_paused(deployed):
    """A schedule and an automation switched off in the UI are still off after a setup."""
    operated, _, settings = deployed
    with operated.client() as client:
        audit = client.read_deployment_by_name("audit/weekly")
        client.update_deployment_schedule(audit.id, audit.schedules[0].id, active=False)
        late = next(a for a in client.read_automations() if a.name == "railwatch late")
        client.pause_automation(late.id)

        operated.setup(settings)

        assert not client.read_deployment_by_name("audit/weekly").schedules[0].active
        assert not client.read_automation(late.id).enabled


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"areas": ["nowhere"]}, "nowhere"),
        ({"pace": {"months_each": 0}}, "minimum"),
        ({"pace": {"dryrun": True}}, "dryrun"),
        ({"depot": {"store": "s3://key:secret@bucket/x"}}, "match"),
        ({"window": {"start": "next year", "end": 3}}, "3"),
        ({"area": "yard"}, "area"),
    ],
)
def test_a_bad_parameter_is_refused_before_a_run_exists(deployed, parameters, said):
    """HTTP 409 with a sentence; no run is made, not even a scheduled one."""
    operated, _, _ = deployed

    with pytest.raises(PrefectHTTPStatusError) as refused:
        operated.start("backfill/operator", **parameters)

    assert refused.value.response.status_code == 409
    assert said in refused.value.response.text
    with operated.client() as client:
        backfill = client.read_deployment_by_name("backfill/operator")
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                deployment_id=FlowRunFilterDeploymentId(any_=[backfill.id])
            )
        )
    assert runs == []


def test_the_form_offers_the_known_areas(deployed):
    """A choice of ids, descriptions and defaults, in the schema the UI draws its form from."""
    operated, _, _ = deployed
    with operated.client() as client:
        said = client.read_deployment_by_name("backfill/operator").parameter_openapi_schema

    areas = said["properties"]["areas"]
    assert areas["items"]["enum"] == ["yard"]
    assert areas["description"] == "Ids of areas; all known ones where none is named."
    assert said["definitions"]["Pace"]["properties"]["months_each"]["default"] == 6
    assert "price" in said["definitions"]["Pace"]["properties"]["dry_run"]["description"]
    assert said["additionalProperties"] is False


@pytest.fixture
def receiver():
    """A web hook on loopback; what was sent to it."""
    received = queue.Queue()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            received.put((self.path, json.loads(self.rfile.read(length))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook-of-the-desk", received
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_alarm_reaches_the_notice_that_was_configured(deployed, receiver):
    """A quota that ends comes as a sentence to the web hook, whose address no page shows."""
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    from flows import happening

    operated, _, settings = deployed
    address, received = receiver
    operated.more["RAILWATCH_HOOK_URL"] = address
    settings.write_text(
        MINUTELY + "notify: [{name: desk, kind: webhook, url_from: RAILWATCH_HOOK_URL}]\n"
    )
    operated.setup(settings)
    with temporary_settings({PREFECT_API_URL: operated.url, PREFECT_API_AUTH_STRING: None}):
        happening.quota_exhausted("yard", "the account's month is spent")

        path, said = received.get(timeout=90)

    assert path == "/hook-of-the-desk"
    assert said["subject"] == "railwatch: no more is paid for"
    assert said["text"] == "yard: the account's month is spent"
    with operated.client() as client:
        block = client.read_block_document_by_name(
            "railwatch-desk", "custom-webhook", include_secrets=False
        )
    assert address not in block.model_dump_json()
