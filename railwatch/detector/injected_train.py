"""Injected trains: cars put on a block's lanes, and how they change what is seen there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from railwatch.detector.calibration import EMPTY_SHARE, LEAST_CAR_M
from railwatch.detector.energy import HEIGHTS_M, Scorer, Sun
from railwatch.detector.look import WIDTH_M, shade, shadow_reach_m, shadow_span, smeared
from railwatch.injection import draw_consist, mean_look
from railwatch.rolling_stock import CATALOGUE, Vehicle

F64 = npt.NDArray[np.float64]

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
SHADOW_DEPTHS = (0.8, 1.1)
"""How dark a trial's shadows are against what a clear sky leaves of light."""
PLACINGS = 60
"""Consists tried before a yard is left less full than wanted."""


@dataclass(frozen=True, slots=True)
class PlacedCar:
    """One car put in."""

    lane: int
    from_m: float
    """Chainage of its rear coupler."""
    aside_m: float
    """To the left of its lane's axis as drawn."""
    vehicle: Vehicle


def train_change(
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
    for car in place_trains(rng, block.chainage, block.cell_m, free, wanted):
        _draw(scorer, car, look, change, shadows)
        middle = car.from_m + 0.5 * car.vehicle.length_m
        cell = int(np.argmin(np.abs(block.chainage - middle)))
        unit = int(scorer.unit[car.lane, cell])
        cars[unit] += 1.0
        length[unit] += car.vehicle.length_m
    height = float(rng.choice(HEIGHTS_M))
    depth = float(rng.uniform(*SHADOW_DEPTHS))
    _cast(scorer, sun, shadows, look, change, height, depth)
    return cars, length, change


def place_trains(
    rng: np.random.Generator,
    chainage: F64,
    cell_m: float,
    free: npt.NDArray[np.bool_],
    wanted: int,
) -> list[PlacedCar]:
    """Couple cars to trains and set them on free track.

    Parameters
    ----------
    chainage
        (cell,) float64, middles of cells of `cell_m`, metres.
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
    half = 0.5 * cell_m
    standing: list[PlacedCar] = []
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
            standing.append(PlacedCar(lane, at, float(aside[lane]), vehicle))
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


def _draw(scorer: Scorer, car: PlacedCar, look: F64, change: F64, shadows: F64) -> None:
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


def _cast(
    scorer: Scorer, sun: Sun, shadows: F64, look: F64, change: F64, height_m: float, depth: float
) -> None:
    """Darken the ground beside covered stretches where no neighbour's roof takes the shadow."""
    block = scorer.block
    reach = shadow_reach_m(block.heading, sun.azimuth_deg, sun.elevation_deg, height_m=height_m)
    keep = depth * (1.0 - shade(scorer.bands))[:, None, None]
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
