"""The decoders of this process: as many as threads decode at once, kept from job to job."""

from __future__ import annotations

import atexit
import logging
import os

from railwatch.decoder.desk import Files, Job
from railwatch.decoder.process import Answer, Decoder, DecoderDiedError, Limits
from railwatch.errors import SceneError, TransientError
from railwatch.scene import Rejection

logger = logging.getLogger(__name__)

_TRIES = 2
"""Decoders a job may end: the first may have been ended by something else."""


class Pool:
    """Decoders that wait for a job; any thread may ask."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: list[Decoder] = []
        self._known_to_exit = 0

    def decoded(
        self, job: Job, scene_id: str, *, files: Files | None = None, content: bytes = b""
    ) -> Answer:
        """Have a job done by a decoder.

        Parameters
        ----------
        job
            What to do.
        scene_id
            Whose files or bytes they are.
        files
            Where files lie.
        content
            Bytes that go along.

        Raises
        ------
        SceneError
            The job says so; or decoders crashed or hung twice over it.
        TransientError
            The store did not answer for now; or somebody killed the decoders.
        """
        died: DecoderDiedError | None = None
        for _ in range(_TRIES):
            decoder = self._taken()
            try:
                return decoder.ask(job, files, content)
            except DecoderDiedError as exc:
                logger.warning("%s: %s", scene_id, exc)
                died = exc
            finally:
                if decoder.alive:
                    self._waiting.append(decoder)
        if died is not None and died.killed:
            raise TransientError(f"{scene_id}: {died}, {_TRIES} times: is there memory enough?")
        raise SceneError(
            scene_id, Rejection.ASSET_UNREADABLE, f"cannot be decoded: {died}, {_TRIES} times"
        )

    def close(self) -> None:
        """End the decoders that wait."""
        while self._waiting:
            self._waiting.pop().close()

    def _taken(self) -> Decoder:
        """Take one that waits, or start one; a fork of a worker leaves its decoders alone."""
        while True:
            try:
                decoder = self._waiting.pop()
            except IndexError:
                break
            if decoder.owner == os.getpid():
                return decoder
            decoder.close()
        if self._known_to_exit != os.getpid():
            self._known_to_exit = os.getpid()
            atexit.register(self.close)
        return Decoder(self._limits)


_OURS = Pool(Limits())

decoded = _OURS.decoded
"""`Pool.decoded` of this process's own decoders."""
