"""A real Prefect server and worker on loopback, set up as an operator does."""

import contextlib
import ctypes
import hashlib
import importlib.metadata
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
READY_S = 150.0


def die_with_parent():
    """Ask Linux to kill this process when its parent ends (prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Operated:
    """A Prefect server as we ship it (infra/server.env), a worker, and a folder for everything."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}/api"
        self.areas = folder / "areas"
        self.areas.mkdir()
        self.more: dict[str, str] = {}
        self.server: subprocess.Popen | None = None
        self.worker: subprocess.Popen | None = None

    @property
    def environment(self) -> dict[str, str]:
        shipped = dict(
            line.split("=", 1)
            for line in (ROOT / "infra/server.env").read_text().splitlines()
            if line and not line.startswith("#")
        )
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
        return {
            **inherited,
            **shipped,
            "PREFECT_HOME": str(self.folder / "home"),
            "PREFECT_API_URL": self.url,
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
            "RAILWATCH_AREAS": str(self.areas),
            "RAILWATCH_STORE": str(self.folder / "store"),
            "RAILWATCH_ARCHIVE": str(self.folder / "archive"),
            "RAILWATCH_METRICS": str(self.folder / "metrics"),
            **self.more,
        }

    def start_server(self) -> None:
        self.server = self._start(
            "server",
            *("prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port)),
        )
        self.wait_for_server()

    def wait_for_server(self) -> None:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"{self.url}/health", timeout=2),  # noqa: S310  # loopback
            ):
                return
            assert self.server.poll() is None, self.log("server")
            time.sleep(0.3)
        raise AssertionError(self.log("server"))

    def start_worker(self) -> None:
        self.worker = self._start(
            "worker",
            *("python", "-m", "flows.worker", "--pool", "railwatch", "--type", "process"),
            *("--name", "tests"),
        )

    def _start(self, name: str, program: str, *arguments: str) -> subprocess.Popen:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [str(BIN / program), *arguments],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509  # one system call, takes no lock
            )

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def ops(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "railwatch", "ops", *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )

    def setup(self, settings: Path) -> None:
        """Set up from this process, which has imported Prefect already."""
        from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

        from flows.operations.settings import Settings
        from flows.operations.setup import setup

        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            here = {PREFECT_API_URL: self.url, PREFECT_API_AUTH_STRING: None}
            with temporary_settings(here):
                setup(Settings.read(settings))
        finally:
            os.environ.clear()
            os.environ.update(before)

    def client(self):
        """A client of this server, whatever the session's settings are."""
        from prefect.client.orchestration import SyncPrefectClient

        return SyncPrefectClient(self.url)

    def start(self, full_name: str, **parameters):
        """Start a run as the UI's form does; give its id."""
        with self.client() as client:
            deployment = client.read_deployment_by_name(full_name)
            run = client.create_flow_run_from_deployment(
                deployment.id, parameters={**deployment.parameters, **parameters}
            )
            return run.id

    def state(self, run_id):
        with self.client() as client:
            return client.read_flow_run(run_id).state

    def ended(self, run_id, within_s: float = 120.0):
        """Wait until a run has ended; give its state."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            state = self.state(run_id)
            if state is not None and state.is_final():
                return state
            time.sleep(0.3)
        raise AssertionError(f"{self.state(run_id)} after {within_s} s\n{self.log('worker')}")

    def until(self, condition, within_s: float) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {within_s} s\n{self.log('worker')}"
            time.sleep(0.1)

    def held_slots(self) -> dict[str, int]:
        """Slots that are taken, by limit."""
        with self.client() as client:
            limits = client.read_global_concurrency_limits(limit=200)
        return {limit.name: limit.active_slots for limit in limits if limit.active_slots}

    def artifacts(self, run_id=None) -> dict:
        """Latest artifact of each key, of one run or of all."""
        from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

        which = None
        if run_id is not None:
            which = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
        with self.client() as client:
            found = client.read_artifacts(artifact_filter=which)
        return {a.key: a for a in sorted(found, key=lambda a: a.updated)}

    def stop(self) -> None:
        for process in (self.worker, self.server):
            if process is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture
def published_bytes():
    """Digest of all that is published of the yard in a folder, but what says when."""

    def published(store: Path) -> dict[str, str]:
        pointer = json.loads((store / "areas/yard/latest.json").read_text())
        folder = store / "areas/yard/publications" / pointer["publication"]
        said = {"publication": pointer["publication"], "snapshot": pointer["snapshot"]}
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix in {"", ".geojson", ".ndjson", ".webp", ".png"}:
                said[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
        return said

    return published


@pytest.fixture(scope="module")
def operated(tmp_path_factory):
    """A server on SQLite that was never used, nothing set up on it; the worker is not started."""
    from flows.local_server import LocalServer, cache_folder

    folder = tmp_path_factory.mktemp("operated")
    template = cache_folder() / "prefect" / f"{importlib.metadata.version('prefect')}.db"
    if not template.exists():  # 113 migrations once, not at every start
        first = LocalServer()
        first.start()
        first.wait()
        first.stop()
    (folder / "home").mkdir()
    shutil.copyfile(template, folder / "home" / "prefect.db")
    running = Operated(folder, free_port())
    try:
        running.start_server()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def operated_on_postgresql(tmp_path_factory):
    """A server on a PostgreSQL of its own, Debian's, on loopback."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("no PostgreSQL on this machine: apt-get install postgresql")
    folder = tmp_path_factory.mktemp("postgresql")
    with postgresql(programs[-1], folder / "data") as url:
        running = Operated(folder, free_port())
        running.more = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url}
        try:
            running.start_server()
            yield running
        finally:
            running.stop()


@contextlib.contextmanager
def postgresql(programs, data):
    """Run a PostgreSQL cluster in a folder; it refuses to run as root, so root lends it a user."""
    port = str(free_port())
    lent = {}
    data.mkdir()
    if os.geteuid() == 0:
        lent = {"user": "postgres", "group": "postgres", "extra_groups": []}
        for folder in (data, *data.parents[:3]):
            if not folder.stat().st_mode & stat.S_ISVTX:  # /tmp is open already
                folder.chmod(folder.stat().st_mode | 0o055)
        shutil.chown(data, "postgres", "postgres")
    data.chmod(0o700)
    making = [programs / "initdb", "-D", data, "-A", "trust", "-U", "prefect", "--no-sync"]
    subprocess.run(making, check=True, capture_output=True, cwd="/", **lent)
    options = ["-h", "127.0.0.1", "-p", port, "-k", data]
    with (data.parent / "postgresql.log").open("wb") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, *options],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            **lent,
        )
    try:
        ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", port]
        deadline = time.monotonic() + 60
        while subprocess.run(ready, check=False).returncode != 0:
            assert time.monotonic() < deadline, (data.parent / "postgresql.log").read_text()
            time.sleep(0.2)
        yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def free_port() -> int:
    """A port of loopback nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]
