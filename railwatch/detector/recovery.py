"""Injection and recovery: known cars put into the site's own imagery and counted by the same code.

It turns the posterior's covered metres into cars and metres with an interval that holds at this
site, sensor and season, without any reference count: the relation between what was put in and what
came out carries bias, blur, merged tracks, look-alike ballast and all else the model leaves out.
Backgrounds are residuals of real scenes; where a train stood, another date's (or, on a young
record, another place's) empty residual is put in its stead.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from railwatch.detector.calibration import Trial
from railwatch.detector.empty_track import Strips
from railwatch.detector.energy import Scored, Scorer, Sun
from railwatch.detector.injected_train import train_change

F64 = npt.NDArray[np.float64]

TRIALS = 128


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
        cars, length, change = train_change(rng, scorer, suns[t], allowed, look)
        made = (ground + change)[None].astype(np.float32)
        made = np.where(scored[t].seen, made, np.nan).astype(np.float32)
        one = replace(strips.only(slice(t, t + 1)), values=made)
        result = scorer.score(one, 0, suns[t], allowed, unsure=scored[t].unsure, seed=number)
        done.append(Trial(cars, length, features(result, scorer)))
    return done


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
