"""Occupied length and cars where single cars are blurred: classes B (about 3 m) and C (10 m).

Every scene is counted against the empty look of its block as known from earlier dates. The look,
its noise and the injection-and-recovery calibration are made at checkpoints, from the scenes before
them; scene number i uses the last checkpoint at or before i, scenes before the first one use that
one. So a count depends on the set of scenes only, not on when they arrived, and after the
burn-in never on a later scene.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from railwatch.count import BaselineState, Refusal, ResolutionClass
from railwatch.detector.block import Block, Sight, sight_of
from railwatch.detector.calibration import Calibration, calibrate
from railwatch.detector.empty_track import (
    ENOUGH_DATES,
    LEAST_DATES,
    EmptyTrack,
    Strips,
    concentrated,
    fit,
    spatial_look,
)
from railwatch.detector.energy import (
    Scored,
    Scorer,
    Sun,
    cross_sections,
    land_samples,
    track_samples,
    units_of,
)
from railwatch.detector.observation import Observation
from railwatch.detector.recovery import TRIALS, features, run_trials
from railwatch.detector.resolution import psf_sigma_m
from railwatch.siding import SidingSet
from railwatch.sun import sun_position

F64 = npt.NDArray[np.float64]

BURN_IN = 24
"""Scenes of a cube that share one look: results are causal after it."""
WINDOW = 96
"""Latest scenes an empty look is made from: two to three years of clear Sentinel-2."""
SAMPLING_BLUR = 0.18
"""Sigma of the cubic sampling and the scenes' residual scatter, in GSD, added to the PSF."""
UNSHOWN_CARS = 1.5
"""Standard deviation of a unit's cars at 10 m, in proportion to the GSD at others, that injected
trains do not show: weather taken for cars, cars that lie in it (docs/method/class-c.md)."""
FILLS = (0.03, 0.4)
"""Least and most of a site's tracks that is taken for usually covered."""
ROUNDS = 2
LEAST_SEEN = 0.5
"""Share of a unit's visible track that must be clear."""


