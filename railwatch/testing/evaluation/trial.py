"""A trial: one site's counts beside its truth, row by row, and the records claimed on it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from railwatch.count import FACILITY, QUANTILE_LEVELS, Car, Count, ResolutionClass
from railwatch.series import RecordStatus, assess
from railwatch.testing.evaluation.answer import Answer, Counter
from railwatch.testing.evaluation.bound import bound
from railwatch.testing.evaluation.guess import brightness_guess
from railwatch.testing.evaluation.site import Site
from railwatch.testing.evaluation.stratum import surge_window
from railwatch.testing.scenery.truth import SceneTruth, TruthCar

BURN_IN = 24
"""Scenes a series is given before its counts are judged; the detector's own rule of time."""

CAR_TOLERANCE_M = 3.0
"""Along the track, between the middles of a car and its detection (method.md 5)."""

CLEAR = 0.2
"""A scene with less of the sidings under cloud is clear."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What came of one site."""

    rows: pd.DataFrame
    """One a facility or siding and scene; columns in `_row`."""
    cars: pd.DataFrame
    """One a siding and scene of class A: true, found and matched cars."""
    claims: pd.DataFrame
    """One a site: years watched, records claimed falsely, and how the surge was called."""


def try_site(site: Site, counter: Counter) -> Trial:
    """Count one site and set the counts beside its truth."""
    return compare(site, counter(site))


def compare(site: Site, answer: Answer) -> Trial:
    """Set an answer beside a site's truth."""
    order = {scene.scene_id: n for n, scene in enumerate(site.truth.scenes)}
    guess = brightness_guess(site)
    best = bound(site)
    rows = [
        _row(site, count, order[count.scene_id], guess, best)
        for count in answer.counts
        if count.scene_id in order
    ]
    shown = site.stratum.resolution_class is ResolutionClass.A
    cars = [
        _matched(site, scene, siding.id, answer.cars[scene.scene_id])
        for scene in site.truth.scenes
        if shown and scene.scene_id in answer.cars
        for siding in site.place.sidings
    ]
    claims = _claims(site, answer.counts)
    return Trial(pd.DataFrame(rows), pd.DataFrame(cars), pd.DataFrame([claims]))


def _row(
    site: Site,
    count: Count,
    number: int,
    guess: npt.NDArray[np.float64],
    best: dict[int, float],
) -> dict[str, object]:
    truth = site.truth.scenes[number]
    there = truth.on(count.siding_id)
    earlier = site.truth.scenes[number - 1] if number else truth
    level = dict(zip(QUANTILE_LEVELS, count.quantiles, strict=False))
    tracks = (
        len(site.place.tracks) if count.siding_id == FACILITY else 1 + count.siding_id.count("+")
    )
    facility = count.siding_id == FACILITY
    return {
        "stratum": site.stratum.name,
        "site": site.id,
        "scene_id": count.scene_id,
        "siding_id": count.siding_id,
        "facility": facility,
        "tracks": tracks,
        "fill": truth.occupied_m(count.siding_id) / max(count.total_m, 1.0),
        "season": _season(truth.acquired, site.place.draw.lat),
        "regime": truth.regime,
        "clear": truth.clouded < CLEAR,
        "judged": number >= BURN_IN or not site.stratum.series,
        "refusal": None if count.refusal is None else count.refusal.value,
        "truth_cars": len(there),
        "truth_m": truth.occupied_m(count.siding_id),
        "cars": count.cars,
        "cars_low": count.cars_low,
        "cars_high": count.cars_high,
        "cars_25": level.get(0.25),
        "cars_75": level.get(0.75),
        "cars_10": level.get(0.1),
        "cars_90": level.get(0.9),
        "occupied_m": count.occupied_m,
        "occupied_m_low": count.occupied_m_low,
        "occupied_m_high": count.occupied_m_high,
        "by_persistence": len(earlier.on(count.siding_id)),
        "by_brightness": float(guess[number]) if facility else None,
        "by_bound": best.get(number) if facility else None,
    }


def _season(when: dt.datetime, lat: float) -> str:
    month = when.month if lat >= 0 else (when.month + 5) % 12 + 1
    return ("winter", "spring", "summer", "autumn")[month % 12 // 3]


def _matched(
    site: Site, scene: SceneTruth, siding_id: str, found: tuple[Car, ...]
) -> dict[str, object]:
    """Match detections to cars one to one, nearest middles first, within `CAR_TOLERANCE_M`."""
    there = scene.on(siding_id)
    here = [car for car in found if car.siding_id == siding_id]
    matched = match(there, here)
    return {
        "stratum": site.stratum.name,
        "site": site.id,
        "scene_id": scene.scene_id,
        "siding_id": siding_id,
        "true": len(there),
        "found": len(here),
        "matched": matched,
    }


def match(there: tuple[TruthCar, ...], here: list[Car]) -> int:
    """Count the pairs of true and found cars whose middles lie within `CAR_TOLERANCE_M`.

    Cars do not overlap, so greedy matching by distance is the best one but for ties.
    """
    if not there or not here:
        return 0
    true = np.array([(car.from_m + car.to_m) / 2.0 for car in there])
    seen = np.array([(car.from_m + car.to_m) / 2.0 for car in here])
    apart = np.abs(true[:, None] - seen[None, :])
    pairs = 0
    while apart.size and apart.min() <= CAR_TOLERANCE_M:
        row, col = np.unravel_index(int(np.argmin(apart)), apart.shape)
        apart = np.delete(np.delete(apart, row, axis=0), col, axis=1)
        pairs += 1
    return pairs


def _claims(site: Site, counts: tuple[Count, ...]) -> dict[str, object]:
    """Count records claimed where truth had none, and by which clear scene the surge was called."""
    scenes = site.truth.scenes
    level = {s.scene_id: len(s.on(FACILITY)) for s in scenes}
    said = [r for r in assess(counts) if r.status is RecordStatus.CONFIRMED]
    begins, full = surge_window(scenes[-1].acquired.date())
    quiet = [s for s in scenes if not site.stratum.surge or s.acquired.date() < begins]
    false = 0
    for record in said:
        before = [level[s.scene_id] for s in scenes if s.acquired < record.before]
        if before and level[record.scene_id] <= max(before):
            false += 1
    seen = [s for s in scenes if s.acquired.date() >= full and s.clouded < CLEAR]
    claimed = {r.scene_id for r in said}
    since = [r for r in said if r.acquired.date() >= begins]
    calls = [n + 1 for n, s in enumerate(seen) if s.scene_id in claimed]
    before_full = any(r.acquired.date() < full for r in since)
    first = 0 if before_full else (calls[0] if calls else None)
    span = quiet[-1].acquired - quiet[0].acquired
    return {
        "stratum": site.stratum.name,
        "site": site.id,
        "years": span.days / 365.25,
        "false_records": false,
        "surge": site.stratum.surge,
        "called_by_scene": first if site.stratum.surge else None,
        "delay_days": (since[0].acquired.date() - begins).days if since else None,
    }
