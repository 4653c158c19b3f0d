"""One new scene along 40 km of track, in memory: from its strips to published quantiles.

    python -m benchmarks.speed.ours.in_memory REPEATS

8,000 positions of 5 m, 15 samples across, the four bands the detector looks at: 480,000 samples.
What a checkpoint knows is learnt before the watch is started; its size does not depend on how long
the history is (at most 96 scenes are learnt from). A train of known length stands in the scene.
"""

from __future__ import annotations

import datetime as dt
import sys

import numpy as np

from benchmarks.speed.stopwatch import Stopwatch
from railwatch.count import ResolutionClass
from railwatch.detection import Registration
from railwatch.detector.block import Block, blocks_of
from railwatch.detector.length import Knowledge, LengthCounter
from railwatch.detector.observation import OPTICAL, Observation
from railwatch.record import parcel
from railwatch.scene import Scene
from railwatch.siding import Siding, SidingSet

GSD_M = 10.0
SIDING = Siding("long", ((130.6, 42.4), (131.0865, 42.4)))
SCENES, TRIALS = 8, 30
"""Learnt from: enough for a look, too few for fine intervals, which nobody reads here."""
TRAIN_M = 420.0
START = dt.datetime(2023, 1, 1, 2, tzinfo=dt.UTC)


def scenes(block: Block) -> dict[int, Observation]:
    """Observations of ballast, light and noise; a train stands in the last one."""
    rng = np.random.default_rng(0)
    shape = (len(OPTICAL), len(block.offset), len(block.chainage))
    look = 0.12 + rng.normal(0.0, 0.004, shape)
    seen = {}
    for i in range(SCENES + 1):
        values = (1.0 + 0.01 * i) * look + rng.normal(0.0, 0.004, shape)
        if i == SCENES:
            first = shape[2] // 3
            under = np.abs(block.offset) < 6.0
            values[:, under, first : first + round(TRAIN_M / block.cell_m)] -= 0.03
        scene = Scene(
            f"scene-{i}",
            "sentinel-2-l2a",
            START + dt.timedelta(days=5 * i),
            "sentinel-2a",
            GSD_M,
            OPTICAL,
            160.0,
            40.0,
        )
        there = Registration(0.0, 0.0, 0.3, 5)
        strips = (values.astype(np.float32),)
        seen[i] = Observation(scene, OPTICAL, 1.0, there, None, strips)
    return seen


def main() -> None:
    repeats = int(sys.argv[1])
    sidings = SidingSet((SIDING,))
    (block,) = blocks_of(sidings, GSD_M)
    seen = scenes(block)
    level = ResolutionClass.C
    learning = LengthCounter(block, sidings, level, GSD_M, seen, trials=TRIALS)
    given = {"block": block}
    data = parcel.packed(learning.learn(SCENES), given)
    known = parcel.unpacked(Knowledge, data, given)
    new = {SCENES: seen[SCENES]}
    (found,) = LengthCounter(block, sidings, level, GSD_M, new).count(known, SCENES)
    with Stopwatch() as watch:
        for _ in range(repeats):
            LengthCounter(block, sidings, level, GSD_M, new).count(known, SCENES)
    watch.said["cpu_s"] /= repeats
    watch.said["wall_s"] /= repeats
    watch.tell(error=abs(found.expected_m - TRAIN_M) / 14.0, positions=len(block.chainage))


if __name__ == "__main__":
    main()
