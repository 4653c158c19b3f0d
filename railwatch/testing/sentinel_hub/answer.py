"""Requests and answers as values, and the service's three families of error bodies.

Process and the rest wrap errors as `{"error": {...}}`, the Catalog says `{code, description}` and
the token endpoint speaks OAuth: a client has to read all three, so the emulator sends all three.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it arrived."""

    method: str
    path: str
    """Path without query string."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer before any fault is put into it."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, document: Any, *, content_type: str = "application/json") -> Answer:
        """Answer 200 with a JSON document."""
        return cls(HTTPStatus.OK, json.dumps(document).encode(), content_type)


class Refusal(Exception):  # noqa: N818  # not a failure of the emulator: what the service says
    """The service refuses a request; carries the answer that says so."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body.decode(errors="replace"))
        self.answer = answer


def wrapped(
    status: int,
    code: str,
    message: str,
    violations: Sequence[tuple[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Refusal:
    """Refuse as Process, Statistical and the gateway do."""
    error: dict[str, Any] = {
        "status": status,
        "reason": HTTPStatus(status).phrase,
        "message": message,
        "code": code,
    }
    if violations:
        # The specification calls this an object; recorded traffic holds an array.
        error["errors"] = [{"parameter": p, "violation": v} for p, v in violations]
    return Refusal(Answer(status, json.dumps({"error": error}).encode(), headers=headers or {}))


def bad_payload(message: str, parameter: str = "") -> Refusal:
    """Refuse a body whose values cannot stand together."""
    violations = [(parameter, message.strip())] if parameter else []
    return wrapped(400, "COMMON_BAD_PAYLOAD", message, violations)


def not_renderable(message: str) -> Refusal:
    """Refuse what the renderer found out only while working."""
    return wrapped(400, "RENDERER_EXCEPTION", message)


def unauthorised() -> Refusal:
    """Refuse a call without a valid token."""
    return wrapped(
        401,
        "COMMON_UNAUTHORIZED",
        "You are not authorized! Please provide a valid access token within the header "
        "[Authorization: Bearer <accessToken>] of your request.",
    )


def out_of_quota() -> Refusal:
    """Refuse because the month's units or requests are spent: 403, never 429."""
    return wrapped(
        403,
        "ACCESS_INSUFFICIENT_PROCESSING_UNITS",
        "Insufficient processing units or requests available in your account.",
    )


def too_many(retry_after: str) -> Refusal:
    """Refuse for now, in the flat body the documentation prints; it means milliseconds."""
    body = {
        "status": 429,
        "reason": "Too Many Requests",
        "message": "You have exceeded your rate limit",
        "code": "RATE_LIMIT_EXCEEDED",
    }
    return Refusal(Answer(429, json.dumps(body).encode(), headers={"Retry-After": retry_after}))


def wrong_method() -> Refusal:
    """Refuse a method the path does not answer."""
    return wrapped(405, "COMMON_METHOD_NOT_ALLOWED", "HTTP 405 Method Not Allowed")


def catalog_error(description: str, status: int = 400) -> Refusal:
    """Refuse as the Catalog does. The live value of `code` was never recorded: its status here."""
    body = {"code": str(status), "description": description}
    return Refusal(Answer(status, json.dumps(body).encode()))


def oauth_error(status: int, error: str, description: str) -> Refusal:
    """Refuse as the token endpoint does."""
    body = {"error": error, "error_description": description}
    return Refusal(Answer(status, json.dumps(body).encode()))
