"""A place: true tracks, the sidings as somebody digitised them, and what lies around."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyproj

from railwatch.coverage import Float
from railwatch.fouling import usable_stretches
from railwatch.grid import Grid
from railwatch.injection import Consist, points_on
from railwatch.rolling_stock import Panel, Vehicle, draw_paint
from railwatch.siding import HiddenStretch, Siding, SidingKind, SidingSet
from railwatch.testing.scenery.land import Land, draw_land
from railwatch.testing.scenery.material import Cover, Material, draw_materials
from railwatch.track import Track

TURNOUT = 9.0
"""Metres along for one metre across in a ladder: turnouts 1:9."""

FOULING_M = 40.0
"""Cars stand clear of a turnout by 4.1 m between axes, 37 m along at 1:9 (method.md 2.3)."""


@dataclass(frozen=True, slots=True)
class PlaceDraw:
    """Every parameter of a place, explicit."""

    seed: int
    tracks: int = 1
    spacing_m: float = 5.0
    """Between neighbouring axes."""
    length_m: float = 700.0
    bearing_deg: float = 75.0
    """Direction of rising chainage, clockwise from north."""
    bend_deg: float = 0.0
    """Heading at the end minus heading at the start."""
    ladder: bool = False
    """Tracks branch from one another by turnouts instead of lying side by side in full length."""
    main: bool = False
    """A through track runs past and trains pass on it."""
    lon: float = 130.62
    lat: float = 42.42
    digitised_off_m: tuple[float, float] = (0.0, 0.0)
    """The declared sidings lie (east, north) metres off the true tracks."""
    wobble_m: float = 0.0
    """And wander about that by this standard deviation."""
    spread: float = 0.2
    """Standard deviation of ln brightness by which the place's materials differ from usual."""
    texture: float = 0.08
    """Standard deviation of ln brightness along the ballast."""
    canopy_m: float = 0.0
    """Length of the roof over the outermost track."""
    cargo: int = 0
    """Stacks of goods beside the tracks."""
    ring_m: float = 450.0
    """Land drawn around the sidings."""
    psf: float = 0.5
    """Where in a sensor's range of PSF widths its images of this place lie, 0-1."""

    @classmethod
    def drawn(cls, seed: int) -> PlaceDraw:
        """Draw a place of any kind; `dataclasses.replace` fixes what an experiment needs."""
        rng = np.random.default_rng([seed, 0])
        off = rng.normal(0.0, 1.0, 2)
        tracks = int(rng.choice([1, 2, 3, 4, 5, 6, 8, 10, 12]))
        return cls(
            seed,
            tracks=tracks,
            spacing_m=float(rng.uniform(4.3, 6.0)),
            length_m=float(rng.uniform(450.0, 900.0)) + (0 if tracks < 6 else 250.0),
            bearing_deg=float(rng.uniform(0.0, 360.0)),
            bend_deg=float(rng.normal(0.0, 8.0)),
            ladder=bool(tracks > 2 and rng.random() < 0.6),
            main=bool(rng.random() < 0.3),
            lon=float(rng.uniform(-120.0, 140.0)),
            lat=float(rng.uniform(30.0, 56.0)),
            digitised_off_m=(float(off[0]), float(off[1])),
            wobble_m=float(rng.uniform(0.0, 0.6)),
            spread=float(rng.uniform(0.1, 0.3)),
            texture=float(rng.uniform(0.03, 0.12)),
            cargo=int(rng.choice([0, 0, 0, 2, 5])),
            psf=float(rng.random()),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A yard with its surroundings, ready to be photographed."""

    draw: PlaceDraw
    epsg: int
    tracks: tuple[Track, ...]
    """True axes that trains can stand on, in the order of `sidings`."""
    spans: tuple[tuple[float, float], ...]
    """Chainage of each between its fouling points."""
    leads: tuple[Track, ...]
    """Track that only connects: ladders, and lines beyond the window."""
    sidings: SidingSet
    """As an area file declares them."""
    land: Land
    canopy: tuple[tuple[Track, Consist], ...]
    materials: dict[Cover, Material]

    @classmethod
    def around(cls, sidings: SidingSet, draw: PlaceDraw, leads: Sequence[Siding] = ()) -> Place:
        """Build the surroundings of given sidings, whose true tracks lie as `draw` offsets them.

        Cars stand on the longest stretch of each that is clear of fouling points.
        """
        utm = sidings.utm
        rng = np.random.default_rng([draw.seed, 1])
        off = np.asarray(draw.digitised_off_m)
        tracks = tuple(_true_track(s, utm, off) for s in sidings)
        usable = usable_stretches(sidings)
        spans = tuple(max(usable[s.id], key=lambda span: span[1] - span[0]) for s in sidings)
        beyond = tuple(_true_track(s, utm, off) for s in leads)
        return cls(
            draw,
            utm.to_epsg() or 0,
            tracks,
            spans,
            beyond,
            sidings,
            draw_land(rng, [t.points for t in (*tracks, *beyond)], draw.ring_m, draw.cargo),
            _canopy(rng, draw, tracks[0]),
            draw_materials(rng, draw.spread, draw.lat),
        )

    def grid(self, gsd_m: float, ring_m: float, *, mains: bool = True) -> Grid:
        """Cover the sidings and a ring, with edges on multiples of two pixels.

        Without `mains` through tracks are left out, as an order of sharp images leaves them.
        """
        tracks = [
            track
            for track, siding in zip(self.tracks, self.sidings, strict=True)
            if mains or siding.kind is not SidingKind.MAIN
        ]
        low = np.min([t.points.min(axis=0) for t in tracks], axis=0) - ring_m
        high = np.max([t.points.max(axis=0) for t in tracks], axis=0) + ring_m
        step = 2.0 * gsd_m
        west, south = (math.floor(v / step) * step for v in low)
        east, north = (math.ceil(v / step) * step for v in high)
        shape = (round((north - south) / gsd_m), round((east - west) / gsd_m))
        return Grid(self.epsg, gsd_m, west, north, shape)

    def hidden(self, number: int, from_m: float, to_m: float) -> bool:
        """Whether a roof covers the middle of a stretch of track `number`."""
        if number != 0 or self.draw.canopy_m <= 0:
            return False
        begin, end = _roof_span(self.draw, self.tracks[0])
        return begin <= (from_m + to_m) / 2.0 <= end


def draw_place(draw: PlaceDraw) -> Place:
    """Build a yard and its surroundings from its parameters."""
    rng = np.random.default_rng([draw.seed, 2])
    middle = (draw.tracks - 1) / 2.0
    offsets = [(k - middle) * draw.spacing_m for k in range(draw.tracks)]
    zone = int((draw.lon + 180.0) // 6.0) % 60 + 1
    epsg = (32600 if draw.lat >= 0 else 32700) + zone
    to_map = pyproj.Transformer.from_crs(4326, epsg, always_xy=True)
    centre = np.array(to_map.transform(draw.lon, draw.lat))

    def line(offset: float, first: float, last: float) -> Float:
        along = np.linspace(first, last, max(2, math.ceil((last - first) / 10.0) + 1))
        return np.asarray(_bent(along, np.full_like(along, offset), draw) + centre)

    half = draw.length_m / 2.0
    ends = [half - TURNOUT * abs(d) if draw.ladder else half for d in offsets]
    if min(ends) < 60.0:
        raise ValueError(f"{draw.tracks} tracks on a ladder do not fit into {draw.length_m:.0f} m")
    lines = [line(d, -e, e) for d, e in zip(offsets, ends, strict=True)]
    kinds = [SidingKind.YARD] * draw.tracks
    leads = _ladders(draw, offsets, half, centre) if draw.ladder else ()
    if draw.main:
        beyond = half + draw.ring_m
        far = offsets[-1] + draw.spacing_m + 2.0
        leads = (
            *leads,
            Track("lead", line(far, -beyond, -half)),
            Track("lead", line(far, half, beyond)),
        )
        lines.append(line(far, -half, half))
        kinds.append(SidingKind.MAIN)
    sidings = SidingSet(
        tuple(
            Siding(f"t{n + 1:02d}", _digitised(rng, xy, draw, epsg), kind=kind)
            for n, (xy, kind) in enumerate(zip(lines, kinds, strict=True))
        )
    )
    land = draw_land(rng, [*lines, *(lead.points for lead in leads)], draw.ring_m, draw.cargo)
    tracks = tuple(Track(f"t{n + 1:02d}", xy) for n, xy in enumerate(lines))
    clear = FOULING_M if draw.ladder else 4.0
    spans = tuple(
        (0.0, t.length_m) if kind is SidingKind.MAIN else (clear, t.length_m - clear)
        for t, kind in zip(tracks, kinds, strict=True)
    )
    canopy = _canopy(rng, draw, tracks[0])
    materials = draw_materials(rng, draw.spread, draw.lat)
    place = Place(draw, epsg, tracks, spans, leads, sidings, land, canopy, materials)
    return replace(place, sidings=_with_roofs(place))


def _bent(along: Float, across: Float, draw: PlaceDraw) -> Float:
    """Map (along, left) metres of a yard on an arc to (east, north) metres about its middle."""
    bend = math.radians(draw.bend_deg) / draw.length_m
    heading = math.radians(90.0 - draw.bearing_deg)
    if abs(bend) < 1e-9:
        u, v = along, across
    else:
        u = (1.0 / bend - across) * np.sin(bend * along)
        v = 1.0 / bend - (1.0 / bend - across) * np.cos(bend * along)
    return np.column_stack(
        [
            u * math.cos(heading) - v * math.sin(heading),
            u * math.sin(heading) + v * math.cos(heading),
        ]
    )


def _ladders(
    draw: PlaceDraw, offsets: Sequence[float], half: float, centre: Float
) -> tuple[Track, ...]:
    """Connect the tracks at both ends: two leads a side, at 1:9, and a line out of the window."""
    leads = []
    for end in (-1.0, 1.0):
        for d in {offsets[0], offsets[-1]}:
            across = np.linspace(d, 0.0, max(2, math.ceil(abs(d)) + 1))
            along = end * (half - TURNOUT * np.abs(across))
            leads.append(Track("lead", _bent(along, across, draw) + centre))
        along = end * np.linspace(half, half + draw.ring_m, 40)
        leads.append(Track("lead", _bent(along, np.zeros_like(along), draw) + centre))
    return tuple(leads)


def _digitised(
    rng: np.random.Generator, xy: Float, draw: PlaceDraw, epsg: int
) -> tuple[tuple[float, float], ...]:
    """Place every fifth vertex of a true axis by a careless hand, as longitude and latitude."""
    kept = np.unique(np.append(np.arange(0, len(xy), 5), len(xy) - 1))
    drawn = xy[kept] + draw.digitised_off_m + rng.normal(0.0, draw.wobble_m, (len(kept), 2))
    back = pyproj.Transformer.from_crs(epsg, 4326, always_xy=True)
    lon, lat = back.transform(*drawn.T)
    return tuple(zip(lon.round(8).tolist(), lat.round(8).tolist(), strict=True))


def _true_track(siding: Siding, utm: pyproj.CRS, off: Float) -> Track:
    """Put a siding's true axis where `off` says it lies, with a point every 10 m."""
    declared = Track.of(siding, utm)
    return Track(siding.id, points_on(declared, declared.samples(10.0)) - off)


def _roof_span(draw: PlaceDraw, first: Track) -> tuple[float, float]:
    """Chainage of the canopy: over the middle of the first track."""
    middle, reach = first.length_m / 2.0, min(draw.canopy_m, 0.8 * first.length_m) / 2.0
    return middle - reach, middle + reach


def _canopy(
    rng: np.random.Generator, draw: PlaceDraw, first: Track
) -> tuple[tuple[Track, Consist], ...]:
    """Roof sections over the middle of the first track, as vehicles without gaps."""
    if draw.canopy_m <= 0:
        return ()
    begin, end = _roof_span(draw, first)
    count = max(1, round((end - begin) / 12.0))
    length, width = (end - begin) / count, 0.9 * draw.spacing_m
    paint = draw_paint(rng, "galvanised")
    panel = Panel((-length / 2.0, length / 2.0), (-width / 2.0, width / 2.0), paint)
    section = Vehicle("canopy", length, length, width, 7.0, (panel,), freight=False)
    return ((first, Consist(begin, (section,) * count)),)


def _with_roofs(place: Place) -> SidingSet:
    """Declare the stretch under the canopy, as a careful operator does."""
    if place.draw.canopy_m <= 0:
        return place.sidings
    begin, end = _roof_span(place.draw, place.tracks[0])
    first, *others = place.sidings
    return SidingSet((replace(first, hidden=(HiddenStretch(begin, end),)), *others))
