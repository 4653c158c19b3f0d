"""What opens rasters may crash, hang or want all memory; it costs a scene and nothing else."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio

from benchmarks.torture.rasters import SHIM, spoil, write_bomb
from railwatch.decoder import Limits, Pool
from railwatch.decoder.process import Decoder, DecoderDiedError
from railwatch.errors import TransientError
from railwatch.record import Record, Status
from railwatch.sources.archive import ArchiveSource
from railwatch.sources.archive.decoding import HeaderJob
from railwatch.store import FolderStore
from railwatch.testing.radar_yard import NORTH, WEST, make_yard, walk_yard
from railwatch.work import query_for


@pytest.fixture
def pool(monkeypatch):
    """Decoders of this test alone, with little patience and memory; the sources use them."""
    pool = Pool(Limits(seconds=3.0, memory=512 << 20))
    monkeypatch.setattr("railwatch.sources.archive.source.decoded", pool.decoded)
    monkeypatch.setattr("railwatch.sources.archive.decoding.decoded", pool.decoded)
    yield pool
    pool.close()


@pytest.fixture
def poison(tmp_path, monkeypatch):
    """Decoders started from now on die in native code when they open a file of a certain name."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler to make a decoder crash in native code")
    shim = tmp_path / "poison.so"
    build = ["cc", "-shared", "-fPIC", "-O1", "-o", shim, SHIM, "-ldl"]
    subprocess.run(build, check=True)
    monkeypatch.setenv("LD_PRELOAD", str(shim))


@pytest.mark.usefixtures("pool", "poison")
def test_a_crash_a_hang_and_a_bomb_cost_their_scenes_and_no_other(tmp_path):
    """The run goes on to its publication; each such scene is rejected and says why."""
    yard = make_yard(tmp_path / "yard", 8)
    for day, name in ((1, "poison-segv"), (3, "poison-hang"), (5, "bomb")):
        shutil.copy(yard.archive / "look0.tif", yard.archive / f"{name}.tif")
        spoil(yard, day, name)
    write_bomb(yard.archive / "bomb.tif")
    assert (yard.archive / "bomb.tif").stat().st_size < 1 << 20

    walk_yard(yard, str(tmp_path / "store"))

    with Record.open(FolderStore(tmp_path / "store"), "yard") as record:
        entries = {entry.item_id: entry for entry in record.entries()}
    lost = {yard.scene_id(1): "SIGSEGV", yard.scene_id(3): "within 3 s", yard.scene_id(5): "memory"}
    for item_id, words in lost.items():
        assert entries[item_id].status is Status.REJECTED
        assert entries[item_id].rejection == "asset_unreadable"
        assert words in entries[item_id].detail
    others = [e.status for e in entries.values() if e.item_id not in lost]
    assert others == [Status.INGESTED] * 5


@pytest.mark.usefixtures("poison")
def test_a_decoder_that_somebody_else_kills_rejects_nothing(tmp_path, pool):
    """SIGKILL is no file's doing (memory ran out, an operator): the scene may be tried again."""
    yard = make_yard(tmp_path / "yard", 1)
    shutil.copy(yard.archive / "look0.tif", yard.archive / "poison-kill.tif")

    with pytest.raises(TransientError, match="SIGKILL"):
        pool.decoded(HeaderJob("poison-kill.tif", "one"), "one", files=FolderStore(yard.archive))


class Bucket:
    """Files that only the worker can reach."""

    def __init__(self, path, failure=None):
        self.path, self.failure, self.asked = path, failure, 0

    def size(self, key):
        return (self.path / key).stat().st_size

    def get_range(self, key, start, length):
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return (self.path / key).read_bytes()[start : start + length]


def test_bytes_that_only_the_worker_can_fetch_are_handed_over(tmp_path, pool):
    """What is read through the worker is what is read from a folder."""
    yard = make_yard(tmp_path / "yard", 1)
    job = HeaderJob("look0.tif", "one")
    bucket = Bucket(yard.archive)

    through = pool.decoded(job, "one", files=bucket)

    assert through.said == pool.decoded(job, "one", files=FolderStore(yard.archive)).said
    assert bucket.asked > 0


def test_a_store_that_does_not_answer_rejects_nothing(tmp_path, pool):
    """What the network failed at is told as it was, and the decoder may be used again."""
    yard = make_yard(tmp_path / "yard", 1)
    job = HeaderJob("look0.tif", "one")
    silent = TransientError("bucket: gave up after 5 tries")

    with pytest.raises(TransientError, match="gave up after 5 tries"):
        pool.decoded(job, "one", files=Bucket(yard.archive, silent))
    assert pool.decoded(job, "one", files=Bucket(yard.archive)).said["side_m"] == 10.0


