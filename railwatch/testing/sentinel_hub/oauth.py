"""Client credentials in, bearer tokens out: the part of Keycloak the service uses.

Tokens are shaped like JWTs because clients decode their payload (`azp` names the client), but they
are opaque here: only what this door issued opens it again, and only for its life time.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote_plus

from railwatch.testing.sentinel_hub.answer import Answer, Request, oauth_error, unauthorised

TOKEN_PATHS = (
    "/auth/realms/main/protocol/openid-connect/token",
    "/auth/realms/CDSE/protocol/openid-connect/token",
    "/oauth/token",
)

TOKEN_LIFE_S = 600.0
"""What CDSE gives; the main deployment gives 3600 s."""


@dataclass
class Door:
    """Issues tokens to known clients and checks them."""

    clients: dict[str, str]
    """Secret of each client id."""
    life_s: float = TOKEN_LIFE_S
    clock: Callable[[], float] = time.time
    _issued: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def issue(self, request: Request) -> Answer:
        """Answer a token request with credentials in the form or as HTTP Basic."""
        form = {k: v[0] for k, v in parse_qs(request.body.decode("latin-1")).items()}
        if "grant_type" not in form:
            raise oauth_error(400, "invalid_request", "Missing grant_type parameter")
        if form["grant_type"] != "client_credentials":
            raise oauth_error(400, "unsupported_grant_type", "Unsupported grant_type")
        client, secret = self._credentials(request, form)
        known = self.clients.get(client)
        if known is None or not secrets.compare_digest(known.encode(), secret.encode()):
            raise oauth_error(401, "invalid_client", "Invalid client or Invalid client credentials")
        now = self.clock()
        token = _token(client, now, self.life_s)
        with self._lock:
            self._issued[token] = now + self.life_s
        return Answer.of_json(
            {
                "access_token": token,
                "expires_in": round(self.life_s),
                "refresh_expires_in": 0,
                "token_type": "Bearer",
                "not-before-policy": 0,
                "scope": "email profile user-context",
            }
        )

    def check(self, request: Request) -> None:
        """Refuse a request that carries no valid token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        with self._lock:
            expires = self._issued.get(token.strip(), 0.0)
        if scheme.lower() != "bearer" or expires <= self.clock():
            raise unauthorised()

    def revoke_all(self) -> None:
        """Make every token issued so far worthless, as a rotated client or a restart would."""
        with self._lock:
            self._issued.clear()

    @staticmethod
    def _credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
        """Client id and secret from HTTP Basic or from the form."""
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return form.get("client_id", ""), form.get("client_secret", "")
        try:
            plain = base64.b64decode(encoded, validate=True).decode()
        except ValueError:
            return "", ""
        client, _, secret = plain.partition(":")
        return unquote_plus(client), unquote_plus(secret)


def _token(client: str, now: float, life_s: float) -> str:
    """Make a token of three segments whose payload plain base64 can decode.

    sentinelhub-py decodes it with the standard alphabet, not the URL-safe one, so a payload whose
    encoding needs `-` or `_` is drawn again.
    """
    header = _segment({"alg": "RS256", "typ": "JWT"})
    while True:
        payload = _segment(
            {
                "exp": round(now + life_s),
                "iat": round(now),
                "jti": secrets.token_hex(16),
                "azp": client,
                "sub": secrets.token_hex(16),
            }
        )
        if "-" not in payload and "_" not in payload:
            return f"{header}.{payload}.{secrets.token_hex(32)}"


def _segment(claims: dict[str, object]) -> str:
    """Encode one segment of a token, without padding."""
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
