"""What lies around a yard and holds co-registration: fields, roads, buildings, trees, water."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from rasterio.features import rasterize
from shapely.geometry.base import BaseGeometry

from railwatch.coverage import Float
from railwatch.grid import Grid
from railwatch.injection import Consist, points_on
from railwatch.rolling_stock import Panel, Vehicle, draw_paint
from railwatch.testing.scenery.material import Cover
from railwatch.track import Track

YARD_SIDE_M = 9.0
"""Dirt beside the outermost tracks."""


@dataclass(frozen=True, slots=True, eq=False)
class Land:
    """Ground as polygons, painted in order, and what stands on it."""

    parcels: tuple[tuple[BaseGeometry, Cover], ...]
    buildings: tuple[tuple[Track, Consist], ...]

    def covers(self, grid: Grid) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        """Return the `Cover` of each pixel's centre, (y, x) uint8."""
        shapes = ((parcel, int(cover)) for parcel, cover in self.parcels)
        return np.asarray(
            rasterize(
                shapes,
                out_shape=grid.shape,
                transform=grid.transform,
                fill=int(Cover.GRASS),
                dtype="uint8",
            )
        )


def draw_land(
    rng: np.random.Generator,
    lines: Sequence[Float],
    ring_m: float,
    cargo: int,
) -> Land:
    """Draw parcels and buildings around tracks."""
    corridor = shapely.union_all([shapely.LineString(xy).buffer(YARD_SIDE_M) for xy in lines])
    window = shapely.box(*corridor.buffer(ring_m).bounds)
    clear = corridor.buffer(8.0)
    shapely.prepare(clear)
    parcels = [
        *_fields(rng, window),
        *_water(rng, window, clear),
        *_roads(rng, window),
        *_woods(rng, window, clear),
        (corridor, Cover.YARD),
        *_cargo(rng, lines, cargo),
    ]
    return Land(tuple(parcels), tuple(_buildings(rng, window, clear)))


Parcels = list[tuple[BaseGeometry, Cover]]


def _fields(rng: np.random.Generator, window: shapely.Polygon) -> Parcels:
    """Lay strips of parcels at one angle, as farmland lies."""
    west, south, east, north = window.bounds
    reach = math.hypot(east - west, north - south)
    middle = ((west + east) / 2.0, (south + north) / 2.0)
    kinds = [Cover.FIELD_1, Cover.FIELD_2, Cover.FIELD_3, Cover.FIELD_4, Cover.GRASS, Cover.BARE]
    parcels: Parcels = []
    y = -reach / 2.0
    while y < reach / 2.0:
        tall = float(rng.uniform(60.0, 220.0))
        x = -reach / 2.0
        while x < reach / 2.0:
            wide = float(rng.uniform(50.0, 320.0))
            box = shapely.box(x, y, x + wide, y + tall)
            parcels.append((box, kinds[int(rng.integers(len(kinds)))]))
            x += wide
        y += tall
    angle = float(rng.uniform(0.0, 90.0))
    turned = [
        shapely.affinity.translate(shapely.affinity.rotate(p, angle, origin=(0, 0)), *middle)
        for p, _ in parcels
    ]
    return [(p, kind) for p, (_, kind) in zip(turned, parcels, strict=True) if p.intersects(window)]


def _wander(rng: np.random.Generator, window: shapely.Polygon, bend_m: float) -> shapely.LineString:
    """Draw a gently winding line across a window."""
    west, south, east, north = window.bounds
    reach = math.hypot(east - west, north - south)
    angle = float(rng.uniform(0.0, math.pi))
    along = np.linspace(-reach / 2.0, reach / 2.0, 60)
    start = float(rng.uniform(-0.4, 0.4)) * min(east - west, north - south)
    across = start + bend_m * np.sin(along / rng.uniform(150.0, 500.0) + rng.uniform(0.0, 6.0))
    x = along * math.cos(angle) - across * math.sin(angle) + (west + east) / 2.0
    y = along * math.sin(angle) + across * math.cos(angle) + (south + north) / 2.0
    return shapely.LineString(np.column_stack([x, y]))


