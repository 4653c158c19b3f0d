"""Kernels against a peer in the same process: a gate on ratios, which a busy machine does not move.

`make bench` measures properly. Here each kernel only has to keep clear of a library that is always
installed, by far less than it leads: what fails this has lost its compilation or its vector sort.
"""

import time

import numpy as np
import pytest
from scipy import ndimage

from benchmarks.speed import cluster, kernel_input
from benchmarks.speed.contest import OURS, Contender, Contest, hold
from benchmarks.speed.ours import kernels
from benchmarks.speed.suite import slope
from railwatch.detector.levelling import nuisance


def cpu_s(run, times=5):
    """Least CPU seconds of several runs: what else the machine does only ever adds."""
    spent = []
    for _ in range(times):
        before = time.process_time()
        run()
        spent.append(time.process_time() - before)
    return min(spent)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return {
        name: np.load(file)
        for name, file in kernel_input.make(tmp_path_factory.mktemp("kernels")).items()
    }


@pytest.mark.parametrize("name", ["baseline", "resample", "chain"])
def test_a_kernel_gives_the_answer_worked_out_the_slow_way(given, name):
    """Speed bought with wrong answers would show here first."""
    found = kernels.answer(name, kernels.KERNELS[name](given[name])())

    np.testing.assert_allclose(found, np.ravel(given[name]["reference"]), rtol=1e-6, atol=1e-12)


def test_medians_and_misses_keep_their_lead(given):
    """Measured 2.7 times as fast as bottleneck, and four times as fast as NumPy's median alone."""
    values = given["baseline"]["values"][:, :1000]
    run = kernels.baseline({"values": values})
    run()

    assert cpu_s(run) * 1.5 < cpu_s(lambda: np.nanmedian(values, axis=0))


def test_sampling_keeps_its_lead(given):
    """Measured 5.7 times as fast as SciPy with the same sixteen pixels."""
    run = kernels.resample(given["resample"])
    run()
    planes = given["resample"]["values"].astype(np.float32)
    points = np.stack([given["resample"][axis].ravel() for axis in ("row", "col")])

    def scipy():
        for plane in planes:
            ndimage.map_coordinates(plane, points, order=3, prefilter=False, output=np.float32)

    assert cpu_s(run) * 2.5 < cpu_s(scipy)


def test_levelling_keeps_its_lead():
    """Measured 17 times as fast as NumPy; one sample at a time it would be four times as fast."""
    rng = np.random.default_rng(0)
    bands, offsets, cells = 4, 15, 2000
    look = rng.normal(0.12, 0.01, (bands, offsets, cells))
    values = (look + rng.normal(0.0, 0.004, look.shape)).astype(np.float32)
    by_x, by_y = rng.normal(0.0, 0.001, (2, *look.shape))
    track = np.zeros((offsets, cells), dtype=np.bool_)
    track[6:9] = True
    on, beside = np.full(cells, 0.9), 0.3
    ridge = np.ones(3 * bands + 2)

    def ours():
        return nuisance(values, look, track, by_x, by_y, (on, beside), ridge, 0.012)

    def numpy():
        weight, answer = np.where(track, on, beside), np.eye(5)[0]
        for _ in range(4):
            for b in range(bands):
                rows = np.stack(
                    [look[b], np.ones_like(look[b]), look[b] * track, by_x[b], by_y[b]]
                ).reshape(5, -1)
                miss = (values[b].ravel() - answer @ rows) / 0.012
                w = weight.ravel() / (1.0 + miss**2)
                (rows * w) @ rows.T, (rows * w) @ values[b].ravel()

    ours()
    assert cpu_s(ours) * 7 < cpu_s(numpy)


def test_the_chain_keeps_its_lead(given):
    """Measured at 18 ns a cell; matrices of NumPy in a loop take hundreds of times as long."""
    run = kernels.chain(given["chain"])
    run()
    step, loglik = given["chain"]["step"], given["chain"]["loglik"][:500]

    def plain():
        p = np.array([0.5, 0.5])
        for likelihood in np.exp(loglik):
            p = (p @ step) * likelihood
            p /= p.sum()

    # Sixteen times as many cells, and both ways.
    assert cpu_s(run) < cpu_s(plain)


def test_a_contest_leaves_failures_out_and_names_them():
    """Ratios are taken round by round; a contender that fails is named, not counted."""

    def prints(text):
        return ["python3", "-c", f"print('{text}')"]

    said = []
    contest = hold(
        "x",
        [
            Contender(OURS, prints('{"cpu_s": 2.0}'), OURS),
            Contender("fine", prints('{"cpu_s": 4.0}'), "peer"),
            Contender("broken", ["python3", "-c", "raise SystemExit('no such codec')"], "peer"),
        ],
        2,
        said.append,
    )

    assert contest.peers() == ["fine"]
    assert contest.failed == {"broken": "no such codec"}
    assert contest.ratio(OURS, "fine") == (0.5, 0.5, 0.5)
    assert contest.median("fine") == 4.0


def test_a_ratio_is_the_middle_of_rounds_not_of_sums():
    """A round in which the machine was busy for both changes no ratio."""
    contest = Contest(
        "x",
        {
            OURS: [{"cpu_s": 1.0}, {"cpu_s": 10.0}, {"cpu_s": 1.0}],
            "peer": [{"cpu_s": 2.0}, {"cpu_s": 20.0}, {"cpu_s": 4.0}],
        },
        {OURS: OURS, "peer": ""},
    )

    assert contest.ratio(OURS, "peer") == (0.5, 0.25, 0.5)


def test_slopes_are_of_logarithms():
    """Twice the cost for twice the work is one, the same cost is nought."""
    assert slope([1, 10, 100], [3, 30, 300]) == pytest.approx(1.0)
    assert slope([1, 10, 100], [7, 7, 7]) == pytest.approx(0.0)


def test_the_scheduler_is_the_end_of_growing():
    """Units of 0.2 s and 10 ms each at the scheduler: no more than twenty workers are kept busy."""
    steps = {s.workers: s for s in cluster.simulate([0.2] * 4000, 0.01)}

    assert steps[10].bottleneck == "workers"
    assert steps[10].speedup == pytest.approx(10.0, rel=0.05)
    assert steps[100].speedup == pytest.approx(21.0, rel=0.03)
    assert steps[100].bottleneck.startswith("scheduler")
