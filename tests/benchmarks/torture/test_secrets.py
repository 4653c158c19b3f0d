"""Canary credentials through every path: wherever something is written down, they are not in it."""

import contextlib
import logging
import os
import pickle
import sqlite3
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import pytest

from flows.local_server import LocalServer
from railwatch.cli import main
from railwatch.errors import RailwatchError
from railwatch.sources.sentinel_hub import Patience, SentinelHubSource, Spool
from railwatch.store import Store
from railwatch.testing.radar_yard import make_yard, walk
from railwatch.testing.sentinel_hub.server import Emulator
from railwatch.work import query_for

CANARIES = {
    "SH_CLIENT_ID": "canary-id-5f0c61d2a9",
    "SH_CLIENT_SECRET": "canary-secret-77b1e09c",
    "AWS_ACCESS_KEY_ID": "CANARYKEY0A1B2C3D4E5",
    "AWS_SECRET_ACCESS_KEY": "canary/aws+9e8d7c6b5a4f",
    "AWS_SESSION_TOKEN": "canary-session-2b4d6f8a",
}
SECRETS = [value.encode() for name, value in CANARIES.items() if name != "SH_CLIENT_ID"]


@pytest.fixture
def canaries(monkeypatch):
    """The canaries in the environment, as an operator would set them."""
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)


def found_in(*texts: bytes) -> list[bytes]:
    """Canaries that stand in any of the texts."""
    return [secret for secret in SECRETS for text in texts if secret in text]


def files_of(folder: Path) -> list[bytes]:
    """Contents of every file."""
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


@pytest.mark.usefixtures("canaries")
def test_a_canary_is_found_nowhere(tmp_path, caplog, capfd, monkeypatch):
    """Fetched through an account, failed, pickled, published: logs, reprs, store, report."""
    caplog.set_level(logging.DEBUG)
    yard = make_yard(tmp_path / "yard", 3)
    clients = {CANARIES["SH_CLIENT_ID"]: CANARIES["SH_CLIENT_SECRET"]}
    said: list[str] = []
    with Emulator(archive=yard.archive, clients=clients) as hub:
        monkeypatch.setenv("SH_BASE_URL", hub.url)
        monkeypatch.setenv("SH_TOKEN_URL", hub.token_url)
        store = Store.open(str(tmp_path / "store"))
        source = SentinelHubSource(spool=Spool(store, "yard"), sidings=yard.area.sidings)
        walk(yard.area, source, store)
        assert hub.ledger.spent_pu > 0
        tokens = [token.encode() for token in hub.door._issued]
        said += [repr(source), repr(vars(source)), repr(store), str(pickle.dumps(source))]
        monkeypatch.setenv("SH_TOKEN_URL", hub.url + "/nowhere")
        said += _failures(yard, Spool(store, "yard"), monkeypatch)
    for url in (f"s3://{CANARIES['AWS_ACCESS_KEY_ID']}:{CANARIES['AWS_SECRET_ACCESS_KEY']}@b/x",
                f"s3://b/x?secret={CANARIES['AWS_SECRET_ACCESS_KEY']}"):  # fmt: skip
        assert main(["run", str(yard.area_file), "--store", url]) == 1
        assert main(["verify", "yard", "--store", url]) == 1
        assert main(["counts", "yard", "--store", url]) == 1
    written = capfd.readouterr()

    assert store.list("areas/yard/report")
    texts = [written.out, written.err, caplog.text, *said]
    assert found_in(*files_of(tmp_path), *(text.encode() for text in texts)) == []
    assert tokens
    assert [token for token in tokens if any(token in text.encode() for text in texts)] == []


def _failures(yard, spool, monkeypatch):
    """Tracebacks with every local value, of a login that fails and a bucket that is not there."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    told = []
    with contextlib.suppress(RailwatchError):
        once = Patience(attempts=1)
        fresh = SentinelHubSource(spool=spool, sidings=yard.area.sidings, patience=once)
        try:
            list(fresh.search(query_for(yard.area, None, None)))
        except RailwatchError as exc:
            told += traceback.format_exception(exc)
            raise
    bucket = Store.open("s3://bucket/x")
    told += [repr(bucket), repr(vars(bucket)), str(pickle.dumps(bucket))]
    return told


@pytest.mark.server
@pytest.mark.usefixtures("canaries")
def test_prefect_and_dask_are_never_told(tmp_path, monkeypatch):
    """A whole run on a server: its database with parameters, logs and artifacts, and the graph."""
    yard = make_yard(tmp_path / "yard", 3)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server = LocalServer()
    try:
        server.start()
        server.wait()
        password = server.client_settings["PREFECT_API_AUTH_STRING"].encode()
        environment = os.environ | server.client_settings | {"PREFECT_LOGGING_LEVEL": "DEBUG"}
        command = [sys.executable, "-m", "railwatch", "-vv", "run", str(yard.area_file)]
        command += ["--archive", str(yard.archive), "--store", str(tmp_path / "store")]
        done = subprocess.run(
            command, capture_output=True, check=False, env=environment, timeout=280
        )
        kept = files_of(tmp_path)
    finally:
        server.stop()

    assert done.returncode == 0, done.stderr[-2000:]
    rows = b"".join(text for text in kept if text.startswith((b"SQLite format 3", b"7\x7f\x06")))
    assert b"yard.yaml" in rows  # the run's parameters were kept, in the database or its journal
    assert found_in(done.stdout, done.stderr, *kept) == []
    assert password not in done.stdout + done.stderr


def test_the_canaries_would_be_found(tmp_path):
    """The search itself works: in a file, a database and a log."""
    (tmp_path / "log").write_text(f"key={CANARIES['AWS_SECRET_ACCESS_KEY']}")
    database = sqlite3.connect(tmp_path / "server.db")
    database.execute("create table run (parameters text)")
    database.execute("insert into run values (?)", (CANARIES["SH_CLIENT_SECRET"],))
    database.commit()
    database.close()

    assert len(found_in(*files_of(tmp_path))) == 2
