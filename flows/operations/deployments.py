"""Deployments: those of infra/prefect.yaml, and a watch of each area.

What an operator did in the UI stays: a deployment or schedule that is there is changed only where
it differs from what is described, so a paused schedule stays paused and nothing scheduled is lost.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import ConcurrencyOptions
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound
from prefect.utilities.callables import parameter_schema
from prefect.utilities.processutils import command_to_string
from prefect.utilities.templating import apply_values
from ruamel.yaml import YAML

from flows.environment import environment
from flows.operations import MARK
from flows.operations.settings import Settings
from flows.places import known
from railwatch.errors import OperatorError

logger = logging.getLogger(__name__)

FILE = Path("infra/prefect.yaml")
EVERYWHERE = "everywhere"
HEARTBEAT_S = 30
"""The least Prefect allows; alarms.silent_s must be longer."""

PASSED_ON = (
    "RAILWATCH_AREAS",
    "RAILWATCH_DASK_ADDRESS",
    "RAILWATCH_METRICS",
    "RAILWATCH_PUBLIC_URL",
    "RAILWATCH_LOG_FILE",
)
"""Settings of `make deploy`'s environment that flow runs get, too. Never a credential: Prefect
shows job variables in plain text; those belong into the worker's own environment."""


@dataclass(frozen=True)
class Wanted:
    """One deployment as it should be."""

    flow: Flow[Any, Any]
    name: str
    said: Mapping[str, Any]
    """As prefect.yaml spells it."""

    @property
    def full_name(self) -> str:
        """Flow and deployment, as Prefect names it."""
        return f"{self.flow.name}/{self.name}"

    def schedules(self) -> list[DeploymentScheduleCreate]:
        """When it runs by itself."""
        return [
            DeploymentScheduleCreate(
                schedule=CronSchedule(cron=one["cron"], timezone=one.get("timezone", "UTC")),
                slug=one["slug"],
                active=True,
            )
            for one in self.said.get("schedules") or []
        ]

    def parameter_schema(self) -> dict[str, Any]:
        """Say what a form offers and the server accepts: no parameter the flow does not have."""
        said = parameter_schema(self.flow).model_dump_for_openapi()
        for name, words in _parameters_of(inspect.getdoc(self.flow.fn) or "").items():
            if name in said["properties"]:
                said["properties"][name]["description"] = words
        return {**said, "additionalProperties": False}


def _parameters_of(docstring: str) -> dict[str, str]:
    """Read what a numpydoc docstring says of each parameter; Prefect reads another style."""
    _, _, section = docstring.partition("Parameters\n----------\n")
    found: dict[str, str] = {}
    name = ""
    for line in section.split("\n\n", maxsplit=1)[0].splitlines():
        if line.startswith(" "):
            found[name] = f"{found.get(name, '')} {line.strip()}".strip()
        else:
            name = line.strip()
    return found


def wanted(settings: Settings, revision: str) -> list[Wanted]:
    """List the deployments that should be, with the settings filled in."""
    values = {
        "RAILWATCH_STORE": settings.store or "",
        "RAILWATCH_ARCHIVE": settings.archive,
        "RAILWATCH_WORK_POOL": settings.work_pool.name,
        "RAILWATCH_REVISION": revision,
    }
    found: list[Wanted] = []
    for said in _described(values):
        module, _, attribute = said["entrypoint"].rpartition(".")
        flow = getattr(importlib.import_module(module), attribute)
        one = Wanted(flow, said["name"], said)
        found += _watches(one, settings) if said["name"] == EVERYWHERE else [one]
    return found


def _described(values: Mapping[str, str | None]) -> list[dict[str, Any]]:
    """Read prefect.yaml as Prefect does: `{{ $NAME }}` comes from the environment."""
    try:
        said = YAML(typ="safe", pure=True).load(FILE.read_text(encoding="utf-8"))
    except OSError as exc:
        raise OperatorError(
            f"{FILE}: cannot be read: {exc.strerror}; run this from the checkout or the image's "
            "working folder"
        ) from exc
    with environment({name: value for name, value in values.items() if value}):
        filled: list[dict[str, Any]] = apply_values(said["deployments"], {})
    for one in filled:
        depot = one["parameters"]["depot"]
        one["parameters"]["depot"] = {k: v for k, v in depot.items() if v}
    return filled


