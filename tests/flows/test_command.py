"""`railwatch run` as a person runs it: in a process, on an archive in a folder."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from railwatch.cli import main

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

RAILWATCH = (sys.executable, "-m", "railwatch")

STOPPED_WITHIN_S = 20.0
"""Far above the 2-5 s it takes on a busy machine."""


def _rows(store: Path) -> list[dict[str, object]]:
    done = subprocess.run(
        [*RAILWATCH, "counts", "yard", "--store", str(store), "--format", "json"],
        capture_output=True,
        check=True,
    )
    rows: list[dict[str, object]] = json.loads(done.stdout)
    return [{k: v for k, v in row.items() if k != "published_at"} for row in rows]


def test_scenes_are_counted_and_a_second_run_has_nothing_new(yard):
    """One JSON document on stdout; progress on stderr; then nothing new, without Prefect."""
    yard.add(0, 3)
    yard.add(3, 1, href="gone.tif")

    first = yard.run("--json")
    second = yard.run("--json")

    assert first.returncode == 0, first.stderr
    said = json.loads(first.stdout)
    assert (said["found"], said["ingested"], said["rejected"]) == (4, 3, {"asset_missing": 1})
    assert said["published"]
    assert Path(said["report"]).is_file()
    assert "ingest: 3 of 3 scenes done" in first.stderr
    assert "Traceback" not in first.stderr
    assert json.loads(second.stdout)["nothing_new"]
    assert second.stderr == ""
    assert {row["refusal"] for row in _rows(yard.store)} >= {"asset_missing"}


def test_nothing_new_is_said_without_importing_prefect(yard):
    """The second run needs neither Prefect nor the record."""
    yard.add(0, 2)
    assert yard.run().returncode == 0
    arguments = yard.command()[3:]
    code = (
        "import sys\nfrom railwatch.cli import main\n"
        f"status = main({arguments!r})\n"
        "heavy = {'prefect', 'distributed', 'icechunk', 'xarray', 'pandas'} & set(sys.modules)\n"
        "print(status, sorted(heavy))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == [done.stdout.splitlines()[0], "0 []"]
    assert "nothing new" in done.stdout


def test_later_scenes_are_added_to_what_is_there(yard):
    """Two runs over a growing archive say the same as one over all of it."""
    yard.add(2, 3)
    assert yard.run().returncode == 0
    yard.add(0, 2)
    done = yard.run("--json")
    grown = _rows(yard.store)
    yard.store = yard.store.with_name("other")
    assert yard.run().returncode == 0

    assert json.loads(done.stdout)["ingested"] == 2
    assert grown == _rows(yard.store)


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_ends_within_seconds_and_goes_on_from_there(yard, blow):
    """Ctrl-C in mid-ingest: exit 130 (143 for SIGTERM), no traceback; the same command finishes."""
    yard.add(0, 60)
    with subprocess.Popen(
        yard.command(), stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith("ingest:"):
                break
        struck = time.monotonic()
        running.send_signal(blow)
        rest = running.stderr.read()
    took = time.monotonic() - struck

    assert running.returncode == 128 + blow
    assert took < STOPPED_WITHIN_S
    assert "Traceback" not in rest
    done = yard.run("--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scenes"] == 60


def test_a_store_that_cannot_be_written_is_one_line(yard):
    """A file where the store should be: exit 1 and its name."""
    yard.add(0, 1)
    yard.store.write_text("a file")

    done = yard.run()

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("railwatch: ")
    assert str(yard.store) in done.stderr
    assert "Traceback" not in done.stderr


def test_an_operator_s_dask_is_used_and_named_when_it_is_not_there(yard, unused_port):
    """`--dask` to nowhere is one line with the address."""
    yard.add(0, 1)

    done = yard.run(RAILWATCH_DASK_ADDRESS=f"tcp://127.0.0.1:{unused_port}")

    assert done.returncode == 1
    assert f"no Dask scheduler answers at tcp://127.0.0.1:{unused_port}" in done.stderr


def test_a_backfill_within_windows_says_the_same_as_one_run(yard):
    """Oldest first, a month at a time; a dry run before and after says what is left."""
    yard.add(20, 25)
    before = yard.backfill("--dry-run", "--json")
    done = yard.backfill("--order", "oldest-first", "--months-each", "1", "--json")
    after = yard.backfill("--dry-run", "--json")
    filled = _rows(yard.store)
    yard.store = yard.store.with_name("other")
    assert yard.run().returncode == 0

    assert json.loads(before.stdout)["left"]["scenes"] == 25
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ingested"] == 25
    assert done.stderr.count("ingest:") >= 4
    assert json.loads(after.stdout)["left"]["scenes"] == 0
    assert filled == _rows(yard.store)


def test_an_archive_without_a_scene_of_the_place_publishes_nothing(yard):
    """The sentence says so and the exit code is 0."""
    yard.add(0, 1)
    done = yard.run("--start", "2030-01-01")

    assert done.returncode == 0, done.stderr
    assert "lists nothing of this place and time" in done.stdout
    assert not (yard.store / "areas").exists()


def test_bad_input_is_one_line_and_writes_nothing(yard, capsys):
    """A broken area file, an unknown collection and a missing archive: exit 1, named."""
    yard.add(0, 1)
    for area, archive, named in (
        ("id: [", yard.archive, "yard.yaml:1"),
        ("id: yard\nsources:\n  - collection: landsat\n", yard.archive, "landsat"),
        ("id: yard\n", yard.archive / "absent", "absent"),
    ):
        yard.area.write_text(area)
        said = ["run", str(yard.area), "--archive", str(archive), "--store", str(yard.store)]
        assert main(said) == 1
        err = capsys.readouterr().err
        assert named in err
        assert len(err.splitlines()) == 1
    assert not yard.store.exists()


def test_a_window_that_ends_before_it_starts_is_wrong_usage(yard, capsys):
    """Exit 2, and both days are named."""
    days = ["--start", "2023-05-02", "--end", "2023-05-01"]

    assert main([*yard.command()[3:], *days]) == 2
    assert "2023-05-02 is after --end 2023-05-01" in capsys.readouterr().err
