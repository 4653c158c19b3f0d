"""The same on PostgreSQL: a server of its own, set up twice, a backfill through a worker."""

import pytest

pytestmark = [
    pytest.mark.operations,
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(600),
]


def test_set_up_twice_and_a_backfill_on_postgresql(operated_on_postgresql, make_yard):
    """Deployments keep their ids; the run completes and leaves its page."""
    operated = operated_on_postgresql
    make_yard(operated.folder, operated.areas).add(0, 3)
    settings = operated.folder / "operations.yaml"
    settings.write_text("watch: {areas: {yard: never}}\n")
    seen = []
    for _ in range(2):
        operated.setup(settings)
        with operated.client() as client:
            seen.append({d.name: d.id for d in client.read_deployments()})
    operated.start_worker()

    state = operated.ended(operated.start("backfill/operator", areas=["yard"]), 200)

    assert seen[0] == seen[1] != {}
    assert state.is_completed(), state.message
    assert "| ingested | 3 |" in operated.artifacts()["yard-summary"].data
