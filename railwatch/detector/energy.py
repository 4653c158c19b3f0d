"""From strips to the posterior of covered track: one scene of one block against its empty look.

The evidence is energy, not sign: cars may be darker or brighter than ballast. What is known of
colours (their spread over materials) and of geometry (footprint and shadow) shapes the
alternatives; what is known of noise comes from the site's own empty dates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from railwatch.detector.block import Block
from railwatch.detector.empty_track import EmptyTrack, Strips, departure
from railwatch.detector.levelling import Slopes, nothing_unseen, slopes_of, whitened
from railwatch.detector.look import (
    WIDTH_M,
    Contrast,
    contrast_against,
    shade,
    shadow_reach_m,
    shadow_span,
    smeared,
)
from railwatch.detector.occupancy import Dynamics, Posterior, infer
from railwatch.detector.subset_model import Footprint, SubsetModel

F64 = npt.NDArray[np.float64]

KINDS_AT_MOST = 48
SHADOW_AT_MOST_M = 9.0
"""Shadow of a 3.7 m car at 22 degrees of sun, midwinter at 42 N (method.md 2.3 step 6), metres."""
HEIGHTS_M = (2.6, 3.4, 3.8, 4.4)
"""Heights of what throws shadows, a quarter of the cars each (method.md 3.1), metres."""
SHADOW_DEPTH_SD = 0.2
"""Spread of how dark a shadow is against the expected."""
STANDOUT = np.array([1.0, 0.4])
"""How strongly cars stand out from ballast, against the spread over all materials: as any material
does, or as one like it. A third part, cars that hardly differ, made blotches of wet ballast into
trains (docs/method/class-c.md)."""
STANDOUT_WEIGHT = np.array([0.6, 0.4])
POSTERIOR_DRAWS = 64


@dataclass(frozen=True, slots=True)
class Sun:
    """Where the sun stood."""

    azimuth_deg: float
    elevation_deg: float


@dataclass(frozen=True, slots=True)
class Whitener:
    """Brings residuals of one scene to units of its noise."""

    channel: F64
    """(channel, band)"""
    variance: F64
    """(channel,) of cars' contrasts."""
    mean: F64
    """(channel,) of cars' contrasts."""
    across: F64
    """(offset, offset)"""


