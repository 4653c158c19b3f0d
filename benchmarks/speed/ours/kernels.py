"""Kernels of railwatch on the inputs of `benchmarks.speed.kernel_input`.

python -m benchmarks.speed.ours.kernels NAME INPUT.npz REPEATS
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.speed.stopwatch import Stopwatch
from railwatch.detector.occupancy import Dynamics, infer
from railwatch.detector.order import half_sample_mode, median_and_miss
from railwatch.detector.strip_sampling import sample
from railwatch.grid import Grid
from railwatch.scene import REFLECTANCE_SCALE

CELL_M = 5.0


def baseline(given: Any) -> Callable[[], Any]:
    values = given["values"]
    return lambda: median_and_miss(values)


def mode(given: Any) -> Callable[[], Any]:
    values = given["values"]
    return lambda: half_sample_mode(values)


def resample(given: Any) -> Callable[[], Any]:
    values = given["values"]
    grid = Grid(32652, 10.0, 500_000.0, 4_700_000.0, values.shape[1:])
    x = grid.west + (given["col"] + 0.5) * grid.gsd_m
    y = grid.north - (given["row"] + 0.5) * grid.gsd_m
    clear = np.ones(grid.shape, dtype=np.bool_)
    return lambda: sample(values, clear, grid, x, y)


def chain(given: Any) -> Callable[[], Any]:
    loglik = given["loglik"]
    there = np.ones(len(loglik), dtype=np.int64)
    unit = np.zeros((1, len(loglik)), dtype=np.int64)
    return lambda: infer(loglik, there, unit, Dynamics(CELL_M), draws=0, seed=0)


def answer(name: str, found: Any) -> Any:
    """What of it the reference holds."""
    if name == "baseline":
        return np.concatenate([np.ravel(one) for one in found])
    if name == "resample":
        return np.ravel(found) / REFLECTANCE_SCALE
    if name == "chain":
        return np.ravel(np.stack([1.0 - found.track[0], found.track[0]], axis=1))
    return None


KERNELS = {"baseline": baseline, "mode": mode, "resample": resample, "chain": chain}


def main() -> None:
    name, given, repeats = sys.argv[1], np.load(sys.argv[2]), int(sys.argv[3])
    run = KERNELS[name](given)
    found = run()
    with Stopwatch() as watch:
        for _ in range(repeats):
            found = run()
    got = answer(name, found)
    error = None if got is None else float(np.nanmax(np.abs(got - np.ravel(given["reference"]))))
    watch.said["cpu_s"] /= repeats
    watch.said["wall_s"] /= repeats
    watch.tell(error=error)


if __name__ == "__main__":
    main()
