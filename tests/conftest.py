"""What tests of every part use."""

import os
import socket
import tempfile

import pytest


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
