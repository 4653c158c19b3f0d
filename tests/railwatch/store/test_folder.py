"""A store in a folder."""

import errno
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import time

import pytest

from railwatch.errors import StoreError
from railwatch.store import FolderStore, Store


@pytest.fixture
def store(tmp_path):
    return Store.open(str(tmp_path / "store"))


def test_a_put_object_is_read_back_whole_and_in_ranges(store):
    """What was put is what is read; a key nobody put is a KeyError; a delete is final."""
    store.put("a/b.bin", b"0123456789")

    assert store.get("a/b.bin") == b"0123456789"
    assert store.get_range("a/b.bin", 2, 3) == b"234"
    assert store.size("a/b.bin") == 10
    store.delete("a/b.bin")
    store.delete("a/b.bin")
    with pytest.raises(KeyError):
        store.get("a/b.bin")
    with pytest.raises(KeyError):
        store.get("a")


def test_a_copy_outlives_the_first(store):
    """It holds the same bytes without taking their room, also after the first was replaced."""
    store.put("a/1", b"bytes")
    store.copy("a/1", "b/c/2")
    store.copy("a/1", "b/c/2")

    assert store.file("a/1").samefile(store.file("b/c/2"))
    store.put("a/1", b"others")
    store.delete("a/1")
    assert store.get("b/c/2") == b"bytes"
    assert list(store.list()) == ["b/c/2"]
    assert [path.name for path in store.file("b/c").iterdir()] == ["2"]
    with pytest.raises(KeyError):
        store.copy("a/1", "d")


def test_a_copy_is_written_where_files_have_no_second_name(store, monkeypatch):
    """As on exFAT and some network shares."""

    def refused(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    store.put("a", b"bytes")
    monkeypatch.setattr(pathlib.Path, "hardlink_to", refused)
    store.copy("a", "b")

    assert store.get("b") == b"bytes"


def test_conditional_puts_let_one_writer_win(store):
    """put_if_absent and put_if_match say False where another object is, and leave it alone."""
    assert store.put_if_absent("pointer", b"one")
    assert not store.put_if_absent("pointer", b"two")
    seen = store.read("pointer")
    assert store.put_if_match("pointer", b"three", seen.etag)
    assert not store.put_if_match("pointer", b"four", seen.etag)
    assert not store.put_if_match("nothing", b"five", seen.etag)

    assert store.get("pointer") == b"three"


def test_a_repeated_conditional_put_is_known_as_ones_own(store):
    """Where the answer was lost, trying again with the same bytes is a success."""
    store.put_if_absent("claim", b"mine")

    assert store.put_if_absent("claim", b"mine")


def test_listing_is_ordered_and_shows_objects_only(store):
    """Keys come ordered as strings, whole segments only, without locks or half-written files."""
    for key in ("b/2", "b-1", "b/1", "a", "bc/1"):
        store.put(key, key.encode())
    (store.path / "b" / ".railwatch-half").write_bytes(b"half")
    with store.lock("b"):
        assert list(store.list()) == sorted(["a", "b-1", "b/1", "b/2", "bc/1"])
        assert list(store.list("b")) == ["b/1", "b/2"]
    assert list(store.list("nothing")) == []


@pytest.mark.parametrize(
    "key", ["../x", "/etc/passwd", "a//b", "a/./b", "", "a\nb", "a\\b", "a/.."]
)
def test_keys_that_could_leave_the_store_are_refused(store, key):
    """A key is names joined by '/', nothing else."""
    with pytest.raises(StoreError, match="is not a key"):
        store.put(key, b"")


def test_a_symbolic_link_does_not_lead_out_of_the_store(store, tmp_path):
    """An object behind a link to elsewhere is refused, for reading and writing."""
    (tmp_path / "secret").write_bytes(b"s")
    store.put("a", b"a")
    (store.path / "out").symlink_to(tmp_path)

    with pytest.raises(StoreError, match="symbolic link"):
        store.get("out/secret")
    with pytest.raises(StoreError, match="symbolic link"):
        store.put("out/secret", b"x")
    (store.path / "file").symlink_to(tmp_path / "secret")
    (store.path / "inside").symlink_to(store.path / "a")
    assert list(store.list()) == ["a", "inside"]


def test_a_second_holder_of_a_lock_is_told_who_has_it(store):
    """The message names the process; afterwards the lock is free."""
    with (
        store.lock("records/a"),
        pytest.raises(StoreError, match=f"being written by process {os.getpid()} on"),
        store.lock("records/a"),
    ):
        pass
    with store.lock("records/a"):
        pass


def test_a_lock_dies_with_its_process(store):
    """kill -9 of the holder leaves the lock free."""
    code = (
        "import sys,time; from railwatch.store import Store\n"
        "with Store.open(sys.argv[1]).lock('x'):\n print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, store.url], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(StoreError, match=f"process {holder.pid}"), store.lock("x"):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with store.lock("x"):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_no_object_is_torn_by_kill_9(store):
    """An object overwritten again and again by a process killed at random is whole each time."""
    code = (
        "import sys; from railwatch.store import Store\n"
        "s = Store.open(sys.argv[1])\n"
        "while True:\n"
        " for n in range(256): s.put('x', bytes([n]) * 300000); print(flush=True)"
    )
    store.put("x", b"\0" * 300000)
    for wait_s in (0.0, 0.007, 0.013, 0.02):
        writer = subprocess.Popen([sys.executable, "-c", code, store.url], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(wait_s)
        writer.kill()
        writer.wait()
        writer.stdout.close()
        data = store.get("x")

        assert len(data) == 300000
        assert len(set(data)) == 1
        assert list(store.list()) == ["x"]


def test_an_unwritable_folder_is_an_error_in_one_line(tmp_path):
    """A folder that cannot be made names the key, the store and the reason."""
    (tmp_path / "file").write_bytes(b"")
    store = Store.open(str(tmp_path / "file" / "store"))

    with pytest.raises(StoreError, match=r"^a: cannot be written to .*Not a directory"):
        store.put("a", b"")
    with pytest.raises(StoreError, match="Not a directory"), store.lock("a"):
        pass


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:secret@bucket/x",
        "s3://bucket/x?secret=s",
        "gs://bucket",
        "s3://",
        "",
        "/vsicurl/x",
    ],
)
def test_urls_that_no_store_is_opened_from(url):
    """Credentials in a URL, other schemes and GDAL's virtual paths are refused without echoing."""
    with pytest.raises(StoreError) as caught:
        Store.open(url)

    assert "secret" not in str(caught.value).replace("SECRET", "").replace("its secret", "")


def test_a_store_is_pickled_by_its_place(store):
    """A worker gets a store of the same place."""
    store.put("a", b"1")
    copy = pickle.loads(pickle.dumps(store))

    assert isinstance(copy, FolderStore)
    assert copy.get("a") == b"1"
    assert Store.open(f"file://{store.path}").url == store.url
