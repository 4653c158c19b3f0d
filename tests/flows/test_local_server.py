"""The private Prefect server of a command."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from flows import local_server
from flows.local_server import LocalServer, cache_folder, prefect_api
from railwatch.errors import OperatorError

pytestmark = pytest.mark.server


def _processes_below(root: Path) -> list[int]:
    """Ids of processes whose command line names a path below `root`."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            said = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if str(root).encode() in said:
            found.append(int(entry.name))
    return found


def _gone(pids: list[int], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.05)
    return False


def test_the_server_answers_only_with_its_password_and_leaves_nothing():
    """It is on loopback, refuses strangers, and its home and process are gone afterwards."""
    server = LocalServer()
    url = server.client_settings["PREFECT_API_URL"]
    home = Path(server.client_settings["PREFECT_HOME"])
    try:
        server.start()
        server.wait()
        pids = _processes_below(home)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{url}/admin/version", timeout=10)  # noqa: S310  # our own loopback URL
    finally:
        server.stop()

    assert url.startswith("http://127.0.0.1:")
    assert pids
    assert not _processes_below(home)
    assert not home.exists()


def test_a_killed_parent_leaves_no_server_and_no_files():
    """kill -9 of the command: the server follows within seconds and removes its home."""
    code = (
        "from flows.local_server import LocalServer\nimport time\n"
        "s = LocalServer(); s.start(); s.wait()\n"
        "print(s.client_settings['PREFECT_HOME'], flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    ) as parent:
        assert parent.stdout is not None
        home = Path(parent.stdout.readline().strip())
        pids = _processes_below(home)
        parent.send_signal(signal.SIGKILL)

    assert pids
    assert _gone(pids, 10)
    assert not home.exists()


def test_events_are_delivered_before_the_server_goes():
    """Events still held because the server was slow do not keep the command from ending."""
    code = """
import os, signal, threading, time
from pathlib import Path
from flows.local_server import prefect_api

with prefect_api() as ready:
    from prefect.events import emit_event
    ready()
    server = int(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()[0])
    os.kill(server, signal.SIGSTOP)
    for number in range(12):
        emit_event("step", resource={"prefect.resource.id": f"step.{number}"})
    threading.Timer(1.0, os.kill, (server, signal.SIGCONT)).start()
print(time.monotonic())
"""

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    ended = time.monotonic()

    assert done.stderr == ""
    assert ended - float(done.stdout) < 5.0


def test_a_server_that_cannot_start_says_why(monkeypatch):
    """The last line of its log is in the message."""
    monkeypatch.setitem(local_server.LEAN, "PREFECT_SERVER_UI_ENABLED", "perhaps")
    server = LocalServer()
    try:
        server.start()
        with pytest.raises(OperatorError, match=r"did not start: .+"):
            server.wait()
    finally:
        server.stop()


def test_an_operator_s_server_is_used_and_the_environment_put_back(monkeypatch):
    """With PREFECT_API_URL set nothing is started; only calling out is switched off."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    monkeypatch.delenv("DO_NOT_TRACK")
    monkeypatch.setattr(local_server, "LocalServer", None)

    with prefect_api() as ready:
        ready()
        inside = os.environ["PREFECT_API_URL"], os.environ["DO_NOT_TRACK"]

    assert inside == ("http://127.0.0.1:4200/api", "1")
    assert "DO_NOT_TRACK" not in os.environ


def test_the_cache_folder_is_the_user_s_unless_said_otherwise(monkeypatch, tmp_path):
    """RAILWATCH_CACHE, then XDG_CACHE_HOME, then ~/.cache."""
    monkeypatch.setenv("RAILWATCH_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))

    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("RAILWATCH_CACHE")
    assert cache_folder() == tmp_path / "xdg" / "railwatch"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "railwatch"
