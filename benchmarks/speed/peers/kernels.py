"""Kernels of the libraries a user would take. Runs in a peers' environment.

    python kernels.py PEER INPUT.npz REPEATS

Inputs are made by `benchmarks.speed.kernel_input`; each prints CPU seconds a repetition and how far
its answer lies from the reference in the same file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import numpy as np
from stopwatch import Stopwatch

Kernel = Callable[[], Any]


def bottleneck(given: Any) -> Kernel:
    import bottleneck as bn

    series = np.ascontiguousarray(given["values"].T)  # its fastest axis is the last

    def run() -> Any:
        centre = bn.nanmedian(series, axis=1)
        return centre, bn.nanmedian(np.abs(series - centre[:, None]), axis=1)

    return run


def numbagg(given: Any) -> Kernel:
    import numbagg as library

    series = np.ascontiguousarray(given["values"].T)

    def run() -> Any:
        centre = library.nanmedian(series, axis=1)
        return centre, library.nanmedian(np.abs(series - centre[:, None]), axis=1)

    return run


def numpy(given: Any) -> Kernel:
    series = np.ascontiguousarray(given["values"].T)

    def run() -> Any:
        centre = np.nanmedian(series, axis=1)
        return centre, np.nanmedian(np.abs(series - centre[:, None]), axis=1)

    return run


def xarray(given: Any) -> Kernel:
    import xarray as xr

    cube = xr.DataArray(given["values"], dims=("time", "place"))

    def run() -> Any:
        centre = cube.median("time")
        return centre.to_numpy(), abs(cube - centre).median("time").to_numpy()

    return run


def _points(given: Any) -> Any:
    return np.stack([given["row"].ravel(), given["col"].ravel()])


def _map_coordinates(given: Any, **how: Any) -> Kernel:
    from scipy import ndimage

    planes, points = given["values"].astype(np.float32), _points(given)

    def run() -> Any:
        return np.stack(
            [ndimage.map_coordinates(p, points, output=np.float32, **how) for p in planes]
        )

    return run


def xarray_interp(given: Any) -> Kernel:
    import xarray as xr

    planes = given["values"].astype(np.float32)
    cube = xr.DataArray(
        planes,
        dims=("band", "y", "x"),
        coords={"y": np.arange(planes.shape[1]), "x": np.arange(planes.shape[2])},
    )
    row, col = (xr.DataArray(given[n].ravel(), dims="point") for n in ("row", "col"))
    return lambda: cube.interp(y=row, x=col).to_numpy()


def _hmm(given: Any, implementation: str, *, viterbi: bool = False) -> Kernel:
    from hmmlearn.base import BaseHMM

    loglik = np.ascontiguousarray(given["loglik"])

    class Given(BaseHMM):
        """Takes the likelihoods as they are, so that no emission model is timed."""

        def _compute_log_likelihood(self, _: Any) -> Any:  # the library's name
            return loglik

        def _compute_likelihood(self, _: Any) -> Any:
            return np.exp(loglik)

        def _check(self) -> None:
            pass

    model = Given(n_components=loglik.shape[1], implementation=implementation)
    model.startprob_, model.transmat_ = given["start"], given["step"]
    model.n_features = 1
    blank = np.zeros((len(loglik), 1))
    if viterbi:
        return lambda: model.decode(blank)[1]
    return lambda: model.score_samples(blank)[1]


PEERS: dict[str, Callable[[Any], Kernel]] = {
    "bottleneck": bottleneck,
    "numbagg": numbagg,
    "numpy": numpy,
    "xarray": xarray,
    "scipy cubic, no prefilter": lambda g: _map_coordinates(g, order=3, prefilter=False),
    "scipy cubic": lambda g: _map_coordinates(g, order=3),
    "scipy bilinear": lambda g: _map_coordinates(g, order=1),
    "xarray.interp": xarray_interp,
    "hmmlearn scaling": lambda g: _hmm(g, "scaling"),
    "hmmlearn log": lambda g: _hmm(g, "log"),
    "hmmlearn viterbi": lambda g: _hmm(g, "log", viterbi=True),
}


def main() -> None:
    peer, given, repeats = sys.argv[1], np.load(sys.argv[2]), int(sys.argv[3])
    run = PEERS[peer](given)
    found = run()
    with Stopwatch() as watch:
        for _ in range(repeats):
            found = run()
    found = np.concatenate([np.ravel(one) for one in found]) if isinstance(found, tuple) else found
    reference = given["reference"]
    same = np.size(found) == np.size(reference)
    error = float(np.nanmax(np.abs(np.ravel(found) - np.ravel(reference)))) if same else None
    watch.said["cpu_s"] /= repeats
    watch.said["wall_s"] /= repeats
    watch.tell(error=error)


if __name__ == "__main__":
    main()
