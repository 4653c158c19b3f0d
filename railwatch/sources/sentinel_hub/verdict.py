"""What an answer means: delivered, try again, stop paying, leave out the scene, tell a person."""

from __future__ import annotations

import datetime as dt
import json
from http import HTTPStatus
from typing import Any

from railwatch.errors import QuotaError, SceneError, SourceError, TransientError
from railwatch.scene import Rejection
from railwatch.sources.sentinel_hub.patience import asked_wait_s
from railwatch.sources.sentinel_hub.transport import Reply

_NO_QUOTA = ("ACCESS_INSUFFICIENT_PROCESSING_UNITS", "COMMON_SENTINEL_ACCOUNT_EXPIRED")
_PERMANENT = ("newLimit > capacity", "Illegal request to http")
"""Parts of 500 answers that come again however often one asks: a source file is gone or corrupt."""
_HICCUPS = ("Request body should be non-empty.", "Missing grant_type parameter")
"""Parts of 400 answers that other clients saw go away on a second try."""
_MOST_CODE, _MOST_MESSAGE = 100, 1000
"""Characters kept; the longest recorded code has 40, the longest message 300."""


class UnauthorisedError(TransientError):
    """The token is not accepted (any more): log in once and try again."""

    kind = "unauthorised"


def said(reply: Reply) -> tuple[str, str]:
    """Read (code, message) out of an error body, no longer than a person reads."""
    code, message = _told(reply)
    return code[:_MOST_CODE], message[:_MOST_MESSAGE]


def _told(reply: Reply) -> tuple[str, str]:
    """Read them out of any of the service's three families of bodies."""
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        return "", reply.body[:200].decode("utf-8", "replace")
    if not isinstance(body, dict):
        return "", str(body)[:200]
    inner: Any = body.get("error")
    if isinstance(inner, dict):
        return str(inner.get("code", "")), str(inner.get("message", "")).strip()
    if isinstance(inner, str):
        return inner, str(body.get("error_description", ""))
    message = body.get("message") or body.get("description") or ""
    return str(body.get("code", "")), str(message).strip()


def check(reply: Reply, subject: str) -> None:
    """Return if the answer is a success.

    Parameters
    ----------
    reply
        The complete answer.
    subject
        Scene id or what else was asked for; starts the message.

    Raises
    ------
    TransientError
        Trying again may help; with `retry_after_s` it is a 429.
    UnauthorisedError
        401.
    QuotaError
        The account has nothing left.
    SceneError
        The service cannot render this scene, now or later.
    SourceError
        The request or the account is wrong.
    """
    if reply.status == HTTPStatus.OK:
        return
    code, message = said(reply)
    told = f"{subject}: HTTP {reply.status} {code}: {message}".rstrip(": ")
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        if code == "RATE_LIMIT_TOKEN_COUNT_EXCEEDS_CAPACITY":
            raise SourceError(f"{told}; ask for smaller areas")
        wait = asked_wait_s(reply.headers.get("retry-after"), dt.datetime.now(dt.UTC))
        raise TransientError(told, retry_after_s=0.0 if wait is None else wait)
    if reply.status == HTTPStatus.UNAUTHORIZED:
        raise UnauthorisedError(told)
    if reply.status == HTTPStatus.FORBIDDEN:
        if code in _NO_QUOTA or "INSUFFICIENT_PROCESSING_UNITS" in code:
            raise QuotaError(f"{told}; the same run goes on from here when the account has units")
        raise SourceError(told)
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        if any(text in message for text in _PERMANENT):
            raise SceneError(subject, Rejection.ASSET_UNREADABLE, message)
        raise TransientError(told)
    if reply.status < HTTPStatus.BAD_REQUEST:
        # 1xx never gets here, other 2xx and redirects are no answer to anything we ask.
        raise TransientError(f"{told} to {reply.headers.get('location', 'nowhere')}, not followed")
    if any(text in message for text in _HICCUPS) or reply.status == HTTPStatus.REQUEST_TIMEOUT:
        raise TransientError(told)
    if code == "RENDERER_S1_MISSING_POLARIZATION":
        raise SceneError(subject, Rejection.NO_USABLE_BAND, message)
    raise SourceError(told)
