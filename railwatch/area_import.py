"""Sidings from OpenStreetMap ways: joined over tag changes, cut at switches, named for good.

The map breaks a track wherever a tag changes and runs one way through many switches. A siding is
the other way round: all track between two switches, whatever its tags, because that is where a
rake of cars can stand. Junctions are found in the whole railway, main lines and crossovers too.
"""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyproj
import shapely

from railwatch.osm import RailWay
from railwatch.siding import HiddenStretch, Siding, SidingKind, SidingSet

LEAST_LENGTH_M = 30.0
"""Shorter tracks hold two cars at most and are mostly pieces between switches."""

CLUSTER_M = 300.0
"""Sidings nearer than this belong to one yard."""

MOST_TURN_RAD = math.radians(30.0)
"""Tracks that meet at a sharper angle meet at a switch whose other leg is not on the map."""

_KINDS = {"siding": SidingKind.SIDING, "yard": SidingKind.YARD, "spur": SidingKind.SPUR}
_OSM_LON_LAT_DECIMALS = 7
_GEOD = pyproj.Geod(ellps="WGS84")


@dataclass(frozen=True, slots=True)
class Imported:
    """Sidings found in an extract and what was left out."""

    sidings: tuple[Siding, ...]
    """Ordered by id."""
    way_ids: dict[str, tuple[int, ...]]
    """OpenStreetMap ways each siding was made from."""
    short: int
    """Tracks left out because they are shorter than `LEAST_LENGTH_M`."""
    short_m: float
    """Their length in all, metres."""


@dataclass(frozen=True, slots=True)
class _Edge:
    """Piece of one way between two junctions or ends, at least one segment."""

    way: RailWay
    first: int
    """Index of its first node in the way."""
    last: int

    @property
    def ends(self) -> tuple[Hashable, Hashable]:
        return self.way.nodes[self.first], self.way.nodes[self.last]

    @property
    def coordinates(self) -> tuple[tuple[float, float], ...]:
        return self.way.coordinates[self.first : self.last + 1]

    @property
    def kind(self) -> SidingKind | None:
        return kind_of(self.way.tags)

    @property
    def length_m(self) -> float:
        return _length_m(self.coordinates)


def kind_of(tags: dict[str, str]) -> SidingKind | None:
    """Say what a way is for; None: not a track in use, or a crossover."""
    if tags.get("railway") != "rail":
        return None
    service = tags.get("service")
    if service is None:
        return SidingKind.MAIN
    return _KINDS.get(service)


def import_sidings(ways: Sequence[RailWay], *, with_main: bool = False) -> Imported:
    """Make sidings of an extract's ways: `service` siding, yard and spur, main lines when asked.

    Ids are `w` and the lowest way id a siding was made from, `-1`, `-2` ... behind it where a way
    gives several; they stay when the extract grows. Tunnels and covered ways become hidden
    stretches.
    """
    rails = [way for way in ways if way.tags.get("railway") == "rail"]
    degree: dict[Hashable, int] = defaultdict(int)
    for way in rails:
        for i, node in enumerate(way.nodes):
            degree[node] += 1 if i in (0, len(way.nodes) - 1) else 2
    wanted = [
        edge
        for way in rails
        for edge in _edges(way, degree)
        if edge.kind is not None and (with_main or edge.kind is not SidingKind.MAIN)
    ]
    chains = [chain for chain in _chains(wanted, degree) if chain]
    lengths = [sum(edge.length_m for edge, _ in chain) for chain in chains]
    kept = [chain for chain, m in zip(chains, lengths, strict=True) if m >= LEAST_LENGTH_M]
    named = _named(kept)
    short = [m for m in lengths if m < LEAST_LENGTH_M]
    return Imported(
        sidings=tuple(_siding(name, named[name]) for name in sorted(named)),
        way_ids={
            name: tuple(sorted({edge.way.id for edge, _ in named[name]})) for name in sorted(named)
        },
        short=len(short),
        short_m=sum(short),
    )


def _edges(way: RailWay, degree: dict[Hashable, int]) -> Iterable[_Edge]:
    """Cut a way at the switches and crossings it runs through."""
    last = len(way.nodes) - 1
    cuts = [0, *(i for i in range(1, last) if degree[way.nodes[i]] > 2), last]
    return [_Edge(way, a, b) for a, b in itertools.pairwise(cuts)]


_Chain = list[tuple[_Edge, bool]]
"""Edges in order of travel, each with whether it is travelled against its way's direction."""


def _chains(edges: Sequence[_Edge], degree: dict[Hashable, int]) -> list[_Chain]:
    """Join edges that meet end to end where nothing else does; main lines only with main lines."""
    at: dict[tuple[Hashable, bool], list[int]] = defaultdict(list)
    for index, edge in enumerate(edges):
        for node in edge.ends:
            at[node, edge.kind is SidingKind.MAIN].append(index)
    free = dict.fromkeys(range(len(edges)))
    chains: list[_Chain] = []

    def follow(index: int, node: Hashable) -> _Chain:
        """Edges from `node`, an end of edge `index`, as far as the track has no choice."""
        found: _Chain = []
        while degree[node] == 2:
            here = at[node, edges[index].kind is SidingKind.MAIN]
            onward = [other for other in here if other in free]
            if len(here) != 2 or not onward:
                break
            before, index = index, onward[0]
            if _turn_rad(edges[before], edges[index], node) > MOST_TURN_RAD:
                break
            del free[index]
            first, last = edges[index].ends
            against = node == last
            found.append((edges[index], against))
            node = first if against else last
        return found

    for index, edge in enumerate(edges):
        if index not in free:
            continue
        del free[index]
        first, last = edge.ends
        ahead = follow(index, last)
        behind = follow(index, first)
        chains.append(
            [(other, not against) for other, against in reversed(behind)] + [(edge, False), *ahead]
        )
    return chains


