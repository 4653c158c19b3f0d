"""Injection and recovery: known cars put into the site's own imagery and counted by the same code.

It turns the posterior's covered metres into cars and metres with an interval that holds at this
site, sensor and season, without any reference count: the relation between what was put in and what
came out carries bias, blur, merged tracks, look-alike ballast and all else the model leaves out.
Backgrounds are residuals of real scenes; where a train stood, another date's (or, on a young
record, another place's) empty residual is put in its stead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from railwatch.count import QUANTILE_LEVELS
from railwatch.detector.empty_track import Strips
from railwatch.detector.energy import Scored, Scorer, Sun
from railwatch.detector.look import WIDTH_M, shade, shadow_reach_m, shadow_span, smeared
from railwatch.injection import draw_consist, mean_look
from railwatch.rolling_stock import CATALOGUE, Vehicle

F64 = npt.NDArray[np.float64]

TRIALS = 128
EMPTY_SHARE = 0.1
"""Share of trials without a car."""
LEAST_CAR_M = 12.5
CAR_M = 14.0
"""Length that metres are fitted in."""
CONSIST_SIZES = (1.5, 25.0)
"""Mean cars of a trial's consists: drawn between, alike on a logarithmic scale. One yard stores
single cars, another whole trains, and each car set apart adds the blur of two ends."""
FLEET_SHARE = 0.5
"""Share of trials whose cars are of few types: sites handle few each, and all of them may stand out
from the ballast more, or less, than cars do on the whole."""
FLEET_KINDS = 3
"""Most types of car in such a trial."""
PLACED_SD_M = 0.7
"""Spread of how far a trial's cars stand from the lanes as drawn (sidings are digitised 1-2 m off,
method.md 2.3), metres."""
NEARBY = 0.5
"""Trials count as alike over so wide a range of the logarithm of their cars."""
TELLING = 3
"""Features that tell of the count; noise and unsureness follow."""
NEARBY_NOISE = 0.4
"""The same for the noise."""
NEARBY_CARS = 4.0
"""Below so many all are alike."""
HUBER = 1.5
ROBUST_STEPS = 12
PLACINGS = 60
"""Consists tried before a yard is left less full than wanted."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Cars put in and what came out, for each unit."""

    cars: F64
    """(unit,) cars put in."""
    length_m: F64
    """(unit,) metres over couplers put in."""
    features: F64
    """(unit, feature) of the score."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One car put in."""

    lane: int
    from_m: float
    """Chainage of its rear coupler."""
    aside_m: float
    """To the left of its lane's axis as drawn."""
    vehicle: Vehicle


@dataclass(frozen=True)
class Calibration:
    """From a unit's features to the predictive distribution of its cars or metres."""

    scale: F64
    """(`TELLING`,) divisor of each feature that tells of the count."""
    slope: F64
    """(`TELLING` + 1,) regression on them, scaled, and a constant."""
    spread: F64
    """(4,) variance = s0 + s1 y + s2 y^2 + s3 u^2 of the prediction's error; u the last feature."""
    standard: F64
    """(trial,) errors of held-out trials in units of their spread, rising."""
    found: F64
    """(trial,) what was predicted of each of them."""
    noise: F64
    """(trial,) logarithm of the noise of each of them."""
    capacity: float
    unshown: float
    """Standard deviation of what trials do not show."""
    each: float
    """What one is worth: cars, or the metres of a car."""

    def quantiles(self, features: F64, levels: tuple[float, ...] = QUANTILE_LEVELS) -> F64:
        """Predictive quantiles of a (feature,) vector, clipped to what the track can hold.

        Errors are those of trials with about as many cars: in a full yard roofs hide each other's
        shadows and much is missed, which says nothing of a few cars. And of trials that fit about
        as well: a full yard that is taken for an odd empty one fits badly.
        """
        y = self.predict(features) / self.each
        apart = (np.log(y + NEARBY_CARS) - np.log(self.found + NEARBY_CARS)) / NEARBY
        worse = (features[TELLING] - self.noise) / NEARBY_NOISE
        weight = np.exp(-0.5 * (apart**2 + np.minimum(worse**2, 12.0))) + 1e-4
        share = np.cumsum(weight) - 0.5 * weight
        error = np.interp(levels, share / weight.sum(), self.standard)
        wide = np.sqrt(np.maximum(_variance(self.spread, y, features[-1]), 1e-4))
        middle = wide * np.interp(0.5, share / weight.sum(), self.standard)
        shown = wide * error - middle
        both = np.sign(shown) * np.hypot(shown, self.unshown * ndtri(levels))
        return np.asarray(self.each * np.clip(y + middle + both, 0.0, self.capacity))

    def predict(self, features: F64) -> float:
        """Give the expected value for a (feature,) vector."""
        row = np.append(features[:TELLING] / self.scale, 1.0)
        return self.each * float(np.clip(row @ self.slope, 0.0, self.capacity))