def test_a_decoder_is_kept_for_the_next_job_and_knows_no_credentials(tmp_path, pool, monkeypatch):
    """One process for many jobs; of the environment it has what finds libraries."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-1")
    monkeypatch.setenv("SH_CLIENT_SECRET", "canary-2")
    yard = make_yard(tmp_path / "yard", 1)
    for _ in range(3):
        pool.decoded(HeaderJob("look0.tif", "one"), "one", files=FolderStore(yard.archive))

    (decoder,) = pool._waiting
    environment = Path(f"/proc/{decoder.pid}/environ").read_bytes()

    assert b"PATH=" in environment
    assert b"canary" not in environment


WORKER = """
import sys
from railwatch.decoder.pool import _OURS
from railwatch.sources.archive.decoding import header
from railwatch.store import FolderStore
header(FolderStore(sys.argv[1]), "look0.tif", "one")
print(_OURS._waiting[0].pid, [name for name in ("rasterio",) if name in sys.modules], flush=True)
sys.stdin.read()
"""


def test_a_decoder_ends_with_its_worker_which_never_loads_gdal(tmp_path):
    """kill -9 of the worker leaves no decoder behind."""
    yard = make_yard(tmp_path / "yard", 1)
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, yard.archive],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        pid, loaded = worker.stdout.readline().split(maxsplit=1)
        assert loaded.strip() == "[]"
        os.kill(worker.pid, signal.SIGKILL)

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and running(int(pid)):
        time.sleep(0.05)
    assert not running(int(pid))


def running(pid):
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.usefixtures("pool")
def test_pixels_are_those_that_gdal_gives(tmp_path):
    """Read beside the worker or in this process by other means: the same square root of power."""
    yard = make_yard(tmp_path / "yard", 1)
    source = ArchiveSource(str(yard.archive))
    (found,) = source.search(query_for(yard.area, None, None))
    from railwatch.detector.window import footprint_for

    footprint = footprint_for(yard.area.sidings, 10.0, found.scene.bands)
    raster = source.fetch(found.scene, footprint.grid, footprint.pieces)

    grid = footprint.grid
    with rasterio.open(yard.archive / "look0.tif") as file:
        row, column = round((NORTH - grid.north) / 10), round((grid.west - WEST) / 10)
        power = file.read(1)[row : row + grid.shape[0], column : column + grid.shape[1]]
    expected = np.rint(np.sqrt(power) * 1e4).astype(np.uint16)
    wanted = raster.values[0] != 65535
    assert wanted.any()
    np.testing.assert_array_equal(raster.values[0][wanted], expected[wanted])


class Liar:
    """A connection whose other side was taken over."""

    closed = False

    def __init__(self, *answers):
        self.answers = list(answers)

    def send_bytes(self, data):
        pass

    def poll(self, _):
        return True

    def recv_bytes(self, _):
        return json.dumps(self.answers.pop(0)).encode()

    def close(self):
        self.closed = True


@pytest.mark.parametrize(
    "answer",
    [
        {"said": {}, "arrays": [["|O", [1], 0]]},
        {"said": {}, "arrays": [["<u2", [1 << 40], 0]]},
        {"said": {}, "arrays": [["<u2", [-1, 4], 0]]},
        {"said": {}, "arrays": [["<u2", [4], -64]]},
        {"wants": ["look0.tif", 0, 1 << 40]},
        {"wants": [["a"], 0, 1]},
        {"other": 1},
        [],
    ],
)
def test_nothing_a_decoder_answers_is_believed(tmp_path, answer):
    """One that was taken over gives no objects, no memory and no crash; its scene is rejected."""
    decoder = Decoder.__new__(Decoder)
    decoder.limits, decoder.owner = Limits(), os.getpid()
    decoder._memory_fd, decoder._memory = os.memfd_create("test"), None
    decoder._process = subprocess.Popen(["true"])
    decoder._ours = Liar(answer)

    with pytest.raises(DecoderDiedError, match="nonsense") as raised:
        decoder.ask(HeaderJob("look0.tif", "one"), Bucket(tmp_path), b"")
    assert not raised.value.killed  # so the pool tries once more, then rejects
    assert not decoder.alive


def test_a_decoder_ends_with_its_worker_in_the_middle_of_a_job(tmp_path):
    """Killed at once, the worker leaves no decoder behind that still hangs in a file."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler to make a decoder hang in native code")
    shim = tmp_path / "poison.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, SHIM, "-ldl"], check=True)
    yard = make_yard(tmp_path / "yard", 1)
    shutil.copy(yard.archive / "look0.tif", yard.archive / "poison-hang.tif")
    code = (
        "import sys\n"
        "from railwatch.decoder import Limits\n"
        "from railwatch.decoder.process import Decoder\n"
        "from railwatch.sources.archive.decoding import HeaderJob\n"
        "from railwatch.store import FolderStore\n"
        "decoder = Decoder(Limits())\n"
        "print(decoder.pid, flush=True)\n"
        "decoder.ask(HeaderJob('poison-hang.tif', 'one'), FolderStore(sys.argv[1]), b'')\n"
    )
    deadline = time.monotonic() + 60
    with subprocess.Popen(
        [sys.executable, "-c", code, str(yard.archive)],
        env=os.environ | {"LD_PRELOAD": str(shim)},
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        decoder = Path("/proc") / worker.stdout.readline().strip()
        while cpu_s(decoder) < 3.0:  # a start takes a tenth of it: it is at the file
            assert time.monotonic() < deadline
            time.sleep(0.05)
        worker.kill()

    while decoder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def cpu_s(process: Path) -> float:
    """Processor seconds of a process, by its folder in /proc."""
    user, system = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