@dataclass(frozen=True)
class Scorer:
    """A block with its empty look, ready to score scenes."""

    block: Block
    empty: EmptyTrack
    bands: tuple[str, ...]
    sigma_m: float
    """Point spread of the strips."""
    unit: npt.NDArray[np.int64]
    """(lane, cell) reporting unit, -1 for lanes of a neighbouring block."""
    fill: float | None = None
    """Share of the track that is covered on most dates, None while not known: what is believed
    where nothing is seen."""

    @cached_property
    def kind(self) -> npt.NDArray[np.int64]:
        """(cell,) kind of cross-section."""
        return cross_sections(self.block)

    @cached_property
    def _ballast(self) -> F64:
        """(band,) reflectance of the empty bed between and under the rails."""
        on = np.zeros((len(self.block.offset), len(self.block.chainage)), dtype=np.bool_)
        for lane in self.block.lane_offset:
            on |= np.abs(self.block.offset[:, None] - lane) <= self.block.cell_m
        return np.asarray(np.median(self.empty.mean[:, on], axis=1))

    def whitener(self, unsure: F64) -> Whitener:
        """Whitener of a scene whose bands are `unsure` by so much variance, (band,), besides."""
        noise = self.empty.band_noise + np.diag(unsure)
        inner = np.linalg.inv(np.linalg.cholesky(noise))
        variance, vectors = np.linalg.eigh(inner @ self._contrast.covariance @ inner.T)
        channel = vectors.T @ inner
        mean = channel @ self._contrast.mean
        return Whitener(channel, np.maximum(variance, 1e-6), mean, self._across)

    @cached_property
    def _contrast(self) -> Contrast:
        return contrast_against(self._ballast, self.bands)

    @cached_property
    def _across(self) -> F64:
        """(offset, offset) whitener of offsets."""
        return np.asarray(np.linalg.inv(np.linalg.cholesky(self.empty.offset_noise)))

    @cached_property
    def _slopes(self) -> Slopes:
        return slopes_of(self.empty.mean, self.block.heading, self.block.cell_m)

    def model(self, sun: Sun, by: Whitener) -> SubsetModel:
        """Likelihoods under one sun."""
        channel, variance, mean, across = by.channel, by.variance, by.mean, by.across
        dark = channel @ (-self._ballast * (1.0 - shade(self.bands)))
        one = np.ones(len(channel))
        kinds = []
        for k in range(int(np.max(self.kind)) + 1):
            cell = int(np.flatnonzero(self.kind == k)[0])
            lanes = self.block.lane_offset[:, cell, None]
            roof = smeared(
                self.block.offset[None, :],
                lanes - 0.5 * WIDTH_M,
                lanes + 0.5 * WIDTH_M,
                self.sigma_m,
            )
            usual, varies = self._shadows(lanes, float(self.block.heading[cell]), sun)
            g, dim, way = roof @ across.T, usual @ across.T, varies @ across.T
            signs = np.abs(dark)[:, None, None] * way[None]
            kinds.append(
                Footprint(
                    np.stack([np.repeat(g[None], len(channel), axis=0), signs], axis=2),
                    np.stack(
                        [c * mean[:, None, None] * g + dark[:, None, None] * dim for c in STANDOUT]
                    ),
                    np.stack([np.column_stack([c**2 * variance, one]) for c in STANDOUT]),
                )
            )
        return SubsetModel(kinds, STANDOUT_WEIGHT)

    def _shadows(self, lanes: F64, heading: float, sun: Sun) -> tuple[F64, F64]:
        """Give the expected shadow of each lane and the way it mostly varies: two (lane, offset).

        Cars are from 1.4 to 4.8 m tall and ground is lit by more or less sky, so both how far the
        shadow reaches and how deep it is vary; in winter by more than all noise.
        """
        each = []
        for height in HEIGHTS_M:
            reach = shadow_reach_m(
                np.array([heading]), sun.azimuth_deg, sun.elevation_deg, height_m=height
            )
            low, high = shadow_span(lanes, reach)
            full = smeared(self.block.offset[None, :], low, high, self.sigma_m)
            each += [(1.0 + SHADOW_DEPTH_SD * z) * full for z in (-1.0, 1.0)]
        drawn = np.stack(each)
        usual = drawn.mean(axis=0)
        left = (drawn - usual).transpose(1, 0, 2)
        _, size, ways = np.linalg.svd(left, full_matrices=False)
        return usual, size[:, :1] / np.sqrt(len(drawn)) * ways[:, 0]

    def score(
        self,
        strips: Strips,
        scene: int,
        sun: Sun,
        allowed: npt.NDArray[np.int64],
        *,
        belief: F64 | None = None,
        unsure: F64 | None = None,
        draws: int = POSTERIOR_DRAWS,
        seed: int = 0,
    ) -> Scored:
        """Score one scene.

        Parameters
        ----------
        belief : (cell,) or None
            Probability of being empty to start from; None: all equally likely.
        unsure : (band,) or None
            Variance that the land beside lends each band; None: measured.
        """
        seen = strips.only(slice(scene, scene + 1)).seen()[0]
        empty = np.full(len(seen), 0.5) if belief is None else belief
        for last in (False, True) if belief is None else (True,):
            residual, measured = departure(strips, scene, self.empty, empty, self._slopes)
            nothing_unseen(residual)
            by = self.whitener(measured if unsure is None else unsure)
            white, noise = self._white(residual, by)
            model = self.model(sun, by)
            loglik = model.loglik(white, np.where(seen, self.kind, -1), allowed)
            posterior = infer(
                loglik, allowed, self.unit, self._dynamics, draws=draws if last else 0, seed=seed
            )
            empty = np.prod(1.0 - posterior.track, axis=0)
        return Scored(posterior, residual, seen, noise, measured)

    @property
    def _dynamics(self) -> Dynamics:
        usual = Dynamics(self.block.cell_m, temper=1.0 / self.empty.repeat)
        if self.fill is None:
            return usual
        return replace(usual, gap_m=usual.train_m * (1.0 / self.fill - 1.0))

    def _white(self, residual: F64, by: Whitener) -> tuple[F64, float]:
        """(cell, channel, offset) in units of this scene's noise, and that noise against the mean.

        Haze and noise make some scenes worse than the site's usual; the quieter half of the cells
        tells by how much, since trains cover the other half at most times.
        """
        white, energy = whitened(residual, by.channel, by.across, self.empty.local)
        quiet = float(np.quantile(energy, 0.3))
        factor = float(np.clip(quiet / 0.8, 1.0, 9.0))
        white /= np.sqrt(factor)
        return white, factor