def features(scored: Scored, scorer: Scorer) -> F64:
    """Say what a score tells of each unit: (unit, feature).

    Metres covered on all its lanes, metres where any lane is, and trains (each adds the blur of two
    ends) tell of the count; the logarithm of the scene's noise and how unsure the metres are tell
    of its error alone.
    """
    cell = scorer.block.cell_m
    draws = scored.posterior.draws * cell
    mean, spread = draws.mean(axis=0), draws.std(axis=0)
    covered, trains = np.empty_like(mean), np.empty_like(mean)
    for u in range(len(mean)):
        here = np.where(scorer.unit == u, scored.posterior.track, 0.0)
        covered[u] = cell * (1.0 - np.prod(1.0 - here, axis=0)).sum()
        trains[u] = np.maximum(np.diff(here, axis=1, prepend=0.0), 0.0).sum()
    noise = np.full_like(mean, np.log(scored.noise))
    return np.column_stack([mean, covered, trains, noise, spread])


def run_trials(
    scorer: Scorer,
    strips: Strips,
    scored: list[Scored],
    suns: list[Sun],
    allowed: npt.NDArray[np.int64],
    seed: int,
    trials: int = TRIALS,
) -> list[Trial]:
    """Put random trains into the site's own scenes and score them.

    Parameters
    ----------
    strips, scored, suns
        The scenes the empty look was made from, and what they scored.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    empties = np.stack([one.empty for one in scored])
    done = []
    for number in range(trials):
        t = int(rng.integers(len(scored)))
        look = scorer.empty.mean
        ground = look + _background(rng, scorer, scored, empties, t)
        cars, length, change = _train_change(rng, scorer, suns[t], allowed, look)
        made = (ground + change)[None].astype(np.float32)
        made = np.where(scored[t].seen, made, np.nan).astype(np.float32)
        one = replace(strips.only(slice(t, t + 1)), values=made)
        result = scorer.score(one, 0, suns[t], allowed, seed=number)
        done.append(Trial(cars, length, features(result, scorer)))
    return done


def calibrate(
    trials: list[Trial], unit: int, capacity_m: float, unshown: float
) -> tuple[Calibration, Calibration]:
    """Calibrations of cars and of metres for one unit from its trials.

    `unshown` is the standard deviation, cars, of what trials cannot show: weather that looks like
    trains is taken out of the backgrounds they are put into.
    """
    table = np.stack([trial.features[unit] for trial in trials])
    cars = np.array([trial.cars[unit] for trial in trials])
    length = np.array([trial.length_m[unit] for trial in trials])
    return (
        _regress(table, cars, capacity_m / LEAST_CAR_M, unshown, 1.0),
        # In lengths of a car, so that both are fitted alike.
        _regress(table, length / CAR_M, capacity_m / CAR_M, unshown, CAR_M),
    )


def _regress(table: F64, truth: F64, capacity: float, unshown: float, each: float) -> Calibration:
    explains, noise, unsure = table[:, :TELLING], table[:, TELLING], table[:, -1]
    scale = np.maximum(np.sqrt(np.square(explains).mean(axis=0)), 1e-6)
    design = np.column_stack([explains / scale, np.ones(len(table))])
    fold = np.arange(len(truth)) % 5
    held_out = np.empty_like(truth)
    for f in range(5):
        learn = fold != f
        held_out[~learn] = design[~learn] @ _robust_ridge(design[learn], truth[learn])
    held_out = np.clip(held_out, 0.0, capacity)
    spread = _spread_fit(held_out, unsure, truth - held_out)
    wide = np.sqrt(np.maximum(_variance(spread, held_out, unsure), 1e-4))
    standard = (truth - held_out) / wide
    rising = np.argsort(standard, kind="stable")
    slope = _robust_ridge(design, truth)
    return Calibration(
        scale,
        slope,
        spread,
        standard[rising],
        held_out[rising],
        noise[rising],
        capacity,
        unshown,
        each,
    )


def _robust_ridge(design: F64, truth: F64) -> F64:
    """Ridge regression; trains that hardly show widen the spread but do not bend the line.

    Errors grow with the root of the count; those beyond `HUBER` times the usual weigh less (Huber
    1964).
    """
    weight = usual = 1.0 / (truth + 4.0)
    for _ in range(ROBUST_STEPS):
        slope = _ridge(design, truth, weight)
        found = design @ slope
        error = np.abs(truth - found) / np.sqrt(np.maximum(found, 0.0) + 2.0)
        bound = HUBER * max(float(np.median(error)), 0.05) / 0.6745
        weight = usual * np.minimum(1.0, bound / np.maximum(error, 1e-9))
    return slope


def _ridge(design: F64, truth: F64, weight: F64) -> F64:
    normal = (design * weight[:, None]).T @ design
    pull = 2e-3 * np.trace(normal) / len(normal) * np.eye(len(normal))
    pull[-1, -1] = 0.0
    return np.linalg.solve(normal + pull, (design * weight[:, None]).T @ truth)


def _variance(spread: F64, y: F64 | float, unsure: F64 | float) -> F64:
    return np.asarray(
        spread[0] + spread[1] * y + spread[2] * np.square(y) + spread[3] * np.square(unsure)
    )


def _spread_fit(y: F64, unsure: F64, error: F64) -> F64:
    """Non-negative variance law of the error by iterated weighted least squares."""
    from scipy.optimize import nnls

    design = np.column_stack([np.ones_like(y), y, y**2, unsure**2])
    squared = error**2
    floor = max(0.02, float(np.quantile(squared, 0.2)))
    law = np.array([float(squared.mean()), 0.0, 0.0, 0.0])
    for _ in range(8):
        weight = 1.0 / np.maximum(design @ law, floor)
        law, _ = nnls(design * weight[:, None], np.minimum(squared, 12.0 / weight) * weight)
    return np.asarray(law + np.array([0.02, 0.0, 0.0, 0.0]))


def _background(
    rng: np.random.Generator, scorer: Scorer, scored: list[Scored], empties: F64, t: int
) -> F64:
    """Residual of scene t with what stood there replaced by empty residual of elsewhere."""
    residual = scored[t].residual.copy()
    taken = np.convolve(empties[t] < 0.7, np.ones(5), mode="same") > 0
    cells = len(taken)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], taken.astype(np.int8), [0]])))
    for start, stop in edges.reshape(-1, 2):
        quiet = empties[:, start:stop].min(axis=1)
        dates = np.flatnonzero(quiet > 0.8)
        if len(dates):
            other = scored[int(rng.choice(dates))].residual[..., start:stop]
            residual[..., start:stop] = other
            continue
        for s in range(start, stop):
            spots = np.argwhere(empties[:, scorer.kind == scorer.kind[s]] > 0.7)
            if not len(spots):
                spots = np.argwhere(empties > 0.5)
                if len(spots):
                    date, place = spots[int(rng.integers(len(spots)))]
                    residual[..., s] = scored[int(date)].residual[..., int(place)]
                else:
                    residual[..., s] = 0.0
                continue
            date, place = spots[int(rng.integers(len(spots)))]
            there = np.flatnonzero(scorer.kind == scorer.kind[s])[int(place)]
            residual[..., s] = scored[int(date)].residual[..., min(int(there), cells - 1)]
    return residual


def _train_change(
    rng: np.random.Generator, scorer: Scorer, sun: Sun, allowed: npt.NDArray[np.int64], look: F64
) -> tuple[F64, F64, F64]:
    """Cars and metres by unit, and the change (band, offset, cell) of random trains."""
    block = scorer.block
    units = int(np.max(scorer.unit)) + 1
    cars, length = np.zeros(units), np.zeros(units)
    change = np.zeros_like(look)
    shadows = np.zeros((len(block.lanes), len(block.chainage)))
    stands = (allowed[None, :] >> np.arange(len(block.lanes))[:, None] & 1).astype(np.bool_)
    free = stands & (scorer.unit >= 0)
    wanted = _cars_wanted(rng, block.cell_m * float(free.sum()) / LEAST_CAR_M)
    for car in place_trains(rng, block.chainage, free, wanted):
        _draw(scorer, car, look, change, shadows)
        middle = car.from_m + 0.5 * car.vehicle.length_m
        cell = int(np.argmin(np.abs(block.chainage - middle)))
        unit = int(scorer.unit[car.lane, cell])
        cars[unit] += 1.0
        length[unit] += car.vehicle.length_m
    _cast(scorer, sun, shadows, look, change)
    return cars, length, change


def place_trains(
    rng: np.random.Generator, chainage: F64, free: npt.NDArray[np.bool_], wanted: int
) -> list[Standing]:
    """Couple cars to trains and set them on free track.

    Parameters
    ----------
    chainage
        (cell,) float64, middles of evenly spaced cells, metres.
    free
        (lane, cell) bool, where cars may stand.
    wanted
        Cars in all; fewer are placed where no track is left.
    """
    free = free.copy()
    low, high = np.log(CONSIST_SIZES)
    mean_size = float(np.exp(rng.uniform(low, high)))
    kinds = _fleet(rng)
    aside = rng.normal(0.0, PLACED_SD_M, len(free))
    half = 0.5 * float(chainage[1] - chainage[0])
    standing: list[Standing] = []
    for _ in range(PLACINGS):
        left = wanted - len(standing)
        if left <= 0 or not free.any():
            break
        lane, cell = divmod(int(rng.choice(np.flatnonzero(free))), free.shape[1])
        consist = draw_consist(rng, min(left, int(rng.geometric(1.0 / mean_size))), kinds=kinds)
        at = float(chainage[cell])
        own = np.zeros(len(chainage), dtype=np.bool_)
        for vehicle in consist.vehicles:
            taken = (chainage > at - half) & (chainage < at + vehicle.length_m + half)
            # Coupled cars share the cell where they meet.
            if at + vehicle.length_m > chainage[-1] + half or not (free[lane] | own)[taken].all():
                break
            standing.append(Standing(lane, at, float(aside[lane]), vehicle))
            own |= taken
            at += vehicle.length_m
        free[lane] &= ~own
    return standing


def _fleet(rng: np.random.Generator) -> tuple[str, ...]:
    """Draw the types of car a trial may hold; empty for all."""
    if rng.random() >= FLEET_SHARE:
        return ()
    weight = np.array([stock.weight for stock in CATALOGUE])
    several = 1 + int(rng.integers(FLEET_KINDS))
    chosen = rng.choice(len(CATALOGUE), size=several, replace=False, p=weight / weight.sum())
    return tuple(CATALOGUE[int(k)].kind for k in chosen)


def _cars_wanted(rng: np.random.Generator, capacity: float) -> int:
    """Draw how many cars to put in: none, or any order of magnitude up to a full yard."""
    if capacity < 1.0 or rng.random() < EMPTY_SHARE:
        return 0
    return round(float(np.exp(rng.uniform(0.0, np.log(max(2.0, 0.9 * capacity))))))


def _draw(scorer: Scorer, car: Standing, look: F64, change: F64, shadows: F64) -> None:
    """Add one car's roof to `change` and its stretch to the lane's shadow casters."""
    block, lane, vehicle = scorer.block, car.lane, car.vehicle
    middle = car.from_m + 0.5 * vehicle.length_m
    near = np.flatnonzero(
        np.abs(block.chainage - middle) < 0.5 * vehicle.length_m + 4.0 * scorer.sigma_m
    )
    along = smeared(
        block.chainage[near],
        middle - 0.5 * vehicle.body_m,
        middle + 0.5 * vehicle.body_m,
        scorer.sigma_m,
    )
    centre = block.lane_offset[lane, near] + car.aside_m
    half = 0.5 * vehicle.width_m
    across = smeared(block.offset[:, None], centre - half, centre + half, scorer.sigma_m)
    under = int(np.argmin(np.abs(block.offset - centre.mean())))
    paint = mean_look(vehicle, scorer.bands)
    change[:, :, near] += (paint[:, None] - look[:, under, near])[:, None, :] * across * along
    shadows[lane, near] += along


def _cast(scorer: Scorer, sun: Sun, shadows: F64, look: F64, change: F64) -> None:
    """Darken the ground beside covered stretches where no neighbour's roof takes the shadow."""
    block = scorer.block
    reach = shadow_reach_m(block.heading, sun.azimuth_deg, sun.elevation_deg)
    keep = (1.0 - shade(scorer.bands))[:, None, None]
    for lane in range(len(block.lanes)):
        if not shadows[lane].any():
            continue
        low, high = shadow_span(block.lane_offset[lane], reach)
        dark = smeared(block.offset[:, None], low, high, scorer.sigma_m) * shadows[lane]
        for other in range(len(block.lanes)):
            centre = block.lane_offset[other]
            gap = np.sign(reach) * (centre - block.lane_offset[lane])
            hit = (gap > 0) & (gap < np.abs(reach) + WIDTH_M)
            dark *= 1.0 - np.where(hit, 0.8 * np.clip(shadows[other], 0, 1), 0.0)
        change -= keep * look * np.clip(dark, 0.0, 1.0)
