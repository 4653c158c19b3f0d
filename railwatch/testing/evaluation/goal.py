"""Goals: the figures the detector must reach, and whether an evaluation reached them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from railwatch.testing.evaluation.score import car_scores, scores
from railwatch.testing.evaluation.stratum import STRATA
from railwatch.testing.evaluation.trial import Trial


@dataclass(frozen=True, slots=True)
class Verdict:
    """One figure, its goal and whether it was reached."""

    name: str
    goal: str
    value: float
    """NaN: nothing was measured, which reaches no goal."""
    reached: bool


def judge(trials: list[Trial]) -> list[Verdict]:
    """Measure every figure over the trials of one evaluation."""
    rows, cars, claims = (
        pd.concat([getattr(t, name) for t in trials], ignore_index=True)
        for name in ("rows", "cars", "claims")
    )
    return [*_class_a(cars), *_classes_b_c(rows), *_records(claims), *_coverage(rows)]


def _least(name: str, value: float, goal: float) -> Verdict:
    return Verdict(name, f">= {goal:g}", value, value >= goal)


def _most(name: str, value: float, goal: float) -> Verdict:
    return Verdict(name, f"<= {goal:g}", value, value <= goal)


def _class_a(cars: pd.DataFrame) -> Iterator[Verdict]:
    blank = pd.DataFrame({"stratum": [], "true": [], "found": [], "matched": []})
    table = cars if len(cars) else blank
    sharp = car_scores(table[table["stratum"] == "A 0.5 m"])
    yield _least("A 0.5 m: recall of cars", sharp["recall"], 0.98)
    yield _least("A 0.5 m: precision of cars", sharp["precision"], 0.98)
    yield _least("A 0.5 m: share of sidings exact", sharp["exact"], 0.9)
    display = car_scores(table[table["stratum"] == "A 0.5 m RGB"])
    yield _most("A 0.5 m, one RGB image: error of the total", display["total_error"], 0.03)
    metre = car_scores(table[table["stratum"] == "A 1 m"])
    yield _most("A 1 m: error of the total", metre["total_error"], 0.05)
    yield _most("A 1 m: MAE a siding", metre["siding_mae"], 0.7)


def _classes_b_c(rows: pd.DataFrame) -> Iterator[Verdict]:
    judged = rows[rows["facility"] & rows["judged"]]
    dove = scores(judged[judged["stratum"] == "B 3 m"])
    yield _most("B 3 m: WAPE of occupied length", dove["wape_m"], 0.05)
    yield _most("B 3 m: WAPE of cars a facility", dove["wape"], 0.10)
    few = judged["truth_cars"] <= 20
    single = scores(judged[(judged["stratum"] == "C one siding") & few])
    yield _most("C one siding, 0-20 cars: MAE", single["mae"], 1.0)
    six = scores(judged[(judged["stratum"] == "C six tracks") & few])
    yield _most("C six tracks, 0-20 cars: MAE", six["mae"], 2.5)
    full = scores(judged[(judged["stratum"] == "C surge") & (judged["truth_cars"] >= 60)])
    yield _most("C surge, about 73 cars: WAPE", full["wape"], 0.12)


def _records(claims: pd.DataFrame) -> Iterator[Verdict]:
    surged = claims[claims["surge"].astype(bool)]
    called = (surged["called_by_scene"].astype(float) <= 2.0).mean() if len(surged) else math.nan
    yield _least("Surge called by the second clear scene: share of sites", float(called), 1.0)
    watched = claims[claims["stratum"].str.startswith("C")]
    years = float(watched["years"].sum())
    rate = float(watched["false_records"].sum()) / years if years else math.nan
    yield _most("False records a site-year", rate, 0.02)


def _coverage(rows: pd.DataFrame) -> Iterator[Verdict]:
    for stratum in STRATA:
        # Sidings and groups too: what is published with an interval must keep it.
        value = scores(rows[(rows["stratum"] == stratum.name) & rows["judged"]])["cover_90"]
        reached = 0.87 <= value <= 0.93
        yield Verdict(f"{stratum.name}: cover of 90 % intervals", "0.87-0.93", value, reached)
