"""Whose account pays, and where it is: deployment, addresses and credentials.

Addresses are configuration and travel with a source. Credentials do not: they are read from the
environment where they are used, show as stars, and a pickled source carries none, so that neither a
flow parameter, a Dask graph nor a log can hold them.

| variable | means |
|---|---|
| `SH_CLIENT_ID`, `SH_CLIENT_SECRET` | an OAuth client of the account (sentinelhub-py's own names) |
| `SH_DEPLOYMENT` | `cdse` (default) or `main` |
| `SH_BASE_URL`, `SH_TOKEN_URL` | other addresses than the deployment's |
| `SH_PATHS` | `legacy` (default) or `new`: which of the service's path families to use |
| `SH_PU_PER_MONTH`, `SH_REQUESTS_PER_MONTH` | the account's monthly quota, for forecasts |
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from railwatch.errors import SourceError

_NEW_PATHS = {
    "/api/v1/process": "/process/v1",
    "/api/v1/catalog/1.0.0": "/catalog/v1",
}


@dataclass(frozen=True, slots=True)
class Deployment:
    """One installation of the service."""

    base_url: str
    token_url: str
    pu_per_month: float
    """Quota of its general accounts."""
    requests_per_month: float


DEPLOYMENTS = {
    "cdse": Deployment(
        "https://sh.dataspace.copernicus.eu",
        "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token",
        10_000.0,
        10_000.0,
    ),
    "main": Deployment(
        "https://services.sentinel-hub.com",
        "https://services.sentinel-hub.com/auth/realms/main/protocol/openid-connect/token",
        30_000.0,
        30_000.0,
    ),
}


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """An OAuth client; never shown, never pickled."""

    client_id: str
    client_secret: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Credentials:
        """Read `SH_CLIENT_ID` and `SH_CLIENT_SECRET`.

        Raises
        ------
        SourceError
            One of them is not set.
        """
        env = os.environ if environment is None else environment
        missing = [n for n in ("SH_CLIENT_ID", "SH_CLIENT_SECRET") if not env.get(n, "").strip()]
        if missing:
            raise SourceError(
                f"Sentinel Hub: {' and '.join(missing)} not set: make an OAuth client in the "
                "account's dashboard and export both (docs/operators.md)"
            )
        return cls(env["SH_CLIENT_ID"].strip(), env["SH_CLIENT_SECRET"].strip())

    def __repr__(self) -> str:
        return "Credentials(***)"

    def __reduce__(self) -> tuple[object, ...]:
        # Where a pickle is opened, that environment's own credentials are used.
        return (Credentials.from_environment, ())


@dataclass(frozen=True, slots=True)
class Account:
    """Where to ask and what the account may use a month."""

    base_url: str = DEPLOYMENTS["cdse"].base_url
    token_url: str = DEPLOYMENTS["cdse"].token_url
    new_paths: bool = False
    """Use the paths of March 2026 (`/process/v1`) instead of the legacy ones."""
    pu_per_month: float = DEPLOYMENTS["cdse"].pu_per_month
    requests_per_month: float = DEPLOYMENTS["cdse"].requests_per_month

    def __post_init__(self) -> None:
        _check_url("SH_BASE_URL", self.base_url)
        _check_url("SH_TOKEN_URL", self.token_url)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Account:
        """Read the deployment and what differs from it.

        Raises
        ------
        SourceError
            A variable has a value that cannot be used; the message names it.
        """
        env = os.environ if environment is None else environment
        name = env.get("SH_DEPLOYMENT", "").strip().lower() or "cdse"
        if name not in DEPLOYMENTS:
            known = ", ".join(sorted(DEPLOYMENTS))
            raise SourceError(f"SH_DEPLOYMENT: {name!r} is none of {known}")
        paths = env.get("SH_PATHS", "").strip().lower() or "legacy"
        if paths not in {"legacy", "new"}:
            raise SourceError(f"SH_PATHS: {paths!r} is neither legacy nor new")
        deployment = DEPLOYMENTS[name]
        return cls(
            (env.get("SH_BASE_URL") or deployment.base_url).strip().rstrip("/"),
            (env.get("SH_TOKEN_URL") or deployment.token_url).strip(),
            paths == "new",
            _positive(env, "SH_PU_PER_MONTH", deployment.pu_per_month),
            _positive(env, "SH_REQUESTS_PER_MONTH", deployment.requests_per_month),
        )

    def routed(self, url: str) -> str:
        """Move a URL sentinelhub-py made (it knows legacy paths only) to the account's paths."""
        if not self.new_paths:
            return url
        for legacy, new in _NEW_PATHS.items():
            url = url.replace(f"{self.base_url}{legacy}", f"{self.base_url}{new}")
        return url


def _positive(env: Mapping[str, str], name: str, default: float) -> float:
    """Read a positive number."""
    text = env.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise SourceError(f"{name}: {text!r} is not a positive number")
    return value


def _check_url(name: str, url: str) -> None:
    """Refuse addresses a token must not be sent to."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host or parts.username or parts.password or parts.query or parts.fragment:
        raise SourceError(f"{name}: needs a plain URL such as https://host/path")
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)):
        return
    raise SourceError(f"{name}: needs https (http is for loopback only), got {parts.scheme}://")


def _is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
