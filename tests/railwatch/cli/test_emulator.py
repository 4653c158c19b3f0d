"""`railwatch emulator` serves an archive until it is stopped."""

import importlib
import os
import signal
import subprocess
import sys
import urllib.request

import pytest
from click.testing import CliRunner

from railwatch.cli import railwatch
from railwatch.errors import OperatorError
from railwatch.testing.sentinel_hub.sample import write_sample


def test_prints_its_environment_serves_and_stops(tmp_path):
    """The printed addresses answer; SIGTERM ends it with a summary and exit code 0."""
    write_sample(tmp_path, optical=1)
    process = subprocess.Popen(
        [sys.executable, "-m", "railwatch", "emulator", "--archive", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        said = dict(
            process.stdout.readline().strip().removeprefix("export ").split("=") for _ in range(4)
        )
        with urllib.request.urlopen(  # noqa: S310  # loopback, printed by the emulator
            f"{said['SH_BASE_URL']}/catalog/v1", timeout=10
        ) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()

    assert set(said) == {"SH_BASE_URL", "SH_TOKEN_URL", "SH_CLIENT_ID", "SH_CLIENT_SECRET"}
    assert process.returncode == 0
    assert "1 requests, 0.000 PU" in errors


def test_unknown_faults_are_wrong_usage(tmp_path):
    """The message lists the names there are."""
    done = CliRunner().invoke(
        railwatch, ["emulator", "--archive", str(tmp_path), "--fault", "gremlin=0.1"]
    )

    assert done.exit_code == 2
    assert "truncated" in done.output


def test_a_missing_library_is_named(monkeypatch):
    """Installed without the extra, one line says what to install."""
    monkeypatch.setitem(sys.modules, "py_mini_racer", None)
    for name in [n for n in sys.modules if n.startswith("railwatch.testing.sentinel_hub")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "railwatch.cli.emulator", raising=False)

    with pytest.raises(OperatorError, match=r"railwatch\[testing\]"):
        importlib.import_module("railwatch.cli.emulator")
