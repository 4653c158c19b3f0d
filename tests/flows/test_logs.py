"""Logs as one JSON object a line."""

import json
import logging

from flows.logs import JsonLines


def line(name, message, *arguments):
    record = logging.LogRecord(name, logging.INFO, "x.py", 1, message, arguments, None)
    return json.loads(JsonLines().format(record))


def test_what_a_message_is_about_is_a_field():
    """Scenes and areas by the leading argument of our own messages."""
    scene = "S2A_52TDN_20230101_0_L2A"

    said = line("railwatch.record.ingest", "%s: rejected, %s: %s", scene, "cloud", "all of it")

    assert said["scene"] == scene
    assert said["message"] == f"{scene}: rejected, cloud: all of it"
    assert (
        line("tasks.ingest", "%s: the record holds all of it", "tumangang")["area"] == "tumangang"
    )


def test_messages_of_others_have_no_such_field():
    """Prefect's own messages are passed on as they are."""
    said = line("prefect.worker", "%s: hello", "tumangang")

    assert not {"area", "scene"} & set(said)
    assert said["logger"] == "prefect.worker"
