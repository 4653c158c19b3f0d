"""Inputs of the kernel benchmarks, each with its answer worked out the slow way.

baseline    400 dates x 9,216 places, float32, NaN where clouded: median and median miss
resample    8,000 places x 3 across x 6 bands out of 400 x 400 pixels: Keys's cubic convolution
history     700 dates x 8,000 places x 6 bands, as `baseline`, the answer left out
chain       8,000 cells of one track: probability of being covered given all cells
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

DATES, PLACES, CLOUDED = 400, 96 * 96, 0.35
CELLS = 8000
ON, OFF = 5.0 / 800.0, 5.0 / 160.0
"""What `railwatch.detector.occupancy.Dynamics(5.0)` makes of cells of 5 m."""


def make(folder: Path) -> dict[str, Path]:
    """Write the inputs unless they are there; returns their files by name."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    inputs = {
        "baseline": _baseline,
        "history": _history,
        "resample": _resample,
        "chain": _chain,
    }
    for name, made in inputs.items():
        files[name] = folder / f"{name}.npz"
        if not files[name].exists():
            np.savez(files[name], **made(np.random.default_rng(7)))
    return files


def _baseline(rng: np.random.Generator) -> dict[str, np.ndarray]:
    values = (0.12 + 0.02 * rng.standard_normal((DATES, PLACES))).astype(np.float32)
    values[rng.random(values.shape) < CLOUDED] = np.nan
    centre = np.nanmedian(values.astype(np.float64), axis=0)
    miss = np.nanmedian(np.abs(values.astype(np.float64) - centre), axis=0)
    return {"values": values, "reference": np.concatenate([centre, miss])}


def _history(rng: np.random.Generator) -> dict[str, np.ndarray]:
    values = (0.12 + 0.02 * rng.standard_normal((700, 6 * CELLS))).astype(np.float32)
    values[rng.random(values.shape) < CLOUDED] = np.nan
    return {"values": values, "reference": np.zeros(0)}


def _resample(rng: np.random.Generator) -> dict[str, np.ndarray]:
    values = rng.integers(300, 4000, (6, 400, 400)).astype(np.uint16)
    along = np.linspace(0.0, 1.0, CELLS)
    across = np.array([-0.5, 0.0, 0.5])[:, None]
    row = 60.0 + 280.0 * along + 15.0 * np.sin(9.0 * along) + across
    col = 20.0 + 350.0 * along - across
    total = np.zeros((6, row.size))
    r0, c0 = np.floor(row.ravel()).astype(int), np.floor(col.ravel()).astype(int)
    for dr in range(-1, 3):
        for dc in range(-1, 3):
            weight = _keys(row.ravel() - r0 - dr) * _keys(col.ravel() - c0 - dc)
            total += weight * values[:, r0 + dr, c0 + dc]
    return {"values": values, "row": row, "col": col, "reference": total}


def _keys(distance: np.ndarray) -> np.ndarray:
    s = np.abs(distance)
    near = 1.5 * s**3 - 2.5 * s**2 + 1.0
    far = -0.5 * s**3 + 2.5 * s**2 - 4.0 * s + 2.0
    return np.where(s <= 1.0, near, np.where(s < 2.0, far, 0.0))


def _chain(rng: np.random.Generator) -> dict[str, np.ndarray]:
    step = np.array([[1.0 - ON, ON], [OFF, 1.0 - OFF]])
    start = np.array([OFF, ON]) / (ON + OFF)
    covered = np.zeros(CELLS, dtype=np.int64)
    for s in range(1, CELLS):
        covered[s] = rng.random() < step[covered[s - 1], 1]
    evidence = np.where(covered == 1, 1.5, -1.5) + 2.0 * rng.standard_normal(CELLS)
    loglik = np.stack([np.zeros(CELLS), evidence], axis=1)
    likelihood = np.exp(loglik)
    ahead, behind = np.zeros((CELLS, 2)), np.ones((CELLS, 2))
    p = start
    for s in range(CELLS):
        p = (p if s == 0 else p @ step) * likelihood[s]
        ahead[s] = p = p / p.sum()
    for s in range(CELLS - 2, -1, -1):
        q = step @ (likelihood[s + 1] * behind[s + 1])
        behind[s] = q / q.sum()
    both = ahead * behind
    return {
        "loglik": loglik,
        "start": start,
        "step": step,
        "reference": both / both.sum(axis=1, keepdims=True),
    }
