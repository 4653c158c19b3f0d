"""Plain Zarr v3 of a publication against what zarr itself writes and reads."""

import hashlib
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec
from zarr.storage import MemoryStore

from railwatch.publication.zarr import Array, Tree


def _by_zarr(array: Array, data: np.ndarray) -> dict[str, bytes]:
    """Have zarr write the whole array."""
    held: dict[str, Any] = {}
    codec = BloscCodec(
        cname="lz4" if array.dtype.startswith("uint") else "zstd", clevel=5, shuffle="bitshuffle"
    )
    made = zarr.create_array(
        MemoryStore(held),
        name=array.path,
        shape=array.shape,
        chunks=array.chunks,
        dtype=array.dtype,
        fill_value=array.fill,
        compressors="auto" if array.dtype == "str" else [codec],
        dimension_names=array.dims,
        attributes=dict(array.attributes),
    )
    made[...] = data
    return {key: value.to_bytes() for key, value in held.items() if key.startswith(array.path)}


def _data(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(1)
    if dtype == "str":
        words = np.array([f"Свисток {n}" for n in range(int(np.prod(shape)))], dtype=object)
        return words.reshape(shape)
    return (rng.random(shape) * 200).astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "fill", "shape", "chunks"),
    [
        ("uint16", 65535, (7, 3, 50, 40), (2, 3, 32, 32)),
        ("uint8", 0, (5, 64), (5, 64)),
        ("float32", float("nan"), (9, 20), (4, 20)),
        ("float64", float("nan"), (6,), (6,)),
        ("int64", 0, (6,), (6,)),
        ("bool", 0, (4, 3), (4, 3)),
        ("str", "", (5,), (5,)),
        ("int64", 0, (), ()),
    ],
)
def test_chunks_are_those_that_zarr_writes(dtype, fill, shape, chunks):
    """The same objects; zarr reads the same values from them, and metadata are its own."""
    about = {"units": "m", "flags": [1, 2]}
    array = Array("a/b", tuple("tbyx"[: len(shape)]), shape, chunks, dtype, fill, about)
    data = _data(dtype, shape)
    if dtype in {"float32", "uint16"}:
        data[0] = fill  # edges apart, a chunk of nothing else is not written
        data[: chunks[0]] = fill
    expected = _by_zarr(array, data)

    found = array.encoded(None, data)

    assert sorted(found) == sorted(expected)
    assert found["a/b/zarr.json"] == expected["a/b/zarr.json"]
    buffer = zarr.core.buffer.default_buffer_prototype().buffer
    held = {key: buffer.from_bytes(value) for key, value in found.items()}
    read = zarr.open_array(MemoryStore(held), path="a/b", mode="r")[...]
    np.testing.assert_array_equal(np.asarray(read), data)


def test_one_block_has_its_own_place():
    """A block of the first axis is encoded where it belongs in the whole array."""
    array = Array("a", ("t", "x"), (7, 5), (3, 5), "uint8", 0)
    data = _data("uint8", (7, 5))
    whole = array.encoded(None, data)

    blocks = {}
    for index in range(array.blocks):
        blocks |= array.encoded(index, data[3 * index : 3 * index + 3])

    assert blocks == whole


@pytest.mark.parametrize("rows", [1, 2])
def test_a_block_that_grew_is_the_one_made_at_once(rows):
    """Its first rows are taken from what is encoded; chunks of nothing but the fill value too."""
    array = Array("a", ("t", "x"), (6, 70), (3, 32), "uint16", 9)
    data = _data("uint16", (6, 70))
    data[3:, 32:64] = 9

    def read(start, stop):
        return data[start:stop]

    def names(start, stop):
        return hashlib.sha256(data[start:stop].tobytes()).hexdigest()

    short = Array("a", ("t", "x"), (3 + rows, 70), (3, 32), "uint16", 9)
    before = list(Tree(large=[(short, names, read)]).blocks())[1]
    after = list(Tree(large=[(array, names, read)]).blocks())[1]
    at_once, held = after.make(), before.make()

    assert after.rows_known(before.digest) == rows
    assert after.rows_known("of something else") == 0
    data[3 : 3 + rows] = 0  # what is known is not read again
    assert after.make(held, rows) == at_once


def test_metadata_of_a_tree_are_those_that_zarr_consolidates():
    """Byte for byte, of groups in groups, arrays without axes and attributes of any kind."""
    tree = Tree()
    tree.group("", {"title": "Ü", "n": 1.5})
    groups = {path: {"of": path, "list": [1, None, "x"]} for path in ("b", "a", "a/c")}
    for path, about in groups.items():
        tree.group(path, about)
    tree.add("a/c/x", ("x",), np.arange(3.0), {"units": "m"})
    tree.add("b/none", (), np.int64(0))
    tree.add("a/words", ("x",), np.array(["p", "q"], dtype=object))
    large = Array("a/c/large", ("t", "x"), (5, 4), (2, 4), "uint16", 65535, {"k": [1, 2]})
    tree.large.append((large, lambda *_: "", lambda *_: np.zeros((0, 4))))
    found = dict(tree.objects())

    buffer = zarr.core.buffer.default_buffer_prototype().buffer
    root_or_group = {"zarr.json", *(f"{path}/zarr.json" for path in groups)}
    held: dict[str, Any] = {
        key: buffer.from_bytes(data) for key, data in found.items() if key not in root_or_group
    }
    root = MemoryStore(held)
    zarr.create_group(root, attributes={"title": "Ü", "n": 1.5})
    for path, about in groups.items():
        zarr.create_group(root, path=path, attributes=about)
    with pytest.warns(UserWarning, match="Consolidated metadata"):
        zarr.consolidate_metadata(root)

    assert {key: value.to_bytes() for key, value in held.items()} == found
    assert list(found)[-1] == "zarr.json"
