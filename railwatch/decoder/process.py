"""One decoder, seen from the worker: started, asked, and buried."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Pipe
from typing import Any

import numpy as np
import numpy.typing as npt

from railwatch.decoder.desk import Files, Job, room
from railwatch.errors import RailwatchError, SceneError, TransientError

_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "LD_PRELOAD")
_KEPT_PREFIXES = ("LC_", "DYLD_", "PROJ_", "GDAL_DATA")
"""Of the environment; the rest may hold credentials."""

_MOST_SAID = 1 << 20
"""Bytes of a decoder's answer besides pixels."""
_MOST_ASKED = 64 << 20
"""Bytes of a file it may ask for at once."""
_TYPES = {"<u2", "|u1"}
"""Of pixels a decoder may give."""

FOUND, ABSENT, FAILED = b"f", b"a", b"x"
"""First byte of the answer to a decoder that asked for bytes of a file."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may take."""

    seconds: float = 60.0
    """Deadline, time spent waiting for the worker's store not counted."""
    memory: int = 2 << 30
    """Address space beyond what a decoder has when it starts, bytes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a job gave."""

    said: dict[str, Any]
    arrays: tuple[npt.NDArray[Any], ...]


class DecoderDiedError(Exception):
    """The decoder ended or was ended in the middle of a job."""

    def __init__(self, reason: str, *, killed: bool) -> None:
        super().__init__(reason)
        self.killed = killed
        """By somebody else: a signal that no file can cause."""


class Decoder:
    """A process that decodes for one thread at a time."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.owner = os.getpid()
        """Process that started it; a fork of it has no say."""
        self._memory_fd = _shared_memory()
        self._memory: mmap.mmap | None = None
        self._ours, theirs = Pipe()
        with theirs:
            handed = (theirs.fileno(), self._memory_fd)
            asked = (limits.memory, limits.seconds)
            self._process = subprocess.Popen(  # noqa: S603  # ourselves
                [sys.executable, "-P", "-m", "railwatch.decoder", *map(str, (*handed, *asked))],
                pass_fds=handed,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                process_group=0,  # Ctrl-C is for the worker, which ends its decoders
            )

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it may be asked again."""
        return not self._ours.closed

    def ask(self, job: Job, files: Files | None, content: bytes) -> Answer:
        """Have a job done.

        Parameters
        ----------
        job
            What to do.
        files
            Where the files lie; a `FolderStore` goes along, of others bytes are handed over.
        content
            Bytes that go along with the job.

        Raises
        ------
        SceneError, TransientError
            As the job, or as the store, said.
        DecoderDiedError
            It crashed, was killed, or did not come back in time.
        """
        try:
            answer = self._asked(job, files, content)
        except (SceneError, TransientError):
            raise
        except (EOFError, ConnectionError) as exc:
            raise self._died() from exc
        except (OSError, ValueError, TypeError) as exc:
            self.close(kill=True)
            raise DecoderDiedError(f"its decoder answered nonsense: {exc}", killed=False) from exc
        except BaseException:
            self.close(kill=True)  # in the middle of a job, so of no use any more
            raise
        return answer

    def close(self, *, kill: bool = False) -> None:
        """End the process, and wait until it is gone."""
        self._ours.close()  # it ends when nobody is there any more
        if self.owner == os.getpid():
            if kill:
                self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5.0)
            if self._process.returncode is None:
                self._process.kill()
                self._process.wait()
        if self._memory_fd >= 0:
            os.close(self._memory_fd)
        self._memory, self._memory_fd = None, -1

    def _asked(self, job: Job, files: Files | None, content: bytes) -> Answer:
        from railwatch.store import FolderStore

        own = files if isinstance(files, FolderStore) else None
        begin = room((len(content),), np.uint8)
        memory = self._stretched(begin + job.room)
        memory[: len(content)] = content
        self._ours.send_bytes(pickle.dumps((job, own, len(content), begin, len(memory))))
        failure: BaseException | None = None
        left_s = self.limits.seconds
        while True:
            waited = time.monotonic()
            if not self._ours.poll(max(left_s, 0.0)):
                self.close(kill=True)
                within = f"within {self.limits.seconds:g} s"
                raise DecoderDiedError(f"did not decode {within}", killed=False)
            said = json.loads(self._ours.recv_bytes(_MOST_SAID))
            left_s -= time.monotonic() - waited
            if "wants" not in said:
                if failure is not None:
                    raise failure
                return _understood(said, memory, job)
            reply, problem = _bytes_for(said["wants"], files)
            failure = failure or problem
            self._ours.send_bytes(reply)

    def _stretched(self, size: int) -> mmap.mmap:
        """Give the shared memory, which grows to what the largest job needed."""
        if self._memory is None or len(self._memory) < size:
            whole = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
            os.ftruncate(self._memory_fd, whole)
            self._memory = mmap.mmap(self._memory_fd, whole)
        return self._memory

    def _died(self) -> DecoderDiedError:
        """Say how it ended."""
        self.close()
        code = self._process.returncode
        if code >= 0:
            return DecoderDiedError(f"its decoder ended with exit code {code}", killed=True)
        number = -code
        outside = number in {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
        name = signal.Signals(number).name
        return DecoderDiedError(f"its decoder was ended by {name}", killed=outside)


def _understood(said: dict[str, Any], memory: mmap.mmap, job: Job) -> Answer:
    """Take a last answer apart, believing nothing of it."""
    match said:
        case {"scene": [str(scene_id), str(reason), str(detail)]}:
            raise SceneError(scene_id, reason, detail)
        case {"transient": str(problem)}:
            raise TransientError(problem)
        case {"bug": str(text)}:
            raise RuntimeError(f"a job of the decoder failed: {type(job).__name__}: {text}")
        case {"said": dict(answer), "arrays": list(laid)}:
            return Answer(answer, tuple(_copied(memory, *one) for one in laid))
    raise ValueError(str(said)[:200])


def _copied(memory: mmap.mmap, kind: str, shape: list[int], begin: int) -> npt.NDArray[Any]:
    """Take an array out of the shared memory."""
    if kind not in _TYPES or not 1 <= len(shape) <= 3 or min((begin, *shape)) < 0:
        raise ValueError(f"{kind} {shape} at {begin}")
    count = int(np.prod(shape, dtype=np.int64))
    return np.frombuffer(memory, np.dtype(kind), count, begin).reshape(shape).copy()


def _bytes_for(
    wanted: list[Any], files: Files | None
) -> tuple[bytes, RailwatchError | OSError | None]:
    """Give what a decoder wants of a file, as the protocol says it, and why it could not be."""
    if files is None:
        return ABSENT, None
    try:
        match wanted:
            case [str(key)]:
                return FOUND + files.size(key).to_bytes(8, "little"), None
            case [str(key), int(start), int(length)] if start >= 0 and 0 <= length <= _MOST_ASKED:
                return FOUND + files.get_range(key, start, length), None
        raise ValueError(f"asks for {str(wanted)[:200]}")
    except KeyError:
        return ABSENT, None
    except (RailwatchError, OSError) as exc:
        return FAILED, exc


def _environment() -> dict[str, str]:
    """Give what a decoder may know of the environment."""
    kept = {k: v for k, v in os.environ.items() if k in _KEPT or k.startswith(_KEPT_PREFIXES)}
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    return kept | threads | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


def _shared_memory() -> int:
    """Open a file without a name: in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("railwatch-decoder", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
