"""Logs as data: one JSON object a line, with the area and the scene as fields of their own.

Messages of ours begin with what they are about, `tumangang: ...` or `S2A_...: rejected, cloud`, so
the fields are read off the message's own arguments and no call has to name them twice.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import re

from prefect.context import FlowRunContext, TaskRunContext

from railwatch.area import ID

_NAME = re.compile(r"\S+")
"""A single word that is no area's id is a scene's; several words are neither."""

OURS = ("railwatch", "tasks", "flows")


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Say time, level, logger, message, area and scene, and the run it belongs to."""
        said: dict[str, str] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **subject(record),
            **_run(),
        }
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


def subject(record: logging.LogRecord) -> dict[str, str]:
    """Give the scene or area a record of ours is about; empty where it names none."""
    if record.name.partition(".")[0] not in OURS or not str(record.msg).startswith("%s: "):
        return {}
    if not isinstance(record.args, tuple) or not record.args:
        return {}
    first = str(record.args[0])
    if ID.fullmatch(first):
        return {"area": first}
    return {"scene": first} if _NAME.fullmatch(first) else {}


def _run() -> dict[str, str]:
    """Name the flow run a record comes from, where it comes from one."""
    task = TaskRunContext.get()
    if task is not None and task.task_run.flow_run_id is not None:
        return {"flow_run": str(task.task_run.flow_run_id), "task_run": task.task_run.name}
    flow = FlowRunContext.get()
    if flow is not None and flow.flow_run is not None:
        return {"flow_run": str(flow.flow_run.id)}
    return {}


def file_handler(formatter: str | None = None) -> logging.Handler:
    """Write to the file RAILWATCH_LOG_FILE names; nowhere without it."""
    del formatter  # the configuration sets it
    path = os.environ.get("RAILWATCH_LOG_FILE")
    return logging.FileHandler(path, delay=True) if path else logging.NullHandler()
