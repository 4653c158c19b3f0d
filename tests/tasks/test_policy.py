"""The project's own task decorator."""

import pytest
from prefect.cache_policies import NO_CACHE
from prefect.states import Failed

from railwatch.errors import QuotaError, SceneError, StoreError, TransientError
from tasks.policy import Limit, Retry, is_transient, task


@task(retry=Retry.NETWORK, timeout_s=30.0, limits=(Limit.ARCHIVE,))
def fetch_something() -> str:
    """Fetch."""
    return "fetched"


def test_policy_becomes_the_task_s_settings():
    """Retries, tags and time limit are those named; nothing is cached or kept."""
    assert fetch_something.name == "fetch-something"
    assert fetch_something.retries == len(Retry.NETWORK.value.delays_s)
    assert fetch_something.tags == {"archive"}
    assert fetch_something.timeout_seconds == 30.0
    assert fetch_something.cache_policy is NO_CACHE
    assert fetch_something.persist_result is False
    assert fetch_something.fn() == "fetched"


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (TransientError("busy"), True),
        (QuotaError("spent"), False),
        (SceneError("s1", "asset_missing", "B04.tif"), False),
        (StoreError("read-only"), False),
        (ZeroDivisionError(), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error, again):
    """A transient error is tried again; facts and defects are not."""
    assert is_transient(fetch_something, None, Failed(data=error)) is again


@pytest.mark.server
@pytest.mark.usefixtures("private_prefect")
def test_a_transient_failure_is_tried_again_and_a_fact_is_not():
    """Under a real server: side effects show how often each was tried."""
    from prefect import flow

    tried = []

    @task(retry=Retry.NETWORK, timeout_s=30.0)
    def flaky() -> int:
        tried.append("flaky")
        if tried.count("flaky") < 3:
            raise TransientError("busy")
        return 7

    @task(retry=Retry.NETWORK, timeout_s=30.0)
    def broken() -> None:
        tried.append("broken")
        raise StoreError("read-only")

    flaky.retry_delay_seconds = [0.0, 0.0, 0.0]

    @flow
    def both() -> int:
        found = flaky()
        with pytest.raises(StoreError):
            broken()
        return found

    assert both() == 7
    assert (tried.count("flaky"), tried.count("broken")) == (3, 1)