def _roads(rng: np.random.Generator, window: shapely.Polygon) -> Parcels:
    return [
        (
            _wander(rng, window, float(rng.uniform(0.0, 40.0))).buffer(rng.uniform(2.0, 7.0)),
            Cover.ROAD,
        )
        for _ in range(int(rng.integers(2, 6)))
    ]


def _water(rng: np.random.Generator, window: shapely.Polygon, clear: BaseGeometry) -> Parcels:
    if rng.random() < 0.5:
        return []
    river = _wander(rng, window, 60.0).buffer(float(rng.uniform(5.0, 45.0))).difference(clear)
    return [(river, Cover.WATER)]


def _woods(rng: np.random.Generator, window: shapely.Polygon, clear: BaseGeometry) -> Parcels:
    """Single crowns, rows and clumps, never over the tracks."""
    west, south, east, north = window.bounds
    woods: Parcels = []
    for _ in range(int(rng.integers(6, 25))):
        middle = rng.uniform((west, south), (east, north))
        spread = float(rng.uniform(4.0, 60.0))
        spots = middle + rng.normal(0.0, spread, (int(rng.integers(3, 40)), 2))
        crowns = shapely.MultiPoint(spots).buffer(float(rng.uniform(2.0, 5.0)))
        if not crowns.intersects(clear):
            woods.append((crowns, Cover.TREES))
    return woods


def _cargo(rng: np.random.Generator, lines: Sequence[Float], count: int) -> Parcels:
    """Stacks of goods 6 to 14 m beside an outer track."""
    piles: Parcels = []
    for _ in range(count):
        track = Track("side", lines[int(rng.choice([0, len(lines) - 1]))])
        at = float(rng.uniform(0.1, 0.8)) * track.length_m
        a, b = points_on(track, [at, min(at + float(rng.uniform(15.0, 90.0)), track.length_m)])
        side = shapely.LineString([a, b]).parallel_offset(
            float(rng.uniform(7.0, 10.0)), str(rng.choice(["left", "right"]))
        )
        pile = side.buffer(float(rng.uniform(1.5, 5.0)), cap_style="flat")
        others = shapely.union_all([shapely.LineString(xy).buffer(2.2) for xy in lines])
        piles.append((pile.difference(others), Cover.CARGO))
    return piles


def _buildings(
    rng: np.random.Generator, window: shapely.Polygon, clear: BaseGeometry
) -> list[tuple[Track, Consist]]:
    """Boxes with roofs; they throw shadows and lean as cars do, so they are drawn as such."""
    west, south, east, north = window.buffer(-30.0).bounds
    placed: list[shapely.Polygon] = []
    built = []
    for _ in range(int(rng.integers(15, 70))):
        x, y = rng.uniform((west, south), (east, north))
        length, width = float(rng.uniform(9.0, 45.0)), float(rng.uniform(7.0, 18.0))
        height = float(rng.uniform(3.0, 11.0))
        turned = float(rng.uniform(0.0, 2.0 * math.pi))
        ahead = np.array([math.cos(turned), math.sin(turned)]) * length / 2.0
        line = shapely.LineString(np.array([x, y]) + np.stack([-ahead, ahead]))
        foot = line.buffer(width / 2.0, cap_style="flat")
        if foot.intersects(clear) or any(foot.intersects(other) for other in placed):
            continue
        placed.append(foot)
        paint = draw_paint(rng, str(rng.choice(["galvanised", "red", "grey", "white", "blue"])))
        half, side = length / 2.0, width / 2.0
        slope = float(rng.choice([0.0, 15.0, 30.0]))
        roof = (
            Panel((-half, half), (0.0, side), paint, slope_deg=slope),
            Panel((-half, half), (-side, 0.0), paint, slope_deg=-slope),
        )
        house = Vehicle("building", length, length, width, height, roof, freight=False)
        built.append((Track("building", np.asarray(line.coords)), Consist(0.0, (house,))))
    return built
