"""Whose account, where, and that nobody can read its secret off anything."""

import pickle

import pytest

from railwatch.errors import SourceError
from railwatch.sources.sentinel_hub import Account, Credentials

CANARY = "canary-7f3a"


def test_one_variable_switches_the_deployment():
    """`SH_DEPLOYMENT` alone changes both addresses."""
    cdse = Account.from_environment({})
    main = Account.from_environment({"SH_DEPLOYMENT": "main"})

    assert cdse.base_url == "https://sh.dataspace.copernicus.eu"
    assert main.base_url == "https://services.sentinel-hub.com"
    assert "realms/CDSE" in cdse.token_url
    assert "realms/main" in main.token_url


def test_any_base_url_and_new_paths():
    """Addresses can be anybody's; sentinelhub-py's legacy paths are rewritten on demand."""
    account = Account.from_environment(
        {"SH_BASE_URL": "https://hub.example/x/", "SH_PATHS": "new", "SH_PU_PER_MONTH": "5e4"}
    )

    assert account.routed("https://hub.example/x/api/v1/process") == (
        "https://hub.example/x/process/v1"
    )
    assert account.routed("https://hub.example/x/api/v1/catalog/1.0.0/search") == (
        "https://hub.example/x/catalog/v1/search"
    )
    assert account.pu_per_month == 50_000


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SH_DEPLOYMENT", "mars"),
        ("SH_PATHS", "middle"),
        ("SH_PU_PER_MONTH", "-3"),
        ("SH_REQUESTS_PER_MONTH", "many"),
        ("SH_BASE_URL", "http://hub.example"),
        ("SH_BASE_URL", "ftp://hub.example"),
        ("SH_BASE_URL", "https://user:word@hub.example"),
        ("SH_TOKEN_URL", "http://10.0.0.1/token"),
        ("SH_TOKEN_URL", "token"),
    ],
)
def test_unusable_settings_are_named(variable, value):
    """The message begins with the variable and never repeats a password."""
    with pytest.raises(SourceError, match=f"^{variable}: ") as refused:
        Account.from_environment({variable: value})

    assert "word" not in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:9"])
def test_plain_http_is_for_loopback(host):
    """An emulator on this machine needs no certificate."""
    assert Account(f"http://{host}", f"http://{host}/token").base_url.startswith("http://")


def test_missing_credentials_are_named():
    """Both variables at once, and where to read on."""
    with pytest.raises(SourceError, match="SH_CLIENT_ID and SH_CLIENT_SECRET not set"):
        Credentials.from_environment({"SH_CLIENT_ID": " "})


def test_credentials_are_neither_shown_nor_pickled(monkeypatch):
    """A pickle names the environment, where the other side reads its own."""
    credentials = Credentials("some-client", CANARY)
    monkeypatch.setenv("SH_CLIENT_ID", "other-client")
    monkeypatch.setenv("SH_CLIENT_SECRET", "other")
    pickled = pickle.dumps(credentials)

    assert repr(credentials) == str(credentials) == "Credentials(***)"
    assert CANARY.encode() not in pickled
    assert pickle.loads(pickled).client_id == "other-client"
