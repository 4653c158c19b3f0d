"""Each answer means one thing."""

import json

import pytest

from railwatch.errors import QuotaError, SceneError, SourceError, TransientError
from railwatch.sources.sentinel_hub.transport import Reply
from railwatch.sources.sentinel_hub.verdict import UnauthorisedError, check, said


def reply(status, body=b"", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {k.replace("_", "-"): v for k, v in headers.items()}, content)


def wrapped(code, message=""):
    return {"error": {"status": 0, "reason": "", "code": code, "message": message}}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(401, wrapped("COMMON_UNAUTHORIZED")), UnauthorisedError),
        (reply(403, wrapped("ACCESS_INSUFFICIENT_PROCESSING_UNITS")), QuotaError),
        (reply(403, wrapped("COMMON_INSUFFICIENT_PERMISSIONS")), SourceError),
        (reply(400, wrapped("COMMON_BAD_PAYLOAD", "no")), SourceError),
        (reply(400, wrapped("COMMON_BAD_PAYLOAD", "Request body should be non-empty.")), None),
        (reply(400, wrapped("RENDERER_S1_MISSING_POLARIZATION", "no VH")), SceneError),
        (reply(400, {"code": "400", "description": "Illegal collection: x"}), SourceError),
        (reply(404, b""), SourceError),
        (reply(500, wrapped("RENDERER_EXCEPTION", "Index service failure: 500")), None),
        (reply(500, wrapped("RENDERER_EXCEPTION", "newLimit > capacity: (2 > 1)")), SceneError),
        (reply(500, wrapped("X", "Illegal request to https://x HTTP Status: 404.")), SceneError),
        (reply(503, b"<html>"), None),
        (reply(302, b"", location="http://169.254.169.254/"), None),
        (reply(204), None),
    ],
)
def test_what_each_answer_means(answer, error):
    """None stands for: try again."""
    with pytest.raises(error or TransientError) as raised:
        check(answer, "scene-1")

    assert str(raised.value).startswith("scene-1: ")
    assert error is not None or type(raised.value) is TransientError


def test_success_is_silent():
    """200 raises nothing, whatever its body; delivery looks at that."""
    check(reply(200, b"<html>"), "scene-1")


@pytest.mark.parametrize("wait", ["3000", "soon"])
def test_429_says_how_long_or_leaves_it_to_the_caller(wait):
    """A wait that cannot be read is still a 429, not a failure."""
    with pytest.raises(TransientError) as raised:
        check(reply(429, b"{}", retry_after=wait), "scene-1")

    assert raised.value.retry_after_s == (3.0 if wait == "3000" else 0.0)


@pytest.mark.parametrize(
    ("body", "code_and_message"),
    [
        (wrapped("A", "b\n"), ("A", "b")),
        ({"status": 429, "code": "A", "message": "b"}, ("A", "b")),
        ({"code": "A", "description": "b"}, ("A", "b")),
        ({"error": "A", "error_description": "b"}, ("A", "b")),
        ([1], ("", "[1]")),
        (b"\xff<html>", ("", "\ufffd<html>")),
    ],
)
def test_every_family_of_error_bodies_is_read(body, code_and_message):
    """Wrapped, flat, catalog, OAuth, and what is none of them."""
    assert said(reply(400, body)) == code_and_message
