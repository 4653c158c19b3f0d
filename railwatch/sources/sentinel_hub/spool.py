"""Paid answers, kept until the record holds what was made of them.

Between the answer of a paid request and the commit of the batch it belongs to lie minutes in which
a process can die. What was paid for is therefore put into the store first, keyed by the request,
and a run that starts again takes it from there. Once the scene is in the record it is dropped.

    {store}/spool/{area}/{scene}/{request digest}
"""

from __future__ import annotations

import hashlib
import json
import logging
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from railwatch.store import Store

log = logging.getLogger(__name__)

_MAGIC = b"RWSP2"
_HEAD = struct.Struct(">5sd32s")
"""Magic, processing units charged, SHA-256 of charge and body."""


@dataclass(frozen=True, slots=True)
class Paid:
    """A paid answer."""

    body: bytes
    pu: float
    """Processing units it was charged."""


def request_digest(base_url: str, payload: Any) -> str:
    """Name a request by what it asks of whom, not by the path family it goes through."""
    text = json.dumps([base_url, payload], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Spool:
    """The paid answers of one area in one store."""

    store: Store
    area_id: str

    def get(self, scene_id: str, digest: str) -> Paid | None:
        """Take an answer out again; one whose checksum does not match is dropped."""
        key = self._key(scene_id, digest)
        try:
            data = self.store.get(key)
        except KeyError:
            return None
        kept = _unwrapped(data)
        if kept is None:
            log.warning("%s: spooled answer %s is damaged", scene_id, digest)
            self.store.delete(key)
        return kept

    def keep(self, scene_id: str, digest: str, paid: Paid) -> None:
        """Keep an answer; one that is there already stays."""
        head = _HEAD.pack(_MAGIC, paid.pu, _digest(paid.pu, paid.body))
        self.store.put_if_absent(self._key(scene_id, digest), head + paid.body)

    def drop(self, scene_ids: Iterable[str]) -> None:
        """Forget the answers of scenes the record now holds."""
        for scene_id in scene_ids:
            for key in list(self.store.list(self._folder(scene_id))):
                self.store.delete(key)

    def scene_ids(self) -> set[str]:
        """Ids of the scenes that have answers here."""
        return {unquote(key.split("/")[2]) for key in self.store.list(f"spool/{self.area_id}")}

    def _key(self, scene_id: str, digest: str) -> str:
        """Name the object of one answer."""
        return f"{self._folder(scene_id)}/{digest}"

    def _folder(self, scene_id: str) -> str:
        """Keys of one scene begin with this, whatever characters its id has."""
        return f"spool/{self.area_id}/{quote(scene_id, safe='')}"


def whole(data: bytes) -> bool:
    """Whether a spooled object is what was written."""
    return _unwrapped(data) is not None


def _digest(pu: float, body: bytes) -> bytes:
    return hashlib.sha256(struct.pack(">d", pu) + body).digest()


def _unwrapped(data: bytes) -> Paid | None:
    """Read a kept answer; None if it is not what was written."""
    if len(data) < _HEAD.size:
        return None
    magic, pu, digest = _HEAD.unpack_from(data)
    body = data[_HEAD.size :]
    if magic != _MAGIC or _digest(pu, body) != digest:
        return None
    return Paid(body, pu)
