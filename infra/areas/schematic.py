"""Draw the schematic sidings of Tumangang and Khasan from the few figures that are published.

No source gives the tracks' positions, so these are schematic: right in number, length, spacing and
rough direction, not in place. They serve replays and demonstrations; before counting in real scenes
redraw them over a sharp image of known position and say so in the file. Run from the root of the
checkout: `python infra/areas/schematic.py`.

A fan is drawn as such yards are laid: tracks leave a ladder of 1 in 9 one after the other and swing
parallel to the line in curves of 300 m radius.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyproj

from railwatch.area import Area, SourceSpec
from railwatch.area_write import Provenance, write_area
from railwatch.siding import HiddenStretch, Siding, SidingKind, SidingSet
from railwatch.track import Floats, Track

UTM = pyproj.CRS.from_epsg(32652)
TO_UTM = pyproj.Transformer.from_crs(4326, UTM, always_xy=True)

TUMANGANG = (130.6081, 42.4214)
"""42 25 17 N, 130 36 29 E, as encyclopedias give the station."""
KHASAN = (130.6453, 42.4281)
"""42 25 41 N, 130 38 43 E."""
BEARING_DEG = 75.0
"""From one station to the other; the line's own direction at either is not published."""

LADDER = 1 / 9
"""Slope of the ladder, a usual yard switch."""
RADIUS_M = 300.0
EASE_M = RADIUS_M * math.tan(math.atan(LADDER) / 2)
"""Tangent length of the curves at both ends of the ladder, metres."""

STATION_M = 5.3
"""Usual distance of station tracks, metres."""
YARD_M = 4.8
"""Usual distance of yard tracks, metres."""
PLATFORM_M = 2 * STATION_M
"""Two tracks with an island platform between them, where one track is left out."""

CANOPY_M = (348.0, 26.0)
"""Length and width of the roof over the station tracks, seen under construction."""
CANOPY_SINCE = dt.date(2024, 12, 3)


@dataclass(frozen=True, slots=True)
class Fan:
    """Parallel tracks between two ladders to one side of a through track."""

    prefix: str
    first: int
    """Number of the track next to the through track."""
    offsets_m: tuple[float, ...]
    """From the through track, growing in size, all of one sign; positive to the north."""
    from_m: float
    """Chainage of the through track where the western ladder leaves it."""
    to_m: float
    """Chainage where the eastern one comes back."""

    def sidings(self, through: Track, kind: SidingKind, title: str) -> Iterator[Siding]:
        """Draw the tracks; the outermost takes the ladders along."""
        outermost = abs(self.offsets_m[-1])
        for number, offset_m in enumerate(self.offsets_m, start=self.first):
            bend = EASE_M + abs(offset_m) / LADDER
            toe = 0.0 if abs(offset_m) == outermost else bend - EASE_M
            inward = np.linspace(toe, bend + EASE_M, max(9, int((bend - toe) / 5)))
            rise = LADDER * (_ramp(inward - EASE_M) - _ramp(inward - bend))
            chainage = np.concatenate([self.from_m + inward, self.to_m - inward[::-1]])
            across = math.copysign(1.0, offset_m) * np.concatenate([rise, rise[::-1]])
            x, y = through.xy(chainage, across)
            yield _siding(f"{self.prefix}-{number}", x, y, kind, f"{title} track {number}")


def _ramp(beyond: Floats) -> Floats:
    """Distance beyond a corner, rounded by a parabola of `EASE_M` to either side."""
    rounded = np.square(np.clip(beyond + EASE_M, 0.0, 2 * EASE_M)) / (4 * EASE_M)
    return np.where(beyond > EASE_M, beyond, rounded)


def _siding(name: str, x: Floats, y: Floats, kind: SidingKind, title: str) -> Siding:
    lon, lat = TO_UTM.transform(x, y, direction="INVERSE")
    places = zip(np.round(lon, 7).tolist(), np.round(lat, 7).tolist(), strict=True)
    return Siding(name, tuple(places), kind, title)


def line_through(
    centre: tuple[float, float], before_m: float, bends: tuple[tuple[float, float], ...]
) -> Track:
    """Lay the through track: from `before_m` west of the centre, by (length, radius) pieces.

    A radius is positive to the left and infinite on the straight. Points are 10 m apart.
    """
    x, y = TO_UTM.transform(*centre)
    heading = math.radians(90.0 - BEARING_DEG)
    place = np.array([x, y]) - before_m * np.array([math.cos(heading), math.sin(heading)])
    points = [place]
    for length_m, radius_m in bends:
        for _ in range(round(length_m / 10.0)):
            heading += 10.0 / radius_m / 2
            place = place + 10.0 * np.array([math.cos(heading), math.sin(heading)])
            heading += 10.0 / radius_m / 2
            points.append(place)
    return Track("line", np.array(points))


def piece(
    through: Track, name: str, from_m: float, to_m: float, kind: SidingKind, title: str
) -> Siding:
    """Cut a siding out of the through track."""
    chainage = np.linspace(from_m, to_m, max(2, round((to_m - from_m) / 20.0) + 1))
    return _siding(name, *through.xy(chainage, 0.0), kind, title)


