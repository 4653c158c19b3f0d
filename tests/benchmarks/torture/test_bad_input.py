"""Every kind of bad input of the design's matrix ends in one sentence that says what to mend."""

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from benchmarks.torture.bad_input import (
    LINE,
    cases,
    proven,
    scene_cases,
    sidings,
    spoilt_scene,
    tiff,
    tree,
)
from railwatch.area import load_area
from railwatch.cli import main
from railwatch.detector.window import footprint_for
from railwatch.errors import IntegrityError, QuotaError
from railwatch.integrity.scan import scan
from railwatch.publication.parquet import read_rows
from railwatch.sources.sentinel_hub import Budget, SentinelHubSource, Spool
from railwatch.store import Store
from railwatch.testing.radar_yard import SIZE, make_yard, walk_yard
from railwatch.testing.sentinel_hub.server import CLIENT_ID, CLIENT_SECRET, Emulator
from railwatch.work import query_for

CASES = cases()
SCENES = scene_cases()
HERE_ONLY = {38, 42, 60, 70, 72, 74, 75, 77}
"""Rows that have a test of their own below, or beside a case of the table."""


@pytest.fixture
def offline(monkeypatch):
    """Whoever connects anywhere is caught."""
    tried = []

    def refuse(_, address):
        tried.append(address)
        raise OSError("no connection is wanted here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    return tried


def test_every_row_of_the_matrix_is_tried():
    """1 to 78, here or in a test that exists."""
    here = {case.row for case in [*CASES, *SCENES]} | HERE_ONLY
    for row, file, test in proven():
        assert f"def {test}" in file.read_text(), (row, file, test)
        here.add(row)

    assert set(range(1, 79)) - here == set()


@pytest.mark.parametrize("case", CASES, ids=[f"{c.row} {c.name}" for c in CASES])
def test_one_sentence_and_nothing_else(case, tmp_path, capsys, monkeypatch, offline):
    """Exit code, one line on stderr with file, field and remedy; no file written, nobody called."""
    for name, value in case.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    arguments = case.prepare(tmp_path)
    before, started = tree(tmp_path), time.process_time()
    code = main(arguments)
    took = time.process_time() - started
    said = capsys.readouterr()

    assert code == case.code
    lines = said.err.strip().splitlines()
    assert len(lines) == 1 or case.code == 2, said.err  # usage errors name the command's usage, too
    assert [words for words in case.says if words not in said.err] == [], said.err
    assert "Traceback" not in said.err
    assert "hunter2" not in said.err + said.out
    assert len(said.err) < 1200
    assert tree(tmp_path) == before
    assert offline == []
    assert took < 2.0  # CPU; a second on a machine that is not shared


@pytest.mark.parametrize("case", SCENES, ids=[f"{c.row} {c.name}" for c in SCENES])
def test_one_spoilt_scene_is_left_out_by_name(case, tmp_path, offline):
    """The rejection names the file and what is wrong; the other scene is counted."""
    reason, detail, counted = spoilt_scene(case, tmp_path / "yard")

    assert (reason, counted) == (case.reason, 1), detail
    assert [words for words in case.says if words not in detail] == [], detail
    assert offline == []


SAMPLE = [case for case in CASES if (case.row, case.name) in
          {(16, "alias bomb"), (39, "a million points"), (76, "no such area")}]  # fmt: skip


@pytest.mark.parametrize("case", SAMPLE, ids=[c.name for c in SAMPLE])
def test_as_a_process_it_takes_a_second_and_little_memory(case, tmp_path):
    """Under 300 MB, and a second of CPU where nobody else compiles modules."""
    code = (
        "import sys, resource\n"
        "from railwatch.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "peak = next(li for li in open('/proc/self/status') if li.startswith('VmHWM'))\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(code, peak.split()[1], used.ru_utime + used.ru_stime)\n"
    )
    command = [sys.executable, "-c", code, *case.prepare(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    status, peak_kb, cpu_s = map(float, done.stdout.split())

    assert status == 1, done.stderr
    assert peak_kb < 300_000
    assert cpu_s < 5.0


def test_heights_are_dropped(tmp_path):
    """Row 38: three values are what desktop GIS writes, and mean nothing here."""
    points = [[x, y, 7.5] for x, y in LINE]
    said = sidings({"type": "LineString", "coordinates": points})
    (tmp_path / "yard.yaml").write_text("id: yard\n")
    (tmp_path / "yard.sidings.geojson").write_text(json.dumps(said))
    assert load_area(tmp_path / "yard.yaml").sidings.sidings[0].coordinates == tuple(
        map(tuple, LINE)
    )


def test_a_backfill_that_costs_more_than_the_budget_is_not_begun(tmp_path, monkeypatch):
    """Row 42: the price is known before anything is spent; nothing was asked for."""
    yard = make_yard(tmp_path / "yard", 2)
    with Emulator(archive=yard.archive) as hub:
        monkeypatch.setenv("SH_BASE_URL", hub.url)
        monkeypatch.setenv("SH_TOKEN_URL", hub.token_url)
        monkeypatch.setenv("SH_CLIENT_ID", CLIENT_ID)
        monkeypatch.setenv("SH_CLIENT_SECRET", CLIENT_SECRET)
        spool = Spool(Store.open(str(tmp_path / "store")), "yard")
        source = SentinelHubSource(spool=spool, sidings=yard.area.sidings, budget=Budget(1e-6))
        found = [f.scene for f in source.search(query_for(yard.area, None, None)) if f.scene]
        footprint = footprint_for(yard.area.sidings, found[0].gsd_m, found[0].bands)
        with pytest.raises(QuotaError, match="would exceed"):
            source.fetch(found[0], footprint.grid, footprint.pieces)

        assert len(found) == 2
        assert hub.ledger.spent_pu == 0


def test_a_scene_of_cloud_alone_is_refused_not_counted(tmp_path):
    """Row 60: saturated everywhere; there is a row, and no number in it."""
    yard = make_yard(tmp_path / "yard", 2)
    tiff(yard.archive / "look1.tif", np.full((1, SIZE, SIZE), 1e9, np.float32))
    walk_yard(yard, str(tmp_path / "store"))
    rows = read_rows((tmp_path / "store/areas/yard/counts.parquet").read_bytes())
    assert [row["cars"] for row in rows if row["scene_id"] == yard.scene_id(1)] == [None] * 3


def test_a_record_that_names_an_object_nobody_has_is_refused(tmp_path, capsys):
    """Row 72: one sentence names it; nothing is published from the rest."""
    yard = make_yard(tmp_path / "yard", 2)
    url = str(tmp_path / "store")
    walk_yard(yard, url)
    shutil.rmtree(tmp_path / "store/records/yard/chunks")
    assert main(["verify", "yard", "--store", url]) == 1
    assert "missing" in capsys.readouterr().out
    yard.add(2, 1)
    with pytest.raises(IntegrityError, match="not what was written"):
        walk_yard(yard, url)


def test_clocks_of_files_mean_nothing(tmp_path):
    """Row 74: files from the future and from 1970 change no number and are not fetched again."""
    yard = make_yard(tmp_path / "yard", 2)
    url = str(tmp_path / "store")
    first = walk_yard(yard, url)
    for i, path in enumerate(p for p in tmp_path.rglob("*") if p.is_file()):
        os.utime(path, (4e9 * (i % 2), 4e9 * (i % 2)))
    again = walk_yard(yard, url)
    assert (again.id, again.changed) == (first.id, False)


def test_a_full_disk_is_one_sentence_and_the_next_run_goes_on(tmp_path):
    """Row 75: no file may grow beyond 4 kB, as on a full disk; then it may again."""
    yard = make_yard(tmp_path / "yard", 3)
    url = str(tmp_path / "store")
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from railwatch.errors import StoreError\n"
        "from railwatch.testing.radar_yard import RadarYard, walk_yard\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    walk_yard(RadarYard(Path(sys.argv[1])), sys.argv[2])\n"
        "except StoreError as exc:\n"
        "    print(exc)\n"
        "    sys.exit(1)\n"
    )
    command = [sys.executable, "-c", code, str(yard.folder), url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)

    assert done.returncode == 1, done.stderr
    assert "File too large" in done.stdout
    assert not (tmp_path / "store/areas/yard/latest.json").exists()
    assert walk_yard(yard, url).changed
    assert scan(Store.open(url), "yard").problems == ()


def test_a_reader_that_closes_the_pipe_ends_the_command_quietly(tmp_path):
    """Row 77: `railwatch counts | head -1` says nothing on stderr."""
    yard = make_yard(tmp_path / "yard", 4)
    walk_yard(yard, str(tmp_path / "store"))
    counts = [
        sys.executable,
        "-m",
        "railwatch",
        "counts",
        "yard",
        "--store",
        str(tmp_path / "store"),
    ]
    command = f"{shlex.join([*counts, '--format', 'json'])} | head -c 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[", "")
