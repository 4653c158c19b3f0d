"""A Prefect API of our own for the length of one command: quiet, offline, private.

`railwatch run` needs no server: this one starts while other things are prepared, listens on a free
port of loopback behind a password only this process tree knows, keeps a throw-away home instead of
`~/.prefect`, calls nowhere, and is gone when the command is. Where `PREFECT_API_URL` is set the
operator has a server, and that one is used. Nothing here imports Prefect: it reads its settings
from the environment when it is imported, so they are put there first.
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
import secrets
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.environment import environment
from railwatch.errors import OperatorError

OFFLINE = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
"""What keeps Prefect, client and server, from calling out; for any server we use."""

QUIET = {
    # Errors reach the person as the command's one line; Prefect would log tracebacks besides.
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}
"""For a server nobody looks at: the command line shows progress itself."""

LEAN = {
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_LOGGER_ENABLED": "false",
}
"""Services that schedule, alarm and keep history have nothing to do in a throw-away server."""

READY_WITHIN_S = 180.0
"""Starting took 42 s at worst on two busy cores with a database to migrate."""


DELIVER_WITHIN_S = 5.0
"""A run emits a few dozen events, of which the server takes 25 a second."""


def cache_folder() -> Path:
    """Give the folder for what can be made again: `$RAILWATCH_CACHE`, else the user's cache."""
    own = os.environ.get("RAILWATCH_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "railwatch"


class LocalServer:
    """One private Prefect server process: `start` it early, `wait` for it late."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="railwatch-prefect-"))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._process: subprocess.Popen[bytes] | None = None
        port = self._listening.getsockname()[1]
        password = f"railwatch:{secrets.token_urlsafe(24)}"
        here = OFFLINE | QUIET | {"PREFECT_HOME": str(self._home)}
        database = f"sqlite+aiosqlite:///{self._home / 'prefect.db'}"
        self._server_settings = (
            here
            | LEAN
            | {
                "PREFECT_SERVER_API_AUTH_STRING": password,
                "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
            }
        )
        self.client_settings = here | {
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_API_AUTH_STRING": password,
            # Scratch of Dask's workers goes with the home, also after kill -9.
            "DASK_TEMPORARY_DIRECTORY": str(self._home),
        }
        """Environment a Prefect client needs to use this server."""

    def start(self) -> None:
        """Start the process and return at once."""
        templates = cache_folder() / "prefect"
        templates.mkdir(parents=True, exist_ok=True)
        template = templates / f"{importlib.metadata.version('prefect')}.db"
        descriptor = self._listening.fileno()
        arguments = [str(descriptor), str(template), str(self._home / "prefect.db")]
        with self._listening, (self._home / "server.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own module, our own arguments
                [sys.executable, "-m", "flows.server_process", *arguments],
                env=os.environ | self._server_settings,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=[descriptor],
                # Ctrl-C on the terminal reaches every process of the group; this one has to
                # outlive it by as long as the flow needs to record that it was stopped.
                start_new_session=True,
            )

    def wait(self) -> None:
        """Return when the server answers.

        Raises
        ------
        OperatorError
            It ended or did not answer in time; the message holds the last line of its log.
        """
        if self._process is None or self._process.stdout is None:
            raise RuntimeError("start the server before waiting for it")
        readable, _, _ = select.select([self._process.stdout], [], [], READY_WITHIN_S)
        if readable and self._process.stdout.readline() == b"ready\n":
            return
        log = (self._home / "server.log").read_text(errors="replace").strip()
        last = log.splitlines()[-1] if log else "it said nothing"
        raise OperatorError(f"the private Prefect server did not start: {last}")

    def stop(self) -> None:
        """End the process and remove what it kept; nothing in it is needed again."""
        self._listening.close()
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        shutil.rmtree(self._home, ignore_errors=True)


@contextmanager
def prefect_api() -> Iterator[Callable[[], None]]:
    """Have a Prefect API for the body: the operator's own, else a private server.

    Yields with the environment set, so that Prefect may be imported in the body, not before. What
    it yields waits until the API answers: call it after the imports, which take as long.
    """
    if os.environ.get("PREFECT_API_URL"):
        with environment(OFFLINE):
            yield lambda: None
        return
    server = LocalServer()
    try:
        server.start()
        with environment(server.client_settings):
            try:
                yield server.wait
            finally:
                _deliver_events()
    finally:
        server.stop()


def _deliver_events() -> None:
    """Have Prefect's client hand over the events it still holds, while there is a server.

    Once the server is gone the interpreter's exit would try each of them for a second and a half.
    """
    if "prefect.events.worker" in sys.modules:
        from prefect.events.worker import EventsWorker

        logging.getLogger("EventsWorker").setLevel(logging.ERROR)  # it warns that it is not idle
        EventsWorker.drain_all(timeout=DELIVER_WITHIN_S)
