"""sentinelhub-py with its traps taken out: its requests, session and catalog over our transport.

The library builds every request, keeps the session and pages through the catalog. What it does not
do is send: its downloads have no total deadline, wait for ever on 429, keep a refused token, cache
what was cut short and log in with no time limit at all (docs/decisions/0040). So two of its classes
are subclassed where they touch the network, and nowhere else.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error
from sentinelhub.api.catalog import SentinelHubCatalog
from sentinelhub.api.process import SentinelHubRequest
from sentinelhub.config import SHConfig
from sentinelhub.constants import CRS, MimeType, SHConstants
from sentinelhub.data_collections import DataCollection
from sentinelhub.download.models import DownloadRequest, DownloadResponse
from sentinelhub.download.sentinelhub_client import SentinelHubDownloadClient
from sentinelhub.download.session import SentinelHubSession
from sentinelhub.geometry import BBox, Geometry
from shapely import MultiPolygon, Polygon

from railwatch.errors import SourceError, TransientError
from railwatch.sources.sentinel_hub.account import Account, Credentials
from railwatch.sources.sentinel_hub.collection import Collection
from railwatch.sources.sentinel_hub.patience import Pace, Patience, persist
from railwatch.sources.sentinel_hub.script import evalscript
from railwatch.sources.sentinel_hub.transport import BrokenAnswerError, Reply, Transport
from railwatch.sources.sentinel_hub.verdict import UnauthorisedError, check, said

log = logging.getLogger(__name__)

T = TypeVar("T")

CATALOG, LOGIN = "Sentinel Hub catalog", "Sentinel Hub login"
"""What messages are about that are about no scene."""

_PAGE = 100
_MOST_JSON = 32 << 20
_EARLY_S = 120.0
"""Seconds before its end from which a token is renewed; sentinelhub-py's own figure."""
_SHORTEST_LIFE_S = 60.0
"""Assumed of a token whose life time makes no sense."""


class Session(SentinelHubSession):
    """The library's session; logs in through our transport and knows a useless life time."""

    def __init__(self, config: SHConfig, post: Callable[[str, bytes], Reply]) -> None:
        self._post = post
        super().__init__(config)

    @property
    def last_token(self) -> str:
        """The token as it is; the library's `token` would renew it first."""
        return str(self._token["access_token"])

    def _collect_new_token(self) -> dict[str, Any]:
        """Log in; oauthlib writes the form and reads the answer, we only carry both."""
        grant = BackendApplicationClient(client_id=self.config.sh_client_id)
        form = grant.prepare_request_body(
            include_client_id=True, client_secret=self.config.sh_client_secret
        )
        reply = self._post(self.config.sh_token_url, form.encode())
        try:
            token: dict[str, Any] = dict(
                grant.parse_request_body_response(reply.body.decode("utf-8", "replace"))
            )
        except (OAuth2Error, ValueError) as exc:
            raise TransientError(f"{LOGIN}: no usable token in the answer: {exc}") from exc
        life_s = token.get("expires_in")
        if not isinstance(life_s, int | float) or life_s <= 0:
            log.warning(
                "%s: life time %r makes no sense, taking %g s", LOGIN, life_s, _SHORTEST_LIFE_S
            )
            life_s = _SHORTEST_LIFE_S
        token["expires_at"] = time.time() + life_s
        self.refresh_before_expiry = min(_EARLY_S, life_s / 5)
        return token


