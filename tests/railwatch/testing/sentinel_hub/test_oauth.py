"""Tokens: who gets one, how long it lasts, and what a stranger is told."""

import base64
import json

import pytest

from railwatch.testing.sentinel_hub import Emulator
from railwatch.testing.sentinel_hub.answer import Request
from railwatch.testing.sentinel_hub.oauth import TOKEN_PATHS

FORM = "grant_type=client_credentials&client_id=a&client_secret={}"


@pytest.fixture
def hub():
    moment = [1000.0]
    return Emulator(clients={"a": "p&w +ß"}, clock=lambda: moment[0]), moment


def send(hub, body, headers=None):
    return hub.respond(Request("POST", TOKEN_PATHS[0], {}, headers or {}, body.encode())).answer


@pytest.mark.parametrize("way", ["form", "basic"])
def test_credentials_by_form_and_basic(hub, way):
    """Both give a three-part token whose payload plain base64 decodes, with the client in it."""
    if way == "form":
        answer = send(hub[0], FORM.format("p%26w+%2B%C3%9F"))
    else:
        basic = base64.b64encode(b"a:p%26w+%2B%C3%9F").decode()
        headers = {"authorization": f"Basic {basic}"}
        answer = send(hub[0], "grant_type=client_credentials", headers)
    token = json.loads(answer.body)
    payload = token["access_token"].split(".")[1]

    assert token["expires_in"] == 600
    assert json.loads(base64.b64decode(payload + "=="))["azp"] == "a"


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (FORM.format("wrong"), 401, "invalid_client"),
        ("grant_type=password", 400, "unsupported_grant_type"),
        ("client_id=a", 400, "invalid_request"),
    ],
)
def test_strangers_are_told_in_oauth(hub, body, status, error):
    """Refusals have the OAuth form, not the service's."""
    answer = send(hub[0], body)

    assert (answer.status, json.loads(answer.body)["error"]) == (status, error)


def test_tokens_end(asked, hub):
    """A token opens the door until its life is over."""
    emulator, moment = hub
    token = json.loads(send(emulator, FORM.format("p%26w+%2B%C3%9F")).body)["access_token"]
    asked.hub = emulator
    statuses = []
    for later in (0, 599, 601):
        moment[0] = 1000.0 + later
        statuses.append(asked.send("GET", "/catalog/v1/collections", token=token).status)

    assert statuses == [200, 200, 401]
