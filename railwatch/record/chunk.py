"""Chunks: encoded and handed to a session's store as they are, several at a time.

Zarr's own pipeline costs about half a millisecond of CPU a chunk, more than encoding one of our
tiles. The bytes are those that zarr's codecs make for the same array; tests read them with zarr.
Each chunk ends with its CRC-32C, so a flipped bit is found by whoever reads it, zarr included.

Neighbouring chunks of imagery lie together in shards as zarr's `sharding_indexed` codec lays them:
one after the other, then where each one is. An object costs about 0.15 ms of CPU to write and a
file or a request besides, more than encoding a tile.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import google_crc32c
import numcodecs.blosc
import numcodecs.vlen
import numcodecs.zstd
import numpy as np
import numpy.typing as npt
from zarr.buffer import default_buffer_prototype
from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec
from zarr.core.sync import sync

from railwatch.errors import IntegrityError
from railwatch.record.repository import translating

AT_ONCE = 128
"""Chunks under way at a time: bounds memory, and sockets on object storage."""

BYTES_AT_ONCE = 16 << 20

_CRC_BYTES = 4
_ABSENT = 2**64 - 1
"""Offset and length of a chunk that a shard does not hold."""
_LEVEL = 1
_BLOSC = numcodecs.blosc.Blosc
_VLEN, _ZSTD = numcodecs.vlen.VLenUTF8(), numcodecs.zstd.Zstd(level=0)
_SHUFFLE = {1: _BLOSC.NOSHUFFLE, 2: _BLOSC.BITSHUFFLE, 4: _BLOSC.BITSHUFFLE, 8: _BLOSC.BITSHUFFLE}
"""By item size, bytes. Bits of like weight compress together; single bytes are classes."""


def codecs(dtype: npt.DTypeLike) -> tuple[BloscCodec, Crc32cCodec]:
    """Zarr's names for what `encoded` does: LZ4 at level 1, bit-shuffled; then the checksum.

    Zarr's default, zstd, took six times the CPU on Sentinel-2 tiles and came out larger.
    """
    shuffled = _SHUFFLE[np.dtype(dtype).itemsize] == _BLOSC.BITSHUFFLE
    blosc = BloscCodec(
        cname="lz4", clevel=_LEVEL, shuffle="bitshuffle" if shuffled else "noshuffle"
    )
    return blosc, Crc32cCodec()


def text_codecs() -> tuple[ZstdCodec, Crc32cCodec]:
    """Zarr's names of how rows of JSON are kept."""
    return ZstdCodec(level=0), Crc32cCodec()


def text_encoded(rows: Sequence[str], length: int) -> bytes:
    """Encode a chunk of `length` texts, of which the first are given and the others empty."""
    texts = np.array([*rows, *[""] * (length - len(rows))], dtype=object)
    return _with_crc(bytes(_ZSTD.encode(_VLEN.encode(texts))))


def text_decoded(said: bytes, where: str) -> list[str]:
    """Decode a chunk of texts; `IntegrityError` where the bytes are not those written."""
    body = _without_crc(said, where)
    try:
        return [str(text) for text in _VLEN.decode(_ZSTD.decode(body))]
    except (RuntimeError, ValueError) as exc:
        raise IntegrityError(f"{where}: stored bytes cannot be decoded: {exc}") from exc


def encoded(part: npt.NDArray[Any], shape: tuple[int, ...], fill: float) -> bytes:
    """Encode a chunk; one at the array's edge is filled up to the full `shape`, as zarr does."""
    if part.shape != shape:
        full = np.full(shape, fill, dtype=part.dtype)
        full[tuple(slice(0, n) for n in part.shape)] = part
        part = full
    blosc = _BLOSC("lz4", _LEVEL, _SHUFFLE[part.dtype.itemsize])
    return _with_crc(bytes(blosc.encode(np.ascontiguousarray(part))))


def shard(chunks: Mapping[int, bytes], count: int) -> bytes:
    """Lay encoded chunks, by their number in the shard of `count`, into one object."""
    index = np.full((count, 2), _ABSENT, dtype="<u8")
    start = 0
    for number, said in chunks.items():
        index[number] = start, len(said)
        start += len(said)
    return b"".join([*chunks.values(), _with_crc(index.tobytes())])