def _watches(everywhere: Wanted, settings: Settings) -> list[Wanted]:
    """Make a watch of each area out of the one for all, unless they are to stay together."""
    watch = settings.watch
    parameters = {**everywhere.said["parameters"], "recent_days": watch.recent_days}
    watched: dict[str, list[str]]
    if watch.together:
        watched = {EVERYWHERE: []}
        crons = {EVERYWHERE: watch.cron_of(EVERYWHERE)}
    else:
        watched = {area_id: [area_id] for area_id in known()}
        crons = {area_id: watch.cron_of(area_id) for area_id in watched}
    return [
        Wanted(
            everywhere.flow,
            name,
            {
                **everywhere.said,
                "description": f"Find, count and publish what is new of {' '.join(areas) or 'all'}",
                "parameters": {**parameters, "areas": areas},
                "schedules": [{"cron": crons[name], "timezone": watch.timezone, "slug": name}],
            },
        )
        for name, areas in watched.items()
        if crons[name] is not None
    ]


def apply(client: SyncPrefectClient, deployments: list[Wanted], settings: Settings) -> None:
    """Make the server's deployments the wanted ones; those of ours that are not wanted go."""
    kept: set[UUID] = set()
    for one in deployments:
        kept.add(_apply_one(client, one, settings))
    for deployment in client.read_deployments():
        if MARK in deployment.tags and deployment.id not in kept:
            logger.warning("deployment %s is no longer wanted and is removed", deployment.name)
            client.delete_deployment(deployment.id)


def _apply_one(client: SyncPrefectClient, one: Wanted, settings: Settings) -> UUID:
    limit = one.said.get("concurrency_limit") or {}
    body: dict[str, Any] = {
        "version": one.said.get("version"),
        "description": one.said["description"],
        "tags": one.said["tags"],
        "parameters": one.said["parameters"],
        "parameter_openapi_schema": one.parameter_schema(),
        "enforce_parameter_schema": True,
        "entrypoint": one.said["entrypoint"],
        "work_pool_name": settings.work_pool.name,
        "job_variables": job_variables(settings, str(one.said.get("version"))),
        "concurrency_limit": limit.get("limit"),
        "concurrency_options": (
            ConcurrencyOptions(
                collision_strategy=limit["collision_strategy"],
                grace_period_seconds=limit["grace_period_seconds"],
            ).model_dump(mode="json")
            if limit
            else None
        ),
    }
    schedules = [s.model_dump(mode="json", exclude_unset=True) for s in one.schedules()]
    try:
        there = client.read_deployment_by_name(one.full_name)
    except ObjectNotFound:
        flow_id = client.create_flow(one.flow)
        created = client.request(
            "POST",
            "/deployments/",
            json={**body, "name": one.name, "flow_id": str(flow_id), "schedules": schedules},
        )
        return UUID(created.json()["id"])
    running = {
        (s.slug, getattr(s.schedule, "cron", None), getattr(s.schedule, "timezone", None))
        for s in there.schedules
    }
    if {
        (s["slug"], s["schedule"]["cron"], s["schedule"]["timezone"]) for s in schedules
    } != running:
        body["schedules"] = [{k: v for k, v in s.items() if k != "active"} for s in schedules]
    client.request("PATCH", "/deployments/{id}", path_params={"id": there.id}, json=body)
    return there.id


def job_variables(settings: Settings, revision: str) -> dict[str, Any]:
    """Say what the worker gives to each flow run of ours."""
    environment = {
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
        "DO_NOT_TRACK": "1",
        "RAILWATCH_REVISION": revision,
        **{name: os.environ[name] for name in PASSED_ON if os.environ.get(name)},
    }
    if settings.work_pool.type == "process":
        return {
            "env": environment,
            "command": command_to_string([sys.executable, "-m", "flows.engine"]),
            # A run whose output nobody reads any more, because its worker was killed, would die.
            "stream_output": False,
            "working_dir": str(Path.cwd()),
        }
    return {"env": environment, "image": settings.work_pool.image}
