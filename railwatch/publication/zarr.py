"""Plain Zarr v3: a tree of arrays that any Zarr reader opens, written block by block.

Metadata is consolidated in the root; arrays are not sharded, because GDAL reads that from 3.13 on
only. The first axis is cut into blocks, and a block names what it is made of, so that an unchanged
one is copied from the publication before instead of being read, computed and compressed again; one
that has only grown takes its first rows from there.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import numcodecs.blosc
import numcodecs.vlen
import numcodecs.zstd
import numpy as np
import numpy.typing as npt

_LEVEL = 5
_VLEN, _ZSTD = numcodecs.vlen.VLenUTF8(), numcodecs.zstd.Zstd(level=0)

BLOCK_BYTES = 4 << 20
"""A chunk holds at most about so much before compression."""

TIME_UNITS = "microseconds since 1970-01-01T00:00:00"

Encoded = dict[str, bytes]
"""Objects by path below the tree's root."""


@dataclass(frozen=True)
class Array:
    """One array of a tree."""

    path: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: str
    """Numpy's name, or `str`."""
    fill: float | int | str
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def encoded(self, block: int | None, data: npt.NDArray[Any] | None) -> Encoded:
        """Encode metadata and either nothing, one block of the first axis, or (None) all of it."""
        found = {} if data is None else self._encoded_chunks(data, block or 0)
        return {f"{self.path}/zarr.json": self._metadata(), **found}

    def _metadata(self) -> bytes:
        """Say what the array is, as zarr would."""
        said = json.loads(_template(self.dtype, repr(np.asarray(self.fill).item())))
        said["shape"] = list(self.shape)
        said["chunk_grid"]["configuration"]["chunk_shape"] = list(self.chunks)
        said["attributes"] = dict(self.attributes)
        if self.dims:
            said["dimension_names"] = list(self.dims)
        else:
            del said["dimension_names"]
        return json.dumps(said, indent=2).encode()

    def _encoded_chunks(self, data: npt.NDArray[Any], block: int) -> Encoded:
        """Encode chunks as zarr would, which takes it several milliseconds an array.

        Chunks that hold nothing but the fill value are left out; those at an edge are filled up.
        """
        dtype = object if self.dtype == "str" else np.dtype(self.dtype)
        found: Encoded = {}
        counts = [-(-n // size) for n, size in zip(data.shape, self.chunks, strict=True)]
        for place in np.ndindex(*counts):
            window = tuple(
                slice(i * size, (i + 1) * size) for i, size in zip(place, self.chunks, strict=True)
            )
            part = data[window]
            if _all(part, self.fill):
                continue
            if part.shape != self.chunks:
                full = np.full(self.chunks, self.fill, dtype=dtype)
                full[tuple(slice(0, n) for n in part.shape)] = part
                part = full
            numbers = [place[0] + block, *place[1:]] if place else []
            key = "/".join([self.path, "c", *map(str, numbers)])
            found[key] = self._chunk(np.ascontiguousarray(part, dtype=dtype))
        return found

    def _chunk(self, part: npt.NDArray[Any]) -> bytes:
        if self.dtype == "str":
            return bytes(_ZSTD.encode(_VLEN.encode(part.reshape(-1))))
        blosc = numcodecs.blosc.Blosc(_cname(self.dtype), _LEVEL, numcodecs.blosc.Blosc.BITSHUFFLE)
        return bytes(blosc.encode(part))

    def decoded(self, objects: Encoded, block: int, rows: int) -> npt.NDArray[Any]:
        """Read the first `rows` of a block back from its objects, by key below the tree's root.

        Those that are left out hold the fill value.
        """
        out = np.full((rows, *self.shape[1:]), self.fill, dtype=self.dtype)
        for key, data in objects.items():
            place = [int(number) for number in key.partition("/c/")[2].split("/")]
            place[0] -= block
            part = np.frombuffer(numcodecs.blosc.Blosc().decode(data), self.dtype)
            window = tuple(
                slice(i * size, min((i + 1) * size, n))
                for i, size, n in zip(place, self.chunks, out.shape, strict=True)
            )
            inside = tuple(slice(0, one.stop - one.start) for one in window)
            out[window] = part.reshape(self.chunks)[inside]
        return out

    @property
    def blocks(self) -> int:
        """Blocks of the first axis."""
        return -(-self.shape[0] // self.chunks[0])


@lru_cache
def _template(dtype: str, fill: str) -> str:
    """Metadata of an array of some shape, by zarr itself, which takes a millisecond an array."""
    import zarr
    from zarr.codecs import BloscCodec
    from zarr.storage import MemoryStore

    held: dict[str, Any] = {}
    # Pixels: lz4 with bitshuffle, 6 times faster than the default zstd and smaller (docs).
    codec = None
    if dtype != "str":
        codec = BloscCodec(cname=_cname(dtype), clevel=_LEVEL, shuffle="bitshuffle")
    value = float("nan") if fill == "nan" else ast.literal_eval(fill)
    zarr.create_array(
        MemoryStore(held),
        name="made",
        shape=(1,),
        chunks=(1,),
        dtype=dtype,
        fill_value=value,
        compressors="auto" if codec is None else [codec],
        dimension_names=("made",),
    )
    return bytes(held["made/zarr.json"].to_bytes()).decode()


def _cname(dtype: str) -> Literal["lz4", "zstd"]:
    return "lz4" if dtype.startswith("uint") else "zstd"


@dataclass(frozen=True)
class Block:
    """One block of an array along its first axis."""

    of: Array
    index: int
    """Its place along the first axis, blocks."""
    names: Callable[[int, int], str]
    """Digest over all that the values of some rows depend on."""
    read: Callable[[int, int], npt.NDArray[Any]]
    """Values of some rows."""

    @property
    def array(self) -> str:
        """Path of the array."""
        return self.of.path

    @property
    def start(self) -> int:
        """Its first row."""
        return self.index * self.of.chunks[0]

    @property
    def stop(self) -> int:
        """The row after its last."""
        return min(self.start + self.of.chunks[0], self.of.shape[0])

    @property
    def prefix(self) -> str:
        """Below the tree's root; every object of the block is below it."""
        return f"{self.of.path}/c/{self.index}"

    @property
    def digest(self) -> str:
        """Over all that its values depend on."""
        return self.names(self.start, self.stop)

    def rows_known(self, digest: str) -> int:
        """How many of its first rows a block of this digest holds, if it grew from that; else 0."""
        for rows in range(self.stop - self.start - 1, 0, -1):
            if self.names(self.start, self.start + rows) == digest:
                return rows
        return 0

    def make(self, held: Encoded | None = None, rows: int = 0) -> Encoded:
        """Read and encode it, but for the first `rows`, which `held` holds encoded."""
        values = self.read(self.start + rows, self.stop)
        if held is not None and rows:
            values = np.concatenate([self.of.decoded(held, self.index, rows), values])
        made = self.of.encoded(self.index, values)
        return {key: value for key, value in made.items() if not key.endswith("zarr.json")}


@dataclass
class Tree:
    """Groups and arrays, collected and then handed out object by object."""

    groups: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Attributes by path; the root is the empty path."""
    small: list[tuple[Array, npt.NDArray[Any]]] = field(default_factory=list)
    """Arrays that are written whole: coordinates and tables."""
    large: list[tuple[Array, Callable[[int, int], str], Callable[[int, int], npt.NDArray[Any]]]] = (
        field(default_factory=list)
    )
    """Arrays written by block: what names and what reads rows (start, stop) of the first axis."""

    def group(self, path: str, attributes: Mapping[str, Any]) -> None:
        """Add a group."""
        self.groups[path] = attributes

    def add(
        self,
        path: str,
        dims: tuple[str, ...],
        data: npt.ArrayLike,
        attributes: Mapping[str, Any] | None = None,
        fill: float | str | None = None,
    ) -> None:
        """Add an array that is written whole, in one chunk."""
        held = np.asarray(data)
        text = held.dtype.kind in "UO"
        if fill is None:
            fill = "" if text else float("nan") if held.dtype.kind == "f" else 0
        name = "str" if text else held.dtype.name
        chunks = tuple(max(1, n) for n in held.shape)
        array = Array(path, dims, held.shape, chunks, name, fill, attributes or {})
        self.small.append((array, held.astype(object) if text else held))

    def time(self, path: str, dim: str, times: Sequence[np.datetime64]) -> None:
        """Add a CF time coordinate."""
        since = np.array(times, dtype="datetime64[us]").astype(np.int64)
        about = {"units": TIME_UNITS, "calendar": "proleptic_gregorian", "standard_name": "time"}
        self.add(path, (dim,), since, about)

    def blocks(self) -> Iterator[Block]:
        """Give every block of the large arrays."""
        for array, names, read in self.large:
            for index in range(array.blocks):
                yield Block(array, index, names, read)

    def objects(self) -> Iterator[tuple[str, bytes]]:
        """Give the small arrays and all metadata, the consolidated root last.

        Spelled as zarr would, which takes it a millisecond a group and array.
        """
        held: Encoded = {}
        for array, data in self.small:
            held |= array.encoded(None, data)
        for array, _, _ in self.large:
            held |= array.encoded(None, None)
        nodes = {path: json.loads(held[f"{path}/zarr.json"]) for path in self._arrays()}
        for path, attributes in self.groups.items():
            if path:
                group = {"attributes": dict(attributes), "zarr_format": 3, "node_type": "group"}
                held[f"{path}/zarr.json"] = json.dumps(group, indent=2).encode()
                nodes[path] = _with_metadata(attributes, {})
        order = sorted(nodes, key=lambda path: (path.count("/"), path))
        root = _with_metadata(self.groups.get("", {}), {path: nodes[path] for path in order})
        yield from sorted(held.items())
        yield "zarr.json", json.dumps(root, indent=2).encode()

    def _arrays(self) -> Iterator[str]:
        yield from (array.path for array, _ in self.small)
        yield from (array.path for array, _, _ in self.large)


def _with_metadata(attributes: Mapping[str, Any], nodes: Mapping[str, Any]) -> dict[str, Any]:
    """Spell a group with the metadata of what is below it.

    The v3 specification does not hold consolidated metadata yet; readers that do not know it read
    the same metadata array by array.
    """
    return {
        "attributes": dict(attributes),
        "zarr_format": 3,
        "consolidated_metadata": {
            "kind": "inline",
            "must_understand": False,
            "metadata": dict(nodes),
        },
        "node_type": "group",
    }


def _all(part: npt.NDArray[Any], fill: float | str) -> bool:
    """Whether every value is the fill value."""
    if isinstance(fill, float) and np.isnan(fill):
        return bool(np.isnan(part).all())
    return bool((part == fill).all())


def rows_in(bytes_a_row: int, most: int) -> int:
    """Rows of the first axis that make a chunk of about `BLOCK_BYTES`, at most `most`."""
    return int(min(most, max(1, BLOCK_BYTES // max(1, bytes_a_row))))
