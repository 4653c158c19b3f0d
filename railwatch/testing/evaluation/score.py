"""Scores of many trials: errors, coverage, interval scores and refusals, by any column."""

from __future__ import annotations

import numpy as np
import pandas as pd

MISSED = 2.0 / 0.1
"""Winkler's penalty a unit outside a 90 % interval: 2 / alpha (Gneiting and Raftery 2007, 6.2)."""


def score_table(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Score facility rows grouped by columns such as stratum, tracks, fill, season or regime.

    Parameters
    ----------
    rows
        `Trial.rows` of one or many sites.
    by
        Columns to group by. `fill` is cut into bands.

    Returns
    -------
    One row a group: n, refused (share of clear scenes), mae, bias, wape, wape_m, cover_50,
    cover_80, cover_90, cover_m (of occupied metres), interval score, and the errors of naive
    methods and of one that knows all but where cars stand.
    """
    facility = rows[rows["facility"] & rows["judged"]].copy()
    if "fill" in by:
        bands = [-0.01, 0.05, 0.2, 0.4, 0.6, 1.5]
        facility["fill"] = pd.cut(
            facility["fill"], bands, labels=["<5%", "-20%", "-40%", "-60%", ">60%"]
        )
    table = {key: scores(group) for key, group in facility.groupby(by, observed=True, sort=True)}
    return pd.DataFrame.from_dict(table, orient="index")


def scores(group: pd.DataFrame) -> dict[str, float]:
    """Score one group of rows; NaN where no row gave a number."""
    clear = group[group["clear"]]
    counted = group[group["cars"].notna() & group["refusal"].isna()]
    measured = group[group["occupied_m"].notna() & group["refusal"].isna()]
    truth = counted["truth_cars"].to_numpy(float)
    error = counted["cars"].to_numpy(float) - truth
    metres = measured["occupied_m"].to_numpy(float) - measured["truth_m"].to_numpy(float)
    best = counted["by_bound"].to_numpy(float) - truth
    brightness = counted["by_brightness"].to_numpy(float) - truth
    return {
        "n": float(len(counted)),
        "refused": float(clear["refusal"].notna().mean()) if len(clear) else np.nan,
        "truth": _mean(truth),
        "mae": _mean(np.abs(error)),
        "bias": _mean(error),
        "wape": _share(np.abs(error), truth),
        "wape_m": _share(np.abs(metres), measured["truth_m"].to_numpy(float)),
        "cover_50": _covered(counted, "truth_cars", "cars_25", "cars_75"),
        "cover_80": _covered(counted, "truth_cars", "cars_10", "cars_90"),
        "cover_90": _covered(counted, "truth_cars", "cars_low", "cars_high"),
        "cover_m": _covered(measured, "truth_m", "occupied_m_low", "occupied_m_high"),
        "interval_score": _winkler(counted),
        "bound": _mean(np.abs(best)),
        "constant": _mean(np.abs(np.median(truth) - truth)) if truth.size else np.nan,
        "brightness": _mean(np.abs(brightness)),
        "persistence": _mean(np.abs(counted["by_persistence"].to_numpy(float) - truth)),
    }


def car_scores(cars: pd.DataFrame) -> dict[str, float]:
    """Recall and precision of single cars, and the share of sidings counted exactly."""
    true, found, matched = (float(cars[c].sum()) for c in ("true", "found", "matched"))
    exact = cars["true"] == cars["found"]
    return {
        "recall": matched / true if true else np.nan,
        "precision": matched / found if found else np.nan,
        "exact": float(exact.mean()) if len(cars) else np.nan,
        "total_error": abs(found - true) / true if true else np.nan,
        "siding_mae": float((cars["found"] - cars["true"]).abs().mean()) if len(cars) else np.nan,
    }


def _mean(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else np.nan


def _share(error: np.ndarray, of: np.ndarray) -> float:
    whole = float(np.sum(of))
    return float(np.sum(error)) / whole if whole > 0 else np.nan


def _covered(rows: pd.DataFrame, truth: str, low: str, high: str) -> float:
    known = rows[rows[low].notna() & rows[high].notna()]
    inside = (known[low] <= known[truth]) & (known[truth] <= known[high])
    return float(inside.mean()) if len(known) else np.nan


def _winkler(rows: pd.DataFrame) -> float:
    low, high, truth = (rows[c].to_numpy(float) for c in ("cars_low", "cars_high", "truth_cars"))
    outside = np.maximum(low - truth, 0.0) + np.maximum(truth - high, 0.0)
    return _mean(high - low + MISSED * outside)
