"""`railwatch emulator`: a Sentinel Hub on this machine, over an archive of scenes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable
from pathlib import Path

import click

from railwatch.errors import OperatorError

try:
    from railwatch.testing.sentinel_hub import Emulator, Fault, Faults, Limits
    from railwatch.testing.sentinel_hub.server import CLIENT_ID, CLIENT_SECRET, LEDGER_PATH
except ModuleNotFoundError as missing:
    raise OperatorError(
        f"`railwatch emulator` needs `{missing.name}`: pip install 'railwatch[testing]'"
    ) from missing


def _probabilities(
    ctx: click.Context,  # noqa: ARG001  # click's signature of a callback
    param: click.Parameter,  # noqa: ARG001  # click's signature of a callback
    given: Iterable[str],
) -> dict[Fault, float]:
    """Read `--fault NAME=CHANCE`."""
    chances = {}
    for text in given:
        name, _, chance = text.partition("=")
        try:
            chances[Fault(name)] = float(chance)
        except ValueError as exc:
            known = ", ".join(Fault)
            raise click.BadParameter(f"{text!r}: NAME=CHANCE with a name of {known}") from exc
    return chances


@click.command("emulator")
@click.option(
    "--archive",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of STAC Items with GeoTIFF assets to serve.",
)
@click.option("--port", default=0, show_default="any free one", help="Port on 127.0.0.1.")
@click.option("--old-copies", is_flag=True, help="List old processings, too, as CDSE does.")
@click.option("--limits", is_flag=True, help="Apply the quotas of a CDSE general account.")
@click.option("--latency", "latency_s", default=0.0, help="Seconds waited before each answer.")
@click.option(
    "--fault",
    "probability",
    multiple=True,
    callback=_probabilities,
    metavar="NAME=CHANCE",
    help="Put a fault into this share of the Process requests; may be repeated.",
)
@click.option("--seed", default=0, help="Of the chances.")
def emulator(
    archive: Path,
    port: int,
    old_copies: bool,
    limits: bool,
    latency_s: float,
    probability: dict[Fault, float],
    seed: int,
) -> None:
    """Serve an archive as Sentinel Hub does: OAuth, Catalog, Process, prices and quotas.

    Prints the environment that points railwatch (and sentinelhub-py) at it, and serves until it is
    stopped. Credentials are the emulator's own and open nothing else.
    """
    hub = Emulator(
        archive=archive,
        port=port,
        old_copies=old_copies,
        limits=Limits() if limits else Limits.none(),
        faults=Faults(probability=probability, seed=seed),
        latency_s=latency_s,
    )
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with hub:
        click.echo(f"export SH_BASE_URL={hub.url}")
        click.echo(f"export SH_TOKEN_URL={hub.token_url}")
        click.echo(f"export SH_CLIENT_ID={CLIENT_ID}")
        click.echo(f"export SH_CLIENT_SECRET={CLIENT_SECRET}")
        click.echo(f"# {len(hub.holdings)} scenes; ledger at {hub.url}{LEDGER_PATH}", err=True)
        stopped.wait()
    click.echo(f"# {len(hub.ledger)} requests, {hub.ledger.spent_pu:.3f} PU", err=True)
