"""One record, two Pythons: Icechunk 1 on 3.11 and Icechunk 2 on 3.12 and later."""

import os
import subprocess
import sys

import pytest

OTHER = os.environ.get("RAILWATCH_OTHER_PYTHON")
"""An interpreter of another version that has railwatch installed."""

WRITE = """
import sys
from railwatch.record import Ingested, Record
from railwatch.store import Store
from railwatch.testing.made import made_footprint, made_raster, made_scene, seed_of
first = int(sys.argv[2])
print_ = made_footprint()
with Record.open(Store.open(sys.argv[1]), "here", write=True) as record:
    scenes = [made_scene(day) for day in range(first, first + 3)]
    record.add([Ingested(s, print_, made_raster(seed_of(s), print_)) for s in scenes])
    record.tag_state("sidings")
"""

READ = """
import sys
from railwatch.record import Record
from railwatch.store import Store
with Record.open(Store.open(sys.argv[1]), "here") as record:
    ids = [entry.item_id for entry in record.entries()]
    sums = [int(record.raster(i)[1].values.sum()) for i in ids]
    print(ids, sums, record.state_digest("sidings"), record.cube("made@10")["values"].values.sum())
    record.at(record.state_digest("sidings"))
"""


@pytest.mark.slow
@pytest.mark.skipif(OTHER is None, reason="RAILWATCH_OTHER_PYTHON names no second interpreter")
def test_what_one_python_writes_the_other_reads_and_goes_on_with(tmp_path):
    """Both append to one record, both read the same scenes, pixels, digest and tag."""

    def run(python, script, *arguments):
        done = subprocess.run(
            [python, "-c", script, str(tmp_path / "store"), *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    run(sys.executable, WRITE, "0")
    run(OTHER, WRITE, "3")
    run(sys.executable, WRITE, "6")
    mine, others = run(sys.executable, READ), run(OTHER, READ)

    assert mine == others
    assert "day-8" in mine