def _turn_rad(edge: _Edge, onward: _Edge, node: Hashable) -> float:
    """Give the angle a train would turn by where one edge meets the next."""
    here, behind = _end_points(edge, node)
    _, ahead = _end_points(onward, node)
    into, out = (_GEOD.inv(*a, *b)[0] for a, b in ((behind, here), (here, ahead)))
    return abs(math.remainder(math.radians(out - into), math.tau))


def _end_points(edge: _Edge, node: Hashable) -> tuple[tuple[float, float], tuple[float, float]]:
    """Give the position of an edge's end and of the point next to it."""
    points = edge.coordinates if edge.ends[0] == node else edge.coordinates[::-1]
    return points[0], points[1]


def _named(chains: Sequence[_Chain]) -> dict[str, _Chain]:
    """Name chains after their lowest way, numbered and travelled along it."""
    by_way: dict[int, list[_Chain]] = defaultdict(list)
    for chain in chains:
        way_id = min(edge.way.id for edge, _ in chain)
        if next(against for edge, against in chain if edge.way.id == way_id):
            chain = [(edge, not against) for edge, against in reversed(chain)]  # noqa: PLW2901  # same chain
        by_way[way_id].append(chain)
    named: dict[str, _Chain] = {}
    for way_id, mine in by_way.items():
        if len(mine) == 1:
            named[f"w{way_id}"] = mine[0]
            continue
        mine.sort(key=lambda chain: min(e.first for e, _ in chain if e.way.id == way_id))
        named.update({f"w{way_id}-{k}": chain for k, chain in enumerate(mine, start=1)})
    return named


def _siding(name: str, chain: _Chain) -> Siding:
    """Join a chain into one line; its kind is that of most of its length."""
    points: list[tuple[float, float]] = []
    hidden: list[HiddenStretch] = []
    by_kind: dict[SidingKind, float] = defaultdict(float)
    at_m = 0.0
    for edge, against in chain:
        piece = edge.coordinates[::-1] if against else edge.coordinates
        points.extend(piece[1:] if points else piece)
        if edge.kind is not None:
            by_kind[edge.kind] += edge.length_m
        if _is_hidden(edge.way.tags):
            hidden.append(HiddenStretch(round(at_m, 1), round(at_m + edge.length_m, 1)))
        at_m += edge.length_m
    longest = max((edge for edge, _ in chain), key=lambda edge: edge.length_m)
    tags = longest.way.tags
    title = tags.get("name") or tags.get("railway:track_ref") or tags.get("ref") or ""
    return Siding(
        id=name,
        coordinates=tuple(
            (round(lon, _OSM_LON_LAT_DECIMALS), round(lat, _OSM_LON_LAT_DECIMALS))
            for lon, lat in points
        ),
        kind=max(by_kind, key=lambda kind: (by_kind[kind], kind.value)),
        name=" ".join(title.split())[:200],
        hidden=tuple(hidden),
    )


def _is_hidden(tags: dict[str, str]) -> bool:
    return any(tags.get(key, "no") not in ("no", "") for key in ("tunnel", "covered"))


def _length_m(coordinates: Sequence[tuple[float, float]]) -> float:
    lon, lat = zip(*coordinates, strict=True)
    return float(_GEOD.line_length(lon, lat))


def length_m(siding: Siding) -> float:
    """Length of a siding on the WGS84 ellipsoid, metres."""
    return _length_m(siding.coordinates)


def in_box(sidings: Sequence[Siding], box: tuple[float, float, float, float]) -> list[Siding]:
    """Choose sidings whose middle lies in (west, south, east, north) degrees; none is cut."""
    west, south, east, north = box
    chosen = []
    for siding in sidings:
        middle = shapely.LineString(siding.coordinates).interpolate(0.5, normalized=True)
        if west <= middle.x <= east and south <= middle.y <= north:
            chosen.append(siding)
    return chosen


def clusters(sidings: Sequence[Siding]) -> list[tuple[Siding, ...]]:
    """Part sidings into yards, `CLUSTER_M` or more from each other, the longest first."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not sidings:
        return []
    utm = SidingSet((sidings[0],)).utm
    lines = np.array([shapely.LineString(s.projected(utm)) for s in sidings], dtype=object)
    pairs = shapely.STRtree(lines).query(lines, predicate="dwithin", distance=CLUSTER_M)
    graph = coo_array((np.ones(pairs.shape[1]), tuple(pairs)), shape=(len(lines), len(lines)))
    _, label = connected_components(graph, directed=False)
    parts = [
        tuple(s for s, mine in zip(sidings, label == part, strict=True) if mine)
        for part in np.unique(label)
    ]
    return sorted(parts, key=lambda part: (-sum(length_m(s) for s in part), part[0].id))


def area_id_of(name: str) -> str:
    """Make an area id of a name: ASCII letters and digits in lower case, hyphens between."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63].strip("-")
