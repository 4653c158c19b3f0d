"""`railwatch ops`: setting up the Prefect server that `PREFECT_API_URL` names."""

from __future__ import annotations

import os
from pathlib import Path

import click

from railwatch.errors import OperatorError

SETTINGS = Path("infra/operations.yaml")


@click.group("ops")
def ops() -> None:
    """Set up a Prefect server: deployments, schedules, limits, alarms."""


@ops.command("setup")
@click.option(
    "--settings",
    "file",
    type=click.Path(path_type=Path),
    default=SETTINGS,
    show_default=True,
    help="What is to be set up.",
)
def setup_command(file: Path) -> None:
    """Set up the server that PREFECT_API_URL names; twice is the same as once.

    Makes the work pool, a watch of each area of RAILWATCH_AREAS, backfill, recount and audit, the
    limits and the alarms. What an operator paused stays paused. Removes what earlier setups made
    and this one does not.
    """
    if not os.environ.get("PREFECT_API_URL"):
        raise OperatorError(
            "PREFECT_API_URL is not set: start a server (`make server`), then export "
            "PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
    from flows.local_server import OFFLINE

    os.environ.update(OFFLINE)
    import httpx

    from flows.operations.settings import Settings
    from flows.operations.setup import setup

    settings = Settings.read(file)
    try:
        done = setup(settings)
    except httpx.HTTPError as exc:
        raise OperatorError(
            f"no Prefect server answers at {os.environ['PREFECT_API_URL']}: {exc}"
        ) from exc
    for name in done.deployments:
        click.echo(name)
    click.echo(
        f"{len(done.deployments)} deployments of revision {done.revision} in work pool "
        f"{settings.work_pool.name}; start a worker: "
        f"python -m flows.worker --pool {settings.work_pool.name}"
    )
