"""A store read from end to end: whatever is damaged, missing or foreign is named, and mended."""

import random
import shutil
import subprocess

import pytest

from railwatch.cli import main
from railwatch.errors import RailwatchError
from railwatch.integrity.keys import Kind, kind_of
from railwatch.integrity.problem import Verdict
from railwatch.integrity.scan import scan, scan_roots
from railwatch.record import Record


def test_a_whole_store_has_no_problems_and_every_name_is_known(made, capsys):
    """Also the inventory can be checked without railwatch."""
    assert {kind_of(key) for key in made.store.list()} >= {
        Kind.RECORD, Kind.REFERENCE, Kind.POINTER, Kind.MANIFEST, Kind.PUBLISHED, Kind.EVIDENCE,
        Kind.FIXED, Kind.ROOT,
    }  # fmt: skip
    assert main(["verify", "--store", made.url]) == 0
    assert "no problems" in capsys.readouterr().out
    report = scan(made.store, "yard")
    assert (report.problems, report.scenes, report.publications) == ((), 12, 1)
    assert report.known > 150
    if shutil.which("sha256sum"):
        check = ["sha256sum", "--check", "--quiet", "inventories/yard.sha256"]
        subprocess.run(check, cwd=made.url, check=True)


def test_any_flipped_bit_is_found_and_never_published(stored):
    """Every object at a random bit: named by a scan; publishing gives the truth or stops."""
    scan(stored.store, "yard")
    truth, dice = stored.bytes(), random.Random(8)
    keys = [k for k in stored.store.list() if kind_of(k) is not Kind.OURS and stored.store.size(k)]
    clean = {key: stored.store.get(key) for key in keys}
    leading = {Kind.POINTER, Kind.MANIFEST}, {Kind.FIXED, Kind.ROOT}
    rounds = [[k for k in keys if kind_of(k) in some] for some in leading]
    rounds.append([k for k in keys if not any(kind_of(k) in some for some in leading)])
    for few in rounds:
        for key in few:
            stored.flip(key, dice.randrange(len(clean[key])))
        problems = [*scan(stored.store, "yard").problems, *scan_roots(stored.store)]
        named = {one.key for one in problems if one.verdict is Verdict.DAMAGED}
        assert [key for key in few if key not in named] == []
        for key in few:
            stored.store.file(key).write_bytes(clean[key])

    assert scan(stored.store, "yard").problems == ()
    for key in dice.sample([k for k in keys if k.startswith("records/")], 12):
        stored.flip(key)
        for publication in stored.store.list("areas/yard/history"):
            stored.store.delete(publication)
        stored.store.delete("areas/yard/latest.json")
        try:
            stored.walk()
        except RailwatchError:
            pass
        else:
            table = "areas/yard/counts.parquet"
            assert stored.store.get(table) == truth[table], key
        stored.store.file(key).write_bytes(clean[key])


def test_missing_and_foreign_objects_are_named(stored, capsys):
    """Each by its key, with what makes it good; the command exits 1 with one sentence."""
    scan(stored.store, "yard")
    published = next(k for k in stored.store.list("areas/yard/publications") if "/c/" in k)
    chunk = next(iter(stored.store.list("records/yard/chunks")))
    for key in (published, chunk):
        stored.store.delete(key)
    foreign = ["records/yard/notes.txt", f"{published.split('cube.zarr')[0]}virus.exe", "x/y"]
    for key in foreign:
        stored.store.put(key, b"?")

    found = [*scan(stored.store, "yard").problems, *scan_roots(stored.store)]
    assert {one.key for one in found if one.verdict is Verdict.FOREIGN} == set(foreign)
    assert {published, chunk} <= {one.key for one in found if one.verdict is Verdict.MISSING}
    assert main(["verify", "--store", stored.url]) == 1
    said = capsys.readouterr()
    assert f"missing: {published}" in said.out
    assert said.err.startswith("railwatch: ")
    assert len(said.err.splitlines()) == 1


def test_damaged_pixels_are_left_out_and_fetched_again(stored, capsys):
    """After --repair the scene is refused as damaged; the next run brings equal bytes back."""
    scan(stored.store, "yard")
    truth = stored.bytes()
    victim = stored.pixels_of(5)
    stored.flip(victim)

    assert main(["verify", "yard", "--store", stored.url, "--repair"]) == 0
    assert stored.yard.scene_id(5) in capsys.readouterr().out
    with Record.open(stored.store, "yard") as record:
        entry = next(e for e in record.entries() if e.item_id == stored.yard.scene_id(5))
    assert (entry.status, entry.rejection) == ("rejected", "damaged")
    assert any(k.startswith("quarantine/") and k.endswith(victim) for k in stored.store.list())
    stored.walk()
    assert stored.bytes() == truth
    assert scan(stored.store, "yard").problems == ()


def test_damaged_findings_are_counted_again(stored):
    """Counts are a function of pixels: whatever part of them is lost comes back the same."""
    truth = stored.bytes()
    whole = stored.store.get("areas/yard/counts.parquet")
    path = _chunk_named(stored, "counts/c/")
    stored.flip(path)

    problems = scan(stored.store, "yard").problems
    assert [one.flaw.kind for one in problems if one.flaw] == ["findings"]
    assert main(["verify", "yard", "--store", stored.url, "--repair"]) == 0
    stored.walk()
    assert stored.store.get("areas/yard/counts.parquet") == whole
    assert stored.bytes() == truth


@pytest.mark.parametrize(
    "name", ["counts.parquet", "cube.zarr/zarr.json", "evidence", "latest.json", "history"]
)
def test_damaged_publications_are_made_again(stored, name):
    """What readers see is the same as before, or a new whole publication of the same numbers."""
    truth = stored.bytes()
    scan(stored.store, "yard")
    victim = next(k for k in stored.store.list("areas/yard") if name in k)
    stored.flip(victim)

    assert main(["verify", "yard", "--store", stored.url, "--repair"]) == 0
    assert scan(stored.store, "yard").problems == ()
    assert scan_roots(stored.store) == ()
    assert stored.bytes() == truth


def test_a_damaged_ledger_is_left_to_a_backup(stored, tmp_path, capsys):
    """Nothing is guessed: the store is left as it is, and a copy put back makes it whole."""
    scan(stored.store, "yard")
    backup = tmp_path / "backup"
    shutil.copytree(stored.url, backup)
    stored.flip("records/yard/refs/branch.main/ref.json", 14)
    before = {key: stored.store.get(key) for key in stored.store.list("records")}

    assert main(["verify", "yard", "--store", stored.url, "--repair"]) == 1
    assert "restore from a backup" in capsys.readouterr().err
    assert {key: stored.store.get(key) for key in stored.store.list("records")} == before
    shutil.rmtree(stored.url)
    shutil.copytree(backup, stored.url)
    assert scan(stored.store, "yard").problems == ()
    stored.walk()


def _chunk_named(stored, part):
    """Key of the object behind a chunk of the findings, by what it holds."""
    for key in stored.store.list("records/yard/chunks"):
        clean = stored.store.get(key)
        stored.store.delete(key)
        try:
            with Record.open(stored.store, "yard") as record:
                flaws = list(record.upkeep().flaws())
        finally:
            stored.store.put(key, clean)
        if [f.kind for f in flaws] == ["findings"] and "index" not in part:
            return key
    raise AssertionError(part)
