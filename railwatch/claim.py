"""Claims: who is fetching which scenes, so that no two operators of a bucket pay for one scene.

    with Claims(store, area_id) as claims:
        taken = claims.take(wanted, 64)     # ours now, whoever else asks
        ...                                 # look at the record again, fetch, commit
        claims.release(taken)

A claim is an object made only if there is none. It names its holder, and the holder is an object
that is rewritten every few seconds: a claim whose holder has not moved for `LEASE_S` is dead, and
whoever saw that takes it over, on condition that it is still the same. Clocks are never compared.

Claims save money, the record keeps the truth: it holds each scene once whoever brings it. The only
gap is a holder that was stopped, not killed, for longer than the lease and then goes on.

    {store}/claims/{area}/{kind}/holders/{holder}
    {store}/claims/{area}/{kind}/held/{scene}
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self
from urllib.parse import quote

from railwatch.errors import RailwatchError
from railwatch.store import Store

log = logging.getLogger(__name__)

LEASE_S = 30.0
"""Seconds without a sign of life after which a holder is dead."""

BEAT_S = 7.0
"""Seconds between signs of life: four within a lease."""

AT_ONCE = 16
"""Requests to the store under way at a time."""


class Claims:
    """The claims of one run on scenes, or on another kind of thing, of one area."""

    def __init__(
        self,
        store: Store,
        area_id: str,
        *,
        kind: str = "scenes",
        lease_s: float = LEASE_S,
        beat_s: float = BEAT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._folder = f"claims/{area_id}/{kind}"
        self._holder = uuid.uuid4().hex
        self._lease_s = lease_s
        self._beat_s = beat_s
        self._clock = clock
        self._held: set[str] = set()
        self._seen: dict[str, tuple[str, float]] = {}
        """Tag of each other holder's object, and when it was first seen so."""
        self._ended = threading.Event()
        self._beating = threading.Thread(target=self._beat, name="claims", daemon=True)

    def __enter__(self) -> Self:
        self._say_alive(0)
        self._beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._ended.set()
        self._beating.join()
        self.release(tuple(self._held))
        self._store.delete(self._holder_key(self._holder))

    def take(self, scene_ids: Sequence[str], most: int) -> list[str]:
        """Claim up to `most` of the scenes, in order; give those that are ours now.

        What the record held before a claim was taken may be old: look again afterwards.
        """
        taken: list[str] = []
        alive: dict[str, bool] = {}
        wanted = list(scene_ids)
        while wanted and len(taken) < most:
            tried, wanted = wanted[: most - len(taken)], wanted[most - len(taken) :]
            with ThreadPoolExecutor(AT_ONCE) as several:
                got = list(several.map(lambda scene_id: self._take_one(scene_id, alive), tried))
            taken += [scene_id for scene_id, ours in zip(tried, got, strict=True) if ours]
        self._held.update(taken)
        return taken

    def release(self, scene_ids: Iterable[str]) -> None:
        """Give claims up: their scenes are in the record, or others may try."""
        given = [scene_id for scene_id in scene_ids if scene_id in self._held]
        with ThreadPoolExecutor(AT_ONCE) as several:
            list(several.map(self._release_one, given))
        self._held.difference_update(given)

    def _take_one(self, scene_id: str, alive: dict[str, bool]) -> bool:
        key, ours = self._scene_key(scene_id), self._claim()
        if self._store.put_if_absent(key, ours):
            return True
        try:
            there = self._store.read(key)
        except KeyError:  # given up in between
            return self._store.put_if_absent(key, ours)
        holder = _holder_of(there.data)
        if holder not in alive:
            alive[holder] = self._is_alive(holder)
        if alive[holder]:
            return False
        log.info("%s: taken over from %s, who is gone", scene_id, holder)
        return self._store.put_if_match(key, ours, there.etag)

    def _release_one(self, scene_id: str) -> None:
        key = self._scene_key(scene_id)
        try:
            if _holder_of(self._store.read(key).data) == self._holder:
                self._store.delete(key)
        except KeyError:
            pass

    def _is_alive(self, holder: str) -> bool:
        """Whether a holder has given a sign of life within the lease, as seen from here."""
        try:
            tag = self._store.read(self._holder_key(holder)).etag
        except KeyError:
            return False
        now = self._clock()
        seen, since = self._seen.get(holder, ("", now))
        if seen != tag:
            self._seen[holder] = tag, now
            return True
        return now - since < self._lease_s

    def _beat(self) -> None:
        """Give signs of life until the end; one that does not get through is tried again."""
        number = 0
        while not self._ended.wait(self._beat_s):
            number += 1
            try:
                self._say_alive(number)
            except RailwatchError as exc:
                log.warning("claims: no sign of life could be written: %s", exc)

    def _say_alive(self, number: int) -> None:
        said = {"holder": self._holder, "beat": number, **_who()}
        self._store.put(self._holder_key(self._holder), json.dumps(said).encode())

    def _claim(self) -> bytes:
        return json.dumps({"holder": self._holder}).encode()

    def _holder_key(self, holder: str) -> str:
        return f"{self._folder}/holders/{holder}"

    def _scene_key(self, scene_id: str) -> str:
        return f"{self._folder}/held/{quote(scene_id, safe='')}"


def _holder_of(claim: bytes) -> str:
    """Read who holds a claim; one that cannot be read is nobody's."""
    try:
        return str(json.loads(claim)["holder"])
    except (KeyError, TypeError, ValueError):
        return "nobody"


def _who() -> dict[str, str | int]:
    """Name this process, for people who look into the store."""
    return {"host": socket.gethostname(), "process": os.getpid()}
