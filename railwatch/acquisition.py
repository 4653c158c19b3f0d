"""An acquisition: one look of one satellite, of which an archive may list several versions.

Providers reprocess. Two scenes are versions of one acquisition when collection, platform and tile
are the same and they were sensed within five seconds; the version processed last is the one used.
Frames of one pass that lie side by side are acquisitions of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from railwatch.scene import Scene

TOLERANCE_S = 5.0
"""Versions of one acquisition may differ in sensing time, seconds: providers stamp the datatake or
the granule."""

SAME_PLACE = 0.9
"""Intersection over union of two footprints from which they count as one tile, where no tile is
named. Neighbouring frames of one pass overlap far less."""

TILE_KEYS = ("grid:code", "s2:mgrs_tile", "s2:tile_id", "landsat:scene_id")
"""Scene properties that may name the tile of the archive's own grid."""
_MGRS = re.compile(r"(?<![0-9A-Z])T?(\d{2}[C-HJ-NP-X][A-HJ-NP-Z]{2})(?![0-9A-Z])")


def same_acquisition(a: Scene, b: Scene) -> bool:
    """Whether two scenes are versions of one acquisition (`TOLERANCE_S`, same tile)."""
    if (a.collection, a.platform) != (b.collection, b.platform):
        return False
    if abs((a.acquired - b.acquired).total_seconds()) > TOLERANCE_S:
        return False
    tiles = tile_of(a), tile_of(b)
    if all(tiles):
        return tiles[0] == tiles[1]
    boxes = a.properties.get("bbox"), b.properties.get("bbox")
    if isinstance(boxes[0], list | tuple) and isinstance(boxes[1], list | tuple):
        return _overlap(boxes[0], boxes[1]) >= SAME_PLACE
    return True


def newest_versions(scenes: Iterable[Scene]) -> tuple[list[Scene], dict[str, str]]:
    """Keep one version an acquisition, the one with the greatest (`processed`, id).

    Returns
    -------
    kept
        Ordered by (acquired, id).
    superseded
        Id of each scene left out, and the id of the one kept in its place.
    """
    groups: list[list[Scene]] = []
    open_groups: list[list[Scene]] = []
    for scene in sorted(scenes, key=lambda s: (s.acquired, s.id)):
        open_groups = [
            g
            for g in open_groups
            if (scene.acquired - g[0].acquired).total_seconds() <= TOLERANCE_S
        ]
        mine = next((g for g in open_groups if same_acquisition(g[0], scene)), None)
        if mine is None:
            mine = []
            groups.append(mine)
            open_groups.append(mine)
        mine.append(scene)
    kept, superseded = [], {}
    for group in groups:
        best = max(group, key=lambda s: (s.processed, s.id))
        kept.append(best)
        superseded.update({s.id: best.id for s in group if s is not best})
    return sorted(kept, key=lambda s: (s.acquired, s.id)), superseded


def tile_of(scene: Scene) -> str | None:
    """Name of the tile of the archive's own grid, e.g. MGRS `52TFN`; None where it names none."""
    for key in TILE_KEYS:
        if isinstance(named := scene.properties.get(key), str):
            found = _MGRS.search(named.replace("MGRS-", "").upper())
            return found.group(1) if found else named
    found = _MGRS.search(scene.id.upper().replace("_", " "))
    return found.group(1) if found else None


def _overlap(a: list[float] | tuple[float, ...], b: list[float] | tuple[float, ...]) -> float:
    """Intersection over union of two (west, south, east, north) boxes."""

    def area(west: float, south: float, east: float, north: float) -> float:
        return max(0.0, east - west) * max(0.0, north - south)

    both = area(max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    union = area(*a[:4]) + area(*b[:4]) - both
    return both / union if union > 0 else 1.0
