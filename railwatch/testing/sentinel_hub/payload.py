"""The body of a Process request: read, checked against the rules, and taken apart."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import HTTP
from typing import Any

from railwatch.testing.sentinel_hub import encode
from railwatch.testing.sentinel_hub.answer import Request, bad_payload, wrapped
from railwatch.testing.sentinel_hub.frame import Frame, frame_of
from railwatch.testing.sentinel_hub.rules import first_violation

PACKED = ("application/tar", "application/x-tar")
"""Answers that hold several responses."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One entry of `output.responses`."""

    identifier: str
    media_type: str
    quality: int


def body_of(request: Request) -> dict[str, Any]:
    """Read the request's JSON, alone or as a part of a form."""
    if not request.body:
        raise bad_payload("Request body should be non-empty.")
    kind = request.headers.get("content-type", "")
    try:
        if kind.startswith("multipart/form-data"):
            parts = _parts(kind, request.body)
            body = json.loads(parts.get("request", b""))
            if isinstance(body, dict) and "evalscript" in parts:
                body["evalscript"] = parts["evalscript"].decode()
        elif kind.split(";")[0].strip() == "application/json":
            body = json.loads(request.body)
        else:
            raise wrapped(415, "COMMON_UNSUPPORTED_MEDIA_TYPE", "HTTP 415 Unsupported Media Type")
    except ValueError as exc:
        raise bad_payload(f"Cannot parse the request body: {exc}") from exc
    if not isinstance(body, dict):
        raise bad_payload("Request body must be an object.")
    return body


def _parts(kind: str, body: bytes) -> dict[str, bytes]:
    """Split a form into its parts by name."""
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=HTTP)
    parts = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        content = part.get_payload(decode=True)
        name = part.get_param("name", header="content-disposition")
        if isinstance(name, str) and isinstance(content, bytes):
            parts[name] = content
    return parts


def checked(body: Mapping[str, Any]) -> Frame:
    """Apply schema and cross-field rules; give the frame of the pixels."""
    script = body.get("evalscript")
    if not isinstance(script, str) or not script.strip():
        raise wrapped(400, "COMMON_EXCEPTION", "Missing or empty evalscript.")
    output = body.get("output", {})
    if (
        isinstance(output, dict)
        and {"width", "height"} & {*output}
        and {"resx", "resy"} & {*output}
    ):
        raise bad_payload(
            "Only width and height or resx and resy can be set at the same time.", "output"
        )
    violation = first_violation("process-request", body)
    if violation is not None:
        raise bad_payload(violation[1], violation[0])
    for entry in body["input"]["data"]:
        start, end = period_of(entry.get("dataFilter", {}))
        if start > end:
            raise bad_payload("Invalid time range: from is later than to.", "input->data")
    return frame_of(body["input"]["bounds"], output)


def period_of(selection: Mapping[str, Any]) -> tuple[dt.datetime, dt.datetime]:
    """Read the time range; both ends are inclusive, a missing end is open."""
    given = selection.get("timeRange", {})
    start = dt.datetime.fromisoformat(given.get("from", "0001-01-01T00:00:00+00:00"))
    end = dt.datetime.fromisoformat(given.get("to", "9999-12-31T23:59:59+00:00"))
    return start, end


def wanted_of(body: Mapping[str, Any], accept: str) -> tuple[Wanted, ...]:
    """Read which outputs are asked for and in which format."""
    given = body.get("output", {}).get("responses") or [{}]
    accepted = [part.split(";")[0].strip() for part in accept.split(",")]
    packed = any(a in PACKED for a in accepted)
    if len(given) > 1 and not packed:
        raise bad_payload(
            "More than one response requires the header Accept application/tar.",
            "output->responses",
        )
    wanted = []
    for entry in given:
        media = entry.get("format", {"type": "image/png"})
        # Accept overrides the format of a single response.
        kind = next((a for a in accepted if a in encode.EXTENSIONS), media["type"])
        wanted.append(
            Wanted(
                entry.get("identifier", "default"),
                media["type"] if packed else kind,
                int(media.get("quality", 90)),
            )
        )
    return tuple(wanted)