def under_canopy(siding: Siding, through: Track, centre_m: float) -> Siding:
    """Hide the part of a siding below the canopy, where its axis lies below."""
    length_m, width_m = CANOPY_M
    own = Track.of(siding, UTM)
    ends = centre_m - length_m / 2, centre_m + length_m / 2
    offset = float(through.back(*own.xy(own.length_m / 2, 0.0)).offset)
    if abs(offset) > width_m / 2:
        return siding
    low, high = own.back(*through.xy(np.array(ends), offset)).chainage.round(1).tolist()
    return replace(siding, hidden=(HiddenStretch(low, high, since=CANOPY_SINCE),))


def tumangang() -> tuple[Area, dict[str, dict[str, object]]]:
    """Five station tracks, a yard of six 1.2 km along the line, the line itself."""
    straight = math.inf
    at = 1000.0  # chainage of the station's middle on the through track
    through = line_through(TUMANGANG, at, ((1560, straight), (200, 1500.0), (1540, straight)))
    west, east, yard_west, yard_east = at - 560, at + 560, at + 760, at + 1860
    station = [
        piece(through, "station-1", west, east, SidingKind.SIDING, "Station track 1"),
        *Fan("station", 2, (PLATFORM_M, PLATFORM_M + STATION_M), west, east).sidings(
            through, SidingKind.SIDING, "Station"
        ),
        *Fan("station", 4, (-STATION_M, -2 * STATION_M), west, east).sidings(
            through, SidingKind.SIDING, "Station"
        ),
    ]
    yard = Fan(
        "yard", 1, tuple(-STATION_M - k * YARD_M for k in range(6)), yard_west, yard_east
    ).sidings(through, SidingKind.YARD, "Freight yard")
    line = (
        piece(through, "line-west", 0.0, west, SidingKind.MAIN, "Line to Rajin"),
        piece(through, "line-east", east, through.length_m, SidingKind.MAIN, "Line to Khasan"),
    )
    at_station = _properties(
        60,
        "Station coordinate to a second of arc, five tracks and two platforms: encyclopedias. "
        "Canopy 348 x 26 m in front of the station: Beyond Parallel, December 2024.",
    )
    at_yard = _properties(
        250,
        "Secured freight yard 1.2 km from the station towards the bridge: Radio Free Asia, "
        "October 2023. Rows of 200, 300 and 320 m stood in it on 2023-09-22. Number of tracks, "
        "their lengths and the side of the line they lie on are not published; six tracks on the "
        "south are assumed.",
    )
    along = _properties(100, "Between the two; its course is not published.")
    sidings = [*(under_canopy(siding, through, at) for siding in station), *yard, *line]
    facts = {"station": at_station, "yard": at_yard, "line": along}
    return _area("tumangang", "Tumangang Rail Facility", sidings, facts)


def khasan() -> tuple[Area, dict[str, dict[str, object]]]:
    """Six station tracks and the line."""
    at = 900.0  # chainage of the station's middle on the through track
    through = line_through(KHASAN, at, ((1800, math.inf),))
    west, east = at - 620, at + 620
    sidings = [
        piece(through, "station-1", west, east, SidingKind.SIDING, "Station track 1"),
        *Fan("station", 2, (STATION_M, 2 * STATION_M), west, east).sidings(
            through, SidingKind.SIDING, "Station"
        ),
        *Fan("station", 4, tuple(-k * STATION_M for k in (1, 2, 3)), west, east).sidings(
            through, SidingKind.SIDING, "Station"
        ),
        piece(through, "line-west", 0.0, west, SidingKind.MAIN, "Line to Tumangang"),
        piece(through, "line-east", east, through.length_m, SidingKind.MAIN, "Line to Baranovsky"),
    ]
    facts = {
        "station": _properties(
            60,
            "Station coordinate to a second of arc, six tracks and one platform: encyclopedias. "
            "Their lengths and direction are not published; 150 vehicles stood here on 2024-06-17.",
        ),
        "line": _properties(100, "Its course is not published."),
    }
    return _area("khasan", "Khasan Rail Facility", sidings, facts)


def _properties(uncertainty_m: int, basis: str) -> dict[str, object]:
    return {
        "digitised_by": "railwatch contributors, November 2026",
        "method": "schematic, drawn by infra/areas/schematic.py; not traced from an image",
        "uncertainty_m": uncertainty_m,
        "basis": basis,
    }


def _area(
    area_id: str, name: str, sidings: list[Siding], facts: dict[str, dict[str, object]]
) -> tuple[Area, dict[str, dict[str, object]]]:
    ordered = sorted(sidings, key=lambda siding: siding.id)
    area = Area(area_id, name, SidingSet(tuple(ordered)), sources=(SourceSpec("sentinel-2-l2a"),))
    return area, {siding.id: facts[siding.id.split("-")[0]] for siding in ordered}


PROVENANCE = Provenance(
    attribution="railwatch contributors",
    licence="CC0-1.0",
    source="Schematic: positions are not surveyed (see each siding's basis and uncertainty_m); "
    "redraw over a sharp image before counting in real scenes.",
)


def main() -> None:
    """Write both areas beside this file."""
    for area, extra in (tumangang(), khasan()):
        write_area(area, Path(__file__).parent, PROVENANCE, extra, replace=True)


if __name__ == "__main__":
    main()
