"""Applying all of it: after `setup`, the server is as described, whatever it was before."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound

import railwatch
from flows.operations import alarms, deployments, limits, notices
from flows.operations.settings import Settings, WorkPool


@dataclass(frozen=True)
class SetUp:
    """What stands on the server after a setup."""

    revision: str
    deployments: tuple[str, ...]
    """As `flow/name`."""


def setup(settings: Settings) -> SetUp:
    """Set up work pool, limits, notices, alarms and deployments; twice is the same as once."""
    stamp = revision()
    wanted = deployments.wanted(settings, stamp)
    with get_client(sync_client=True) as client:
        _work_pool(client, settings.work_pool)
        limits.apply(client, settings.limits)
        blocks = notices.apply(settings.notify)
        alarms.apply(client, settings.alarms, blocks)
        deployments.apply(client, wanted, settings)
    return SetUp(stamp, tuple(sorted(one.full_name for one in wanted)))


def revision() -> str:
    """Name the code: RAILWATCH_REVISION (the image has it), else the checkout's commit."""
    said = os.environ.get("RAILWATCH_REVISION")
    git = shutil.which("git")
    if said or git is None:
        return said or railwatch.__version__
    asked = subprocess.run(  # noqa: S603  # fixed arguments
        [git, "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or railwatch.__version__


def _work_pool(client: SyncPrefectClient, pool: WorkPool) -> None:
    description = "Flow runs of railwatch"
    try:
        there = client.read_work_pool(pool.name)
    except ObjectNotFound:
        client.create_work_pool(
            WorkPoolCreate(name=pool.name, type=pool.type, description=description)
        )
        return
    if there.description != description:
        client.update_work_pool(pool.name, WorkPoolUpdate(description=description))
