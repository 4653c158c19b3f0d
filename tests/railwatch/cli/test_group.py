"""The command group: lazy, documented, and sparing with exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from railwatch import cli
from railwatch.cli import COMMANDS, LazyCommand, LazyGroup, main, resolve
from railwatch.cli.reference import reference
from railwatch.errors import OperatorError, SourceError

ROOT = Path(__file__).parents[3]
HEAVY = {"prefect", "distributed", "dask", "pandas", "xarray", "icechunk", "numba", "rasterio"}


@pytest.fixture
def raising(monkeypatch):
    """Give a command `fail` that raises what the test hands over."""

    def install(error: BaseException) -> None:
        @click.command("fail")
        def fail() -> None:
            """Fail."""
            raise error

        monkeypatch.setattr(cli, "resolve", lambda _name, _entry: fail)
        monkeypatch.setitem(COMMANDS, "fail", LazyCommand("nowhere:fail", "Fail"))

    return install


def _modules_after(*arguments: str) -> set[str]:
    """Top-level modules imported by running the command line in a fresh interpreter."""
    code = (
        "import sys, json\nfrom railwatch.cli import main\n"
        f"main({list(arguments)!r})\n"
        "print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_help_imports_no_command():
    """`railwatch --help` lists commands without importing any heavy library."""
    assert not _modules_after("--help") & HEAVY


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_resolves_and_says_in_help_what_the_table_says(name):
    """The table's summary is the first sentence of the command's own help."""
    entry = COMMANDS[name]

    said = (resolve(name, entry).help or "").split("\n\n")[0]

    assert " ".join(said.split()).removesuffix(".") == entry.summary


def test_reference_is_up_to_date():
    """docs/cli.md is what the commands say; `make docs` writes it."""
    assert (ROOT / "docs" / "cli.md").read_text() == reference()


def test_a_command_of_a_package_that_is_not_installed_says_what_to_do():
    """Without `flows` the message names the missing package and the remedy, not a traceback."""
    with pytest.raises(OperatorError, match=r"`railwatch run` needs `flows\.absent`.*make env"):
        resolve("run", LazyCommand("flows.absent:run", ""))


def test_a_bug_inside_a_command_is_not_mistaken_for_a_missing_package():
    """A module of ours that is not found is a defect and keeps its own error."""
    with pytest.raises(ModuleNotFoundError):
        resolve("x", LazyCommand("railwatch.cli.absent:x", ""))


def test_unknown_command_is_wrong_usage(capsys):
    """A mistyped command exits 2 and names it."""
    assert main(["conuts"]) == 2
    assert "conuts" in capsys.readouterr().err


def test_our_errors_are_one_line_and_exit_1(raising, capsys):
    """A RailwatchError shows as one line on stderr and nothing on stdout."""
    raising(SourceError("/data: no STAC item\n  found below it"))

    assert main(["fail"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "railwatch: /data: no STAC item found below it\n"


def test_an_operating_system_error_is_one_line(raising, capsys):
    """A full disk names the file and exits 1."""
    raising(OSError(28, "No space left on device", "/data/x"))

    assert main(["fail"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_ctrl_c_exits_130(raising, capsys):
    """Ctrl-C gives exit code 130 and says that the same command goes on."""
    raising(KeyboardInterrupt())

    assert main(["fail"]) == 130
    assert "same command" in capsys.readouterr().err


def test_sigterm_stops_like_ctrl_c(monkeypatch):
    """SIGTERM unwinds the command and exits 143."""

    @click.command("wait")
    def wait() -> None:
        """Wait."""
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr(cli, "resolve", lambda _name, _entry: wait)
    monkeypatch.setitem(COMMANDS, "wait", LazyCommand("nowhere:wait", "Wait"))

    assert main(["wait"]) == 143


def test_a_closed_pipe_is_quiet():
    """`railwatch --help | head -0` prints no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "railwatch", "--help"],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (141, "")


def test_a_group_in_the_group_is_lazy_too():
    """A part may nest its own table; help of the outer group imports neither."""
    inner = LazyGroup(name="area", table={"check": LazyCommand("nowhere:check", "Check a file")})
    ctx = click.Context(inner, info_name="area")

    assert "Check a file" in inner.get_help(ctx)
