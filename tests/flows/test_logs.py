"""Logs as one JSON object a line."""

import json
import logging

from flows.logs import JsonLines


def line(name, message, *arguments):
    record = logging.LogRecord(name, logging.INFO, "x.py", 1, message, arguments, None)
    return json.loads(JsonLines().format(record))


def test_what_a_message_is_about_is_a_field():
    """Scenes of any archive and areas, by the leading argument of our own messages."""
    for scene in ("S2A_52TDN_20230101_0_L2A", "20231005_012345_11_24b7", "104001008B/pan:1"):
        said = line("railwatch.record.ingest", "%s: rejected, %s: %s", scene, "cloud", "all of it")

        assert said["scene"] == scene
        assert said["message"] == f"{scene}: rejected, cloud: all of it"
        assert "area" not in said
    area = line("tasks.ingest", "%s: the record holds all of it", "tumangang")
    assert area["area"] == "tumangang"
    assert "scene" not in area


def test_a_message_about_neither_has_no_such_field():
    """A login or a transaction is not taken for a place."""
    for subject in ("Sentinel Hub login", "ingest 12 items"):
        said = line("railwatch.record.repository", "%s: try %s failed", subject, 2)

        assert not {"area", "scene"} & set(said)


def test_messages_of_others_have_no_such_field():
    """Prefect's own messages are passed on as they are."""
    said = line("prefect.worker", "%s: hello", "tumangang")

    assert not {"area", "scene"} & set(said)
    assert said["logger"] == "prefect.worker"