class Client(SentinelHubDownloadClient):
    """The library's client; sends each request within bounds and judges each answer."""

    def __init__(
        self,
        account: Account,
        credentials: Credentials,
        *,
        transport: Transport,
        patience: Patience,
        pace: Pace,
    ) -> None:
        config = SHConfig(
            use_defaults=True,  # never the file in the home directory
            sh_client_id=credentials.client_id,
            sh_client_secret=credentials.client_secret,
            sh_base_url=account.base_url,
            sh_token_url=account.token_url,
        )
        super().__init__(config=config)
        self.account = account
        self.transport = transport
        self.patience = patience
        self.pace = pace
        self._own_session: Session | None = None
        self._door = threading.Lock()

    def get_session(self) -> Session:
        """Log in at the first request; the library's own cache is one for all of a process."""
        if self._own_session is None:
            self._own_session = Session(self.config, self._log_in)
        return self._own_session

    def send(
        self,
        request: DownloadRequest,
        subject: str,
        most_bytes: int,
        accept: Callable[[Reply], T],
        charge: Callable[[Mapping[str, str]], None] | None = None,
    ) -> T:
        """Send a request until `accept` takes its answer or there is no point any more.

        Parameters
        ----------
        request
            As the library built it.
        subject
            Scene id or what else is asked for; starts every message.
        most_bytes
            Largest answer that can be right.
        accept
            Reads a complete success; raises `TransientError` to refuse it.
        charge
            Told the headers of every success, also of one that got lost on the way.

        Raises
        ------
        TransientError, QuotaError, SceneError, SourceError
            As `verdict.check`, once patience has ended.
        """
        body = json.dumps(request.post_values).encode() if request.post_values else None
        url = self.account.routed(str(request.url))
        logins = 0

        def attempt() -> T:
            nonlocal logins
            headers = {str(k): str(v) for k, v in self._prepare_headers(request).items()}
            used = headers.get("Authorization", "")
            method = request.request_type.value
            try:
                reply = self.transport.exchange(method, url, headers, body, most_bytes)
            except BrokenAnswerError as exc:
                if charge is not None and exc.status == HTTPStatus.OK:
                    charge(exc.headers)
                raise
            try:
                check(reply, subject)
            except UnauthorisedError as exc:
                logins += 1
                if logins > 1:
                    raise SourceError(
                        f"{exc}: a fresh token was refused too; check that SH_BASE_URL and "
                        "SH_TOKEN_URL belong to one deployment"
                    ) from exc
                self._forget(used)
                raise
            if charge is not None:
                charge(reply.headers)
            return accept(reply)

        return persist(self.patience, self.pace, subject, attempt)

    def _execute_download(self, request: DownloadRequest) -> DownloadResponse:
        """Send what the library asks for, the catalog's pages above all."""

        def accept(reply: Reply) -> DownloadResponse:
            _check_page(reply, request)
            return DownloadResponse(
                request, reply.body, headers=dict(reply.headers), status_code=reply.status
            )

        return self.send(request, CATALOG, _MOST_JSON, accept)

    def _get_session_headers(self) -> dict[str, str]:
        """Give the token, renewed if it is about to end; one thread at a time logs in."""
        with self._door:
            headers: dict[str, str] = self.get_session().session_headers
            return headers

    def _forget(self, authorization: str) -> None:
        """Drop the session a refused token came from, unless another thread already did."""
        with self._door:
            session = self._own_session
            if session is not None and authorization.endswith(session.last_token):
                self._own_session = None

    def _log_in(self, url: str, form: bytes) -> Reply:
        """Post the login form."""

        def attempt() -> Reply:
            headers = {"Content-Type": "application/x-www-form-urlencoded", **SHConstants.HEADERS}
            reply = self.transport.exchange("POST", url, headers, form, 1 << 20)
            if reply.status in {400, 401, 403} and said(reply)[0] in {
                "invalid_client",
                "unauthorized_client",
            }:
                raise SourceError(
                    f"{LOGIN}: the service does not know this client; check SH_CLIENT_ID, "
                    "SH_CLIENT_SECRET and SH_DEPLOYMENT"
                )
            check(reply, LOGIN)
            return reply

        return persist(self.patience, self.pace, LOGIN, attempt)


class Hub:
    """What railwatch asks of one account: the catalog's items and requests for pixels."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def items(
        self, collection: str, place: Polygon | MultiPolygon, period: tuple[str, str]
    ) -> Iterator[dict[str, Any]]:
        """List the catalog's items that touch a place (WGS84) in a period, in any order."""
        catalog = SentinelHubCatalog(self.client.config)
        catalog.client = self.client
        found = catalog.search(
            collection, geometry=Geometry(place, CRS.WGS84), time=period, limit=_PAGE
        )
        yield from found

    def process_request(
        self,
        collection: Collection,
        *,
        epsg: int,
        bounds: tuple[float, float, float, float],
        size: tuple[int, int],
        selection: dict[str, Any],
    ) -> DownloadRequest:
        """Build the request for the pixels of one rectangle.

        Parameters
        ----------
        bounds, size
            (west, south, east, north) metres, (width, height) pixels.
        selection
            The `dataFilter`: period, order, orbit.
        """
        base_url = self.client.config.sh_base_url
        given = _data_collection(collection, base_url)
        extra: dict[str, Any] = {"dataFilter": selection}
        if collection.radar:
            extra["processing"] = {
                "backCoeff": "GAMMA0_ELLIPSOID",
                "orthorectify": True,
                "demInstance": "COPERNICUS_30",
            }
        request = SentinelHubRequest(
            evalscript=evalscript(collection),
            input_data=[SentinelHubRequest.input_data(given, other_args=extra)],
            responses=[
                SentinelHubRequest.output_response("default", MimeType.TIFF),
                SentinelHubRequest.output_response("userdata", MimeType.JSON),
            ],
            bbox=BBox(bounds, CRS(str(epsg))),
            size=size,
            config=self.client.config,
        )
        built: DownloadRequest = request.download_list[0]
        return built


def _data_collection(collection: Collection, base_url: str) -> DataCollection:
    """Describe a collection to the library, tied to the account's address.

    The library's own collections carry addresses of the main deployment, which beat the
    configuration's: a token of CDSE would be sent there.
    """
    return DataCollection.define(
        f"{collection.id}@{base_url}",
        api_id=collection.id,
        catalog_id=collection.id,
        service_url=base_url,
    )


def _check_page(reply: Reply, request: DownloadRequest) -> None:
    """Refuse a page of the catalog that is none, or whose next page is not a later one."""
    try:
        page = json.loads(reply.body)
        features, context = page["features"], page["context"]
    except (ValueError, RecursionError, KeyError, TypeError) as exc:
        raise TransientError(f"{CATALOG}: the answer is no page: {exc}") from exc
    following = context.get("next") if isinstance(context, dict) else None
    here = (request.post_values or {}).get("next") or 0
    if not isinstance(features, list):
        raise TransientError(f"{CATALOG}: the answer is no page: features is no list")
    if following is not None and not (isinstance(following, int) and following > here):
        raise TransientError(f"{CATALOG}: the page after {here} says {following!r} comes next")
