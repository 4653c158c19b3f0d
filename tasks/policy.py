"""The project's own `task`: what every task states about trying again, limits and time.

Prefect's decorator lets a task leave all of that open; this one asks for it, and fixes what is the
same for all of ours:

- Results are neither kept nor cached by Prefect. What was done is asked of the record, which
  survives the loss of Prefect's database; a Prefect cache keyed by task source returned results of
  an older detector (it hashes the wrapper alone), and one keyed by inputs would store pixels.
- Only `TransientError` is tried again. Everything else is a fact about the archive, the store or
  the account, and the next try would find the same one.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import prefect
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import deployment
from prefect.tasks import Task

from railwatch.errors import HeldError, TransientError

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long to wait before a transient failure is tried again."""

    delays_s: tuple[float, ...]
    """Seconds before each further try; as many tries as there are delays."""
    jitter: float = 0.0
    """Share by which a delay may grow at random, so that many runs do not come back at once."""


class Retry(enum.Enum):
    """The classes of patience; a task names one."""

    NEVER = Patience(())
    """Deterministic work, or work that has its own tries inside."""
    NETWORK = Patience((2.0, 15.0, 60.0), jitter=0.5)
    """An archive or a bucket that is busy or restarts; the client underneath has retried requests
    for seconds already, so this waits for a minute."""


class Limit(enum.StrEnum):
    """Tags with a concurrency limit on the server (`infra/operations.yaml`), one a scarce thing."""

    ARCHIVE = "archive"
    """The archive's request rate."""
    RECORD = "record"
    """Writers of records: commits to one store."""
    DASK = "dask"
    """The cluster's workers."""
    STORE = "store"
    """Publications being written."""


def task(
    *, retry: Retry, timeout_s: float, limits: tuple[Limit, ...] = ()
) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a Prefect task with this project's policy.

    Parameters
    ----------
    retry
        Class of patience with `TransientError`.
    timeout_s
        Seconds after which the task is given up: far above what it takes, so that only what hangs
        meets it.
    limits
        What the task uses that is scarce.
    """
    patience = retry.value

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        return prefect.task(
            name=function.__name__.replace("_", "-"),
            tags=[limit.value for limit in limits],
            retries=len(patience.delays_s),
            retry_delay_seconds=list(patience.delays_s),
            retry_jitter_factor=patience.jitter or None,
            retry_condition_fn=is_transient,
            timeout_seconds=timeout_s,
            cache_policy=NO_CACHE,
            persist_result=False,
        )(function)

    return decorate


def is_transient(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001  # Prefect's signature
    """Whether what ended a task run may pass by itself."""
    if isinstance(state.data, HeldError):
        return deployment.id is not None  # at a terminal, the person decides who waits
    return isinstance(state.data, TransientError)
