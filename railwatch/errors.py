"""What can go wrong, grouped by what a handler does about it.

    RailwatchError
    ├── TransientError      try again: network, busy service, conflict with another writer
    ├── QuotaError          stop paying, resume later: account spent or budget reached
    ├── SceneError          leave this scene out, by name, and go on with the others
    └── OperatorError       tell the operator: exit 1, one line with file, field, remedy
        ├── AreaError       an area file or its sidings are not usable
        ├── SourceError     an archive cannot be searched or read at all
        ├── StoreError      the store cannot be opened, locked or written
        │   └── HeldError   another process writes there and has the lock
        └── IntegrityError  stored bytes are not what was written

`kind` is stable and machine-readable: it goes into rows, events and metrics.
"""

from __future__ import annotations

from typing import ClassVar


class RailwatchError(Exception):
    """Root of everything railwatch raises on purpose."""

    kind: ClassVar[str] = "railwatch"


class TransientError(RailwatchError):
    """Trying again later can succeed without any change by the operator."""

    kind = "transient"

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """Seconds the other side asked to wait, if it said."""


class QuotaError(RailwatchError):
    """Going on would spend what the account or `max_pu` does not allow."""

    kind = "quota"


class SceneError(RailwatchError):
    """One scene cannot be used; the run goes on without it.

    `reason` is one of `railwatch.scene.Rejection` and is stored with the scene.
    """

    kind = "scene"

    def __init__(self, scene_id: str, reason: str, detail: str) -> None:
        super().__init__(f"{scene_id}: {reason}: {detail}")
        self.scene_id = scene_id
        self.reason = reason
        self.detail = detail


class OperatorError(RailwatchError):
    """Only a person can mend this; the message is the one line they see."""

    kind = "operator"


class AreaError(OperatorError, ValueError):
    """An area file or its sidings are wrong; names file, line where known, field and remedy."""

    kind = "area"

    def __init__(self, file: str, field: str, problem: str, *, line: int | None = None) -> None:
        where = f"{file}:{line}" if line is not None else file
        super().__init__(f"{where}: {field}: {problem}" if field else f"{where}: {problem}")
        self.file = file
        self.field = field
        self.problem = problem
        self.line = line


class SourceError(OperatorError):
    """An archive cannot be searched or read at all (one bad scene is a `SceneError`)."""

    kind = "source"


class StoreError(OperatorError):
    """The store cannot be opened, locked or written."""

    kind = "store"


class HeldError(StoreError):
    """Another process of this machine writes there: it can be waited for."""

    kind = "held"


class IntegrityError(OperatorError):
    """Stored bytes are not what was written; nothing is published from them."""

    kind = "integrity"