def checkpoints(count: int) -> tuple[int, ...]:
    """Numbers of scenes after which the empty look is made anew, for `count` scenes in all."""
    marks = [min(BURN_IN, count)]
    while (after := marks[-1] + min(60, marks[-1] // 2)) <= count and marks[-1] >= BURN_IN:
        marks.append(after)
    return tuple(marks)


def checkpoint_of(index: int, count: int) -> int:
    """Give the checkpoint that scene number `index` out of `count` rests on."""
    return max([m for m in checkpoints(count) if m <= index], default=min(BURN_IN, count))


def window(mark: int) -> range:
    """Places of the scenes that a checkpoint learns from."""
    return range(max(0, mark - WINDOW), mark)


@dataclass(frozen=True)
class UnitResult:
    """Numbers of one reporting unit in one scene."""

    id: str
    cars: F64
    """(level,) quantiles."""
    metres: F64
    """(level,) quantiles."""
    expected_cars: float
    expected_m: float
    visible_m: float
    total_m: float
    state: BaselineState
    refusal: Refusal | None
    chainage_m: F64
    """(cell,) metres along the axis."""
    probability: F64
    """(cell,) expected covered tracks over tracks there; NaN where not seen."""


@dataclass(frozen=True)
class Knowledge:
    """What one checkpoint knows of a block."""

    scorer: Scorer
    calibrations: tuple[tuple[Calibration, Calibration], ...]
    state: BaselineState


class LengthCounter:
    """Counts one block in some of a series of usable observations."""

    def __init__(
        self,
        block: Block,
        sidings: SidingSet,
        level: ResolutionClass,
        gsd_m: float,
        observations: Mapping[int, Observation],
        *,
        trials: int = TRIALS,
    ) -> None:
        """Take observations by place in the series, with the strips of this block alone.

        A checkpoint is calibrated by so many `trials`.
        """
        self.block = block
        self.sidings = sidings
        self.gsd_m = gsd_m
        self._trials = trials
        self.unit, self.ids = units_of(block, each_siding=level is ResolutionClass.B)
        self.row = {place: row for row, place in enumerate(observations)}
        self.usable = list(observations.values())
        self.bands = self.usable[0].bands
        self.suns = [_sun_of(o, sidings) for o in self.usable]
        self.strips = Strips(
            np.stack([o.strips[0] for o in self.usable]),
            np.array([_day(o.scene.acquired) for o in self.usable]),
            np.array([o.registration.sigma_m if o.registration else np.nan for o in self.usable]),
            track_samples(block, 0.7 * gsd_m + 1.6),
            land_samples(block, psf_sigma_m(gsd_m)),
            block.heading,
            block.cell_m,
            self.bands,
        )

    def count(self, known: Knowledge, index: int) -> list[UnitResult]:
        """Count the observation at a place of the series, with what its checkpoint knows."""
        row = self.row[index]
        sight = sight_of(self.block, self.sidings, self.usable[row].scene.acquired.date())
        scored = known.scorer.score(
            self.strips, row, self.suns[row], sight.allowed, seed=self._seed(index)
        )
        return self._results(known, scored, sight)

    def learn(self, mark: int) -> Knowledge:
        """Make the empty look and its calibration from the observations before a checkpoint.

        All of the checkpoint's `window` must be there.
        """
        rows = [self.row[place] for place in window(mark)]
        strips = self.strips.only(np.array(rows))
        suns = [self.suns[row] for row in rows]
        sights = [
            sight_of(self.block, self.sidings, self.usable[row].scene.acquired.date())
            for row in rows
        ]
        kind = cross_sections(self.block)
        if len(rows) >= LEAST_DATES:
            look, weight = concentrated(strips)
        else:
            look = spatial_look(strips.values.astype(np.float64), kind)
            weight = np.asarray(0.5 * strips.seen(), dtype=np.float64)
        scored: list[Scored] = []
        fill = None
        for _ in range(ROUNDS):
            empty = fit(strips, kind, weight, look)
            scorer = Scorer(self.block, empty, self.bands, self._sigma_m, self.unit, fill)
            scored = [
                scorer.score(strips, t, suns[t], sights[t].allowed, draws=0, belief=weight[t])
                for t in range(len(suns))
            ]
            look, weight = empty.mean, np.stack([_certainly_empty(one) for one in scored])
            fill = self._fill(scored)
        trials = run_trials(
            scorer, strips, scored, suns, sights[-1].allowed, self._seed(mark), self._trials
        )
        capacity = self._capacity(sights[-1])
        unshown = UNSHOWN_CARS * self.gsd_m / 10.0
        fits = tuple(
            calibrate(trials, u, capacity[u], unshown, scorer.fill) for u in range(len(self.ids))
        )
        return Knowledge(scorer, fits, self._state(empty, scored, len(rows)))

    @property
    def _sigma_m(self) -> float:
        return float(np.hypot(psf_sigma_m(self.gsd_m), SAMPLING_BLUR * self.gsd_m))

    def _capacity(self, sight: Sight) -> F64:
        """Sum what can be occupied and seen: (unit,) metres."""
        capacity = np.zeros(len(self.ids))
        for m in self.block.own:
            capacity[self._unit_of(m)] += sight.visible_m.get(m, 0.0)
        return np.asarray(np.maximum(capacity, self.block.cell_m))

    def _unit_of(self, member: int) -> int:
        return int(np.max(self.unit[self.block.member == member]))

    def _fill(self, scored: list[Scored]) -> float | None:
        """Share of what was seen of the block's own tracks that is believed covered, on average."""
        own = (self.unit >= 0) & (self.block.member >= 0)
        seen = np.stack([own & one.seen for one in scored])
        if len(scored) < LEAST_DATES or not seen.any():
            return None
        covered = np.stack([one.posterior.track for one in scored])
        return float(np.clip(covered[seen].mean(), *FILLS))

    def _state(self, empty: EmptyTrack, scored: list[Scored], dates: int) -> BaselineState:
        """How well the empty look is known (method.md step 5 v)."""
        tracks = (self.block.member >= 0).any(axis=0)
        fill = np.mean([1.0 - one.empty[tracks].mean() for one in scored])
        if dates < LEAST_DATES:
            return BaselineState.SPATIAL
        if fill > 0.6 and empty.foreign[tracks].mean() > 0.3:
            return BaselineState.UNANCHORED
        if np.median(empty.dates[tracks]) >= ENOUGH_DATES:
            return BaselineState.MODE
        return BaselineState.DONOR

    def _results(self, known: Knowledge, scored: Scored, sight: Sight) -> list[UnitResult]:
        table = features(scored, known.scorer)
        seen = sight.visible & scored.seen[None, :]
        results = []
        for u, unit_id in enumerate(self.ids):
            cars, metres = known.calibrations[u]
            here = (self.unit == u) & (self.block.member >= 0)
            tracks = (here & seen).sum(axis=0)
            covered = np.where(here & seen, scored.posterior.track, 0.0).sum(axis=0)
            members = [m for m in self.block.own if self._unit_of(m) == u]
            on = here.any(axis=0)
            with np.errstate(invalid="ignore"):
                probability = np.where(tracks > 0, covered / np.maximum(tracks, 1), np.nan)
            visible_m = sum(sight.visible_m.get(m, 0.0) for m in members)
            share = float((here & seen).sum() / max(1, (here & sight.visible).sum()))
            results.append(
                UnitResult(
                    unit_id,
                    cars.quantiles(table[u]),
                    metres.quantiles(table[u]),
                    cars.predict(table[u]),
                    metres.predict(table[u]),
                    visible_m * share,
                    sum(sight.total_m.get(m, 0.0) for m in members),
                    known.state,
                    _refusal(known.state, visible_m, share),
                    self.block.chainage[on],
                    probability[on],
                )
            )
        return results

    def _seed(self, index: int) -> int:
        """Seed that only the sidings, the block and the place in the series decide."""
        said = f"{self.sidings.digest}/{'+'.join(self.ids)}/{self.gsd_m:g}/{index}"
        return zlib.crc32(hashlib.sha256(said.encode()).digest())


def _refusal(state: BaselineState, visible_m: float, share: float) -> Refusal | None:
    """Why a unit of a usable scene gives no number, if it does not."""
    if visible_m <= 0.0:
        return Refusal.INVISIBLE
    if share < LEAST_SEEN:
        return Refusal.CLOUD
    return Refusal.BASELINE if state is BaselineState.UNANCHORED else None


def _certainly_empty(scored: Scored) -> F64:
    return np.asarray(np.where(scored.empty > 0.3, scored.empty**2, 0.0) + 1e-6 * scored.seen)


def _sun_of(observation: Observation, sidings: SidingSet) -> Sun:
    scene = observation.scene
    if scene.sun_azimuth_deg is not None and scene.sun_elevation_deg is not None:
        return Sun(scene.sun_azimuth_deg, scene.sun_elevation_deg)
    longitude, latitude = np.mean([p for s in sidings for p in s.coordinates], axis=0)
    azimuth, elevation = sun_position(scene.acquired, float(longitude), float(latitude))
    return Sun(azimuth, elevation)


def _day(when: dt.datetime) -> float:
    return when.timestamp() / 86400.0