@dataclass(frozen=True)
class Scored:
    """What one scene of one block says."""

    posterior: Posterior
    residual: F64
    """(band, offset, cell) levelled scene minus empty look."""
    seen: npt.NDArray[np.bool_]
    noise: float
    """Noise variance against the site's usual."""
    unsure: F64
    """(band,) variance that the land beside lends each band."""

    @property
    def empty(self) -> F64:
        """(cell,) probability that no lane is covered; 0 where not seen."""
        return np.asarray(np.prod(1.0 - self.posterior.track, axis=0) * self.seen)


def cross_sections(block: Block) -> npt.NDArray[np.int64]:
    """Tell kinds of cross-section apart: (cell,) int64 numbers.

    Lane offsets within a twelfth of a GSD and headings within 6 degrees count as equal; where that
    leaves more kinds than `KINDS_AT_MOST`, the net is widened.
    """
    step = block.cell_m / 6.0
    while True:
        rows = np.column_stack(
            [
                np.round(block.lane_offset / step).T,
                np.round(block.heading / np.deg2rad(6.0)),
            ]
        )
        _, kind = np.unique(rows, axis=0, return_inverse=True)
        if int(np.max(kind)) < KINDS_AT_MOST:
            return np.asarray(kind.ravel(), dtype=np.int64)
        step *= 1.5


def track_samples(block: Block, reach_m: float) -> npt.NDArray[np.bool_]:
    """(offset, cell) bool: samples within `reach_m` of a lane that has a track there."""
    near = np.zeros((len(block.offset), len(block.chainage)), dtype=np.bool_)
    for lane in range(len(block.lanes)):
        close = np.abs(block.offset[:, None] - block.lane_offset[lane]) <= reach_m
        near |= close & (block.member[lane] >= 0)[None, :]
    return near


def units_of(block: Block, *, each_siding: bool) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Give the unit of each place, (lane, cell) int64 with -1 for none, and the units' ids."""
    unit = np.full(block.member.shape, -1, dtype=np.int64)
    units = block.units(each_siding=each_siding)
    for number, (_, members) in enumerate(units):
        unit[np.isin(block.member, members)] = number
    return unit, tuple(unit_id for unit_id, _ in units)


def land_samples(block: Block, sigma_m: float) -> npt.NDArray[np.bool_]:
    """(2, offset, cell) bool: samples to the left and right that no car or shadow reaches."""
    lanes = np.where(block.member >= 0, block.lane_offset, np.nan)
    beyond = SHADOW_AT_MOST_M + 0.5 * WIDTH_M + sigma_m
    high = np.where(
        np.isfinite(lanes).any(0),
        np.nan_to_num(lanes, nan=-np.inf).max(0),
        block.lane_offset.max(0),
    )
    low = np.where(
        np.isfinite(lanes).any(0), np.nan_to_num(lanes, nan=np.inf).min(0), block.lane_offset.min(0)
    )
    across = block.offset[:, None]
    return np.stack([across > high + beyond, across < low - beyond])