def in_shard(said: bytes, count: int, where: str) -> dict[int, bytes]:
    """Take a shard apart; `IntegrityError` where its index is not what was written."""
    size = 16 * count + _CRC_BYTES
    index = np.frombuffer(_without_crc(said[-size:], where), dtype="<u8").reshape(count, 2)
    return {
        number: said[start : start + length]
        for number, (start, length) in enumerate(index.tolist())
        if start != _ABSENT
    }


def _with_crc(said: bytes) -> bytes:
    return said + int(google_crc32c.value(said)).to_bytes(_CRC_BYTES, "little")


def _without_crc(said: bytes, where: str) -> bytes:
    body, crc = said[:-_CRC_BYTES], said[-_CRC_BYTES:]
    if google_crc32c.value(body) != int.from_bytes(crc, "little"):
        raise IntegrityError(f"{where}: stored bytes do not have the checksum they were given")
    return body


def decoded(
    said: bytes, shape: tuple[int, ...], dtype: npt.DTypeLike, where: str
) -> npt.NDArray[Any]:
    """Decode a chunk; `IntegrityError` where the bytes are not those that were written."""
    body = _without_crc(said, where)
    try:
        flat = np.frombuffer(numcodecs.blosc.decompress(body), dtype=dtype)
        return flat.reshape(shape)
    except (RuntimeError, ValueError) as exc:
        raise IntegrityError(f"{where}: stored bytes cannot be decoded: {exc}") from exc


class Writer:
    """Gathers chunks of several scenes and writes them together, which halves the overhead."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._waiting: dict[str, bytes] = {}
        self._bytes = 0

    def add(self, chunks: Mapping[str, bytes]) -> None:
        """Take encoded chunks, by key; may write some."""
        self._waiting.update(chunks)
        self._bytes += sum(map(len, chunks.values()))
        if len(self._waiting) >= AT_ONCE or self._bytes >= BYTES_AT_ONCE:
            self.flush()

    def drop(self, keys: Iterable[str]) -> None:
        """Take back what was added, whether it was written or still waits."""
        written = [key for key in keys if self._waiting.pop(key, None) is None]

        async def delete() -> None:
            for key in written:
                await self._store.delete(key)

        sync(delete())

    def flush(self) -> None:
        """Write what waits."""
        put(self._store, self._waiting)
        self._waiting, self._bytes = {}, 0


def put(store: Any, chunks: Mapping[str, bytes]) -> None:
    """Write encoded chunks, by key."""
    of = default_buffer_prototype().buffer

    async def write(group: list[tuple[str, bytes]]) -> None:
        await _all(store.set(key, of.from_bytes(said)) for key, said in group)

    for group in _grouped(chunks.items()):
        with translating(group[0][0]):
            sync(write(group))


def get(store: Any, keys: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Read encoded chunks; those nobody wrote are left out."""
    prototype = default_buffer_prototype()

    async def read(group: list[str]) -> list[Any]:
        return await _all(store.get(key, prototype) for key in group)

    for group in _grouped(keys):
        with translating(group[0]):
            found = sync(read(group))
        for key, said in zip(group, found, strict=True):
            if said is not None:
                yield key, said.to_bytes()


def attributes(store: Any, paths: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Attributes of the groups and arrays there are of some, by path.

    Zarr asks for each node by itself, about a millisecond of CPU a time.
    """
    keys = {f"{path}/zarr.json" if path else "zarr.json": path for path in paths}
    return {keys[key]: json.loads(said).get("attributes", {}) for key, said in get(store, keys)}


def below(store: Any, path: str) -> list[str]:
    """Names of what stands right below a group, ordered."""

    async def names() -> list[str]:
        return sorted([str(name) async for name in store.list_dir(path)])

    with translating(path):
        return sync(names())


async def _all(requests: Iterable[Awaitable[Any]]) -> list[Any]:
    """Wait for every request, then raise what the first one that failed raised.

    One that is still under way when its process ends takes the interpreter down with it.
    """
    done = await asyncio.gather(*requests, return_exceptions=True)
    for one in done:
        if isinstance(one, BaseException):
            raise one
    return done


def _grouped(items: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(items)
    while group := list(islice(left, AT_ONCE)):
        yield group
