"""The command line: one table of commands, each imported only when it is called.

Starting must cost nothing (`railwatch --help` and `railwatch counts` answer within half a second),
so a command is named in `COMMANDS` by module and attribute and imported when it runs. Commands that
start flows live in `flows`, which the wheel does not hold: docs/decisions/0020 says why they are
resolved by name. What a command may raise, and the exit code of each, is decided here once.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FrameType

import click

from railwatch.errors import OperatorError, RailwatchError

__all__ = ["COMMANDS", "LazyCommand", "LazyGroup", "main", "railwatch"]

EXIT_FAILED = 1
EXIT_INTERRUPTED = 128 + signal.SIGINT
EXIT_TERMINATED = 128 + signal.SIGTERM
EXIT_BROKEN_PIPE = 128 + signal.SIGPIPE

OURS = ("railwatch", "tasks", "flows")
"""Packages whose steps `-v` shows."""

ON_THE_WIRE = ("websockets", "httpcore", "h2", "hpack", "oauthlib", "requests_oauthlib")
"""Libraries whose details hold what they send: passwords of servers and tokens, in plain text."""

WIDTH = 100
"""Columns help is wrapped at, the same on every terminal so that docs/cli.md can be checked."""


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command is, and the line `railwatch --help` shows without importing it."""

    target: str
    """`module:attribute` of a `click.Command`."""
    summary: str
    """First sentence of the command's own help, without the full stop."""


COMMANDS: dict[str, LazyCommand] = {
    "area": LazyCommand(
        "railwatch.cli.area:area",
        "Check area files, or make them from an OpenStreetMap extract",
    ),
    "backfill": LazyCommand(
        "flows.command:backfill",
        "Fetch, count and publish the past of an area, window by window, within a budget",
    ),
    "counts": LazyCommand(
        "railwatch.cli.counts:counts",
        "Show what is published of an area: metres and cars with intervals, or the refusal",
    ),
    "emulator": LazyCommand(
        "railwatch.cli.emulator:emulator",
        "Serve an archive as Sentinel Hub does: OAuth, Catalog, Process, prices and quotas",
    ),
    "export": LazyCommand(
        "railwatch.cli.export:export_command",
        "Write all imagery, strips, occupancy and counts of AREA (its YAML file) as plain Zarr v3",
    ),
    "history": LazyCommand(
        "railwatch.cli.history:history_command",
        "List the publications of an area that are kept, oldest first",
    ),
    "ops": LazyCommand(
        "flows.operations.command:ops",
        "Set up a Prefect server: deployments, schedules, limits, alarms",
    ),
    "plan": LazyCommand(
        "railwatch.cli.plan:plan",
        "Say what a backfill would fetch and cost, without spending anything",
    ),
    "reference": LazyCommand(
        "railwatch.cli.reference_counts:reference",
        "Keep analysts' reference counts, which put intervals right",
    ),
    "run": LazyCommand(
        "flows.command:run",
        "Find, count and publish what is new of an area: the whole job, on this machine",
    ),
    "verify": LazyCommand(
        "railwatch.cli.verify:verify",
        "Check what a store holds against what was put there; with --scene, count again",
    ),
}
"""Every command of `railwatch`, by name. A part that adds a command adds a line here."""


class LazyGroup(click.Group):
    """A group that lists its commands from a table and imports the one that is called."""

    def __init__(self, *args: object, table: Mapping[str, LazyCommand], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed through to click as is
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Names in alphabetical order."""
        return sorted(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """Import one command; None if there is none of that name.

        Raises
        ------
        OperatorError
            The command's package is not part of this installation.
        """
        entry = self.table.get(cmd_name)
        return None if entry is None else resolve(cmd_name, entry)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table's summaries, so that help imports no command."""
        rows = [(name, self.table[name].summary) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def resolve(name: str, entry: LazyCommand) -> click.Command:
    """Import the command an entry of the table names.

    Raises
    ------
    OperatorError
        The package is not installed: the wheel holds `railwatch` without `flows` and `tasks`, and
        those need Prefect and Dask.
    """
    module, attribute = entry.target.split(":")
    try:
        command = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] not in {"flows", "tasks", "prefect"}:
            raise
        raise OperatorError(
            f"`railwatch {name}` needs `{exc.name}`, which the installed wheel leaves out: run it "
            "from a checkout (`make env`) or from the container image (docs/operators.md)"
        ) from exc
    if not isinstance(command, click.Command):
        raise TypeError(f"{entry.target} is not a click command")
    return command


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": WIDTH,
        "terminal_width": WIDTH,
    },
)
@click.version_option(package_name="railwatch", message="%(prog)s %(version)s")
@click.option("-v", "--verbose", count=True, help="Log what is done (-v) or every detail (-vv).")
def railwatch(verbose: int) -> None:
    """Count standing railcars from satellite time series.

    Exit code 0: done. 1: failed, with one line saying what and where. 2: wrong usage. 130: stopped
    by Ctrl-C; the store is consistent and the same command goes on from there.
    """
    _log_to_stderr(verbose)


def _log_to_stderr(verbose: int) -> None:
    """Show warnings of everybody, our own steps with -v, and everything with -vv."""
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    # Libraries set levels of their own loggers, so the root's level alone keeps nothing out.
    handler.addFilter(
        lambda record: (
            record.levelno >= (level if verbose > 1 else logging.WARNING)
            or record.name.partition(".")[0] in OURS
        )
    )
    logging.basicConfig(level=logging.DEBUG if verbose > 1 else logging.WARNING, handlers=[handler])
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    for name in ON_THE_WIRE:
        logging.getLogger(name).setLevel(logging.INFO)


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code.

    Results go to stdout, everything else to stderr. A reader that closes the pipe early ends the
    command quietly; SIGTERM stops it the way Ctrl-C does.
    """
    stopped_by = [EXIT_INTERRUPTED]

    def terminate(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001  # signal's signature
        stopped_by[0] = EXIT_TERMINATED
        raise KeyboardInterrupt

    # One level of parallelism: workers and threads of our own. A linear algebra library that takes
    # all cores for each of them spends most of a busy machine on waiting. Read when NumPy comes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        with warnings.catch_warnings():
            # rasterio hides this one around its own scratch images, but not when threads do so at
            # the same time.
            warnings.filterwarnings("ignore", message="Dataset has no geotransform")
            return _run(args)
    except (KeyboardInterrupt, click.Abort):
        click.echo("railwatch: stopped; the same command goes on from here", err=True)
        return stopped_by[0]
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(args: Sequence[str] | None) -> int:
    """Invoke the group and translate what commands raise into exit codes."""
    arguments = list(sys.argv[1:] if args is None else args)
    try:
        with railwatch.make_context("railwatch", arguments) as ctx:
            railwatch.invoke(ctx)
        sys.stdout.flush()
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except RailwatchError as exc:
        return _fail(str(exc))
    except BrokenPipeError:
        # Python flushes stdout once more at exit; with nobody reading that would print a warning.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except OSError as exc:
        return _fail(str(exc))
    return 0


def _fail(message: str) -> int:
    """Print one line on stderr, whatever the message holds."""
    click.echo(f"railwatch: {' '.join(message.split())}", err=True)
    return EXIT_FAILED
