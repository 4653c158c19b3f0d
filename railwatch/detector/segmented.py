"""Class A: single railcars on a single scene of at most 1 m, no history needed.

The scene is snapped to the sidings, each siding is straightened, a network says what every 0.25 m
of it looks like, and a model of whole cars and coupling gaps explains that. What cannot be seen
(roofs, cloud, missing pixels) is not counted, and said. docs/method/class-a.md holds what was
measured.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from railwatch.count import Refusal
from railwatch.detection import Registration
from railwatch.detector import segmented_evidence as evidence
from railwatch.detector import segmented_snap as snapping
from railwatch.detector.segmented_choice import choose
from railwatch.detector.segmented_ends import MOVES_M, Ends, along
from railwatch.detector.segmented_explain import explain, path_evidence
from railwatch.detector.segmented_light import SceneLight
from railwatch.detector.segmented_result import SegmentedResult, SidingCars, refused, summarise
from railwatch.detector.segmented_sight import Cells, Picture, Sight
from railwatch.detector.segmented_strip import Appearance, learn_appearance, planes
from railwatch.grid import Grid
from railwatch.scene import Scene, SceneRaster
from railwatch.siding import SidingSet
from railwatch.stretch import Stretches

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MAX_GSD_M = 1.0
"""Coarser scenes do not show single cars (method.md 2.2)."""
_LOST = 0.5
"""A siding of which more plainly shows no track where it was put is refused."""
_PLAINLY = 1.0
"""Log odds that no track lies there: half a siding at evens is a faint track, not a lost one."""
_ENDS_APART_M = 60.0
"""Shorter sidings say nothing of where their ends lie."""
_PARALLEL_DEG = 25.0
"""Tracks that differ less in direction leave a scene free to lie anywhere along them."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _First:
    """A siding before its track is found: some of its cells, far to either side."""

    sight: Sight
    strip: npt.NDArray[np.float32]
    """(band, offset, cell) as stored."""
    clear_fraction: float
    refusal: Refusal | None

    @classmethod
    def of(cls, sight: Sight, picture: Picture) -> _First:
        cells = snapping.chunk_cells(len(sight.chainage_m))
        still = np.zeros(2)
        strip = sight.strip(picture, np.zeros(len(cells)), snapping.AXIS_ROWS_M, still, cells)
        counted = sight.counted[cells]
        clear = sight.clear(strip, cells)[counted]
        share = float(clear.mean()) if counted.any() else 0.0
        return cls(sight, strip, share, sight.refusal(picture, share))

    def chunks(self, look: Appearance, gsd_m: float) -> snapping.Chunks:
        """Pool axis evidence along the siding as drawn."""
        sight = self.sight
        at = sight.chainage_m[snapping.chunk_middles(len(sight.chainage_m))]
        points = np.column_stack(sight.track.xy(at, 0.0))
        ahead = sight.track.direction(at)
        normals = np.column_stack([-ahead[:, 1], ahead[:, 0]])
        score, cars = snapping.axis_evidence(planes(self.strip, look), gsd_m)
        # Beyond its ends a siding says nothing of where its track lies.
        inside = ((at >= 0) & (at <= sight.track.length_m))[:, None]
        return snapping.Chunks(points, normals, score * inside, cars * inside)


@dataclass(frozen=True, slots=True)
class Look:
    """One siding once its track is found."""

    sight: Sight
    cover: Array
    """(4, cell) float64, `segmented_evidence.Evidence.cover`."""
    clear: Bools
    """(cell,) bool: measured, and under no roof."""
    ground: Array
    """(cell, xy) float64, middle of the track as found, metres."""

    @property
    def ahead(self) -> Array:
        """Direction (xy) from the siding's begin to its end."""
        way = self.ground[-1] - self.ground[0]
        return np.asarray(way / np.hypot(*way))

    @property
    def missing(self) -> Array:
        """(cell,) float64, log odds that no track lies there; NaN where not clear."""
        odds = self.cover[evidence.NONE] - np.log(np.exp(self.cover[: evidence.NONE]).sum(axis=0))
        return np.where(self.clear, odds, np.nan)

    @property
    def lost(self) -> bool:
        """Whether most of the siding shows no track where it was put."""
        chainage = self.sight.chainage_m
        inside = self.clear & (chainage > 0) & (chainage < self.sight.track.length_m)
        return bool(inside.any() and np.mean(self.missing[inside] > _PLAINLY) > _LOST)


def detect_cars(
    raster: SceneRaster,
    grid: Grid,
    sidings: SidingSet,
    scene: Scene,
    usable: Mapping[str, Stretches] | None = None,
) -> SegmentedResult:
    """Find the single cars on every siding of one scene.

    Parameters
    ----------
    raster
        Pixels in any unit proportional to reflectance, or stretched 8-bit RGB, on `grid`.
    grid
        At most `MAX_GSD_M`; coarser gives refusals.
    sidings
        Drawn to about 2 m; the scene itself may lie up to 10 m off.
    scene
        Gives the day, for hidden stretches, and where shadows fall and tops lean if it says so or
        when it was taken.
    usable
        By siding id, where cars may stand, e.g. clear of fouling points; the whole siding else.
    """
    day = scene.acquired.date()
    where = usable or {}
    sights = [Sight.of(s, grid, where.get(s.id), day) for s in sidings]
    if grid.gsd_m > MAX_GSD_M * 1.05:
        answers = tuple(refused(sight, Refusal.RESOLUTION, 0.0) for sight in sights)
        return SegmentedResult(answers, None, 0.0)
    picture = Picture.of(raster, grid)
    firsts = [_First.of(sight, picture) for sight in sights]
    light = SceneLight.of(scene, grid)
    looks, found = look_at([f for f in firsts if f.refusal is None], picture, light)
    if found is None:
        answers = tuple(
            refused(f.sight, f.refusal or Refusal.INVISIBLE, f.clear_fraction) for f in firsts
        )
        return SegmentedResult(answers, None, 0.0)
    forward = _forward(looks, found)
    drawn = explain([path_evidence(each.cover, each.clear) for each in looks])
    answered = iter(zip(looks, drawn, strict=True))
    sidings_cars: list[SidingCars] = []
    for first in firsts:
        if first.refusal is not None:
            sidings_cars.append(refused(first.sight, first.refusal, first.clear_fraction))
            continue
        seen, draws = next(answered)
        moved = float((forward + light.top_m) @ seen.ahead)
        sight = seen.sight.moved(moved, where.get(first.sight.siding.id), day)
        if seen.lost:
            sidings_cars.append(refused(sight, Refusal.REGISTRATION, first.clear_fraction))
        else:
            sidings_cars.append(
                summarise(sight, draws, seen.clear, seen.ground, first.clear_fraction)
            )
    shift = np.array([found.dx_m, found.dy_m]) + forward
    _log.debug("%s: shift %.2f, %.2f m", scene.id, *shift)
    registration = Registration(float(shift[0]), float(shift[1]), found.sigma_m, found.ties)
    return SegmentedResult(tuple(sidings_cars), registration, found.confidence)


def look_at(
    firsts: list[_First], picture: Picture, light: SceneLight
) -> tuple[list[Look], snapping.Snap | None]:
    """Find the tracks of sidings and judge every cell along them."""
    if not firsts:
        return [], None
    look = learn_appearance([first.strip for first in firsts])

    def judge(sight: Sight, offset_m: Array, shift: Array, cells: Cells) -> evidence.Evidence:
        """Judge cells of a siding where a shift, and an offset beside it, put them."""
        ahead = sight.track.direction(sight.chainage_m[cells])
        own = offset_m - (ahead[:, 0] * shift[1] - ahead[:, 1] * shift[0])
        strip = sight.strip(picture, own, evidence.OFFSETS_M, shift, cells)
        return evidence.evaluate(planes(strip, look), picture.grid.gsd_m, light.along(ahead))

    sights = [first.sight for first in firsts]
    found = choose(sights, [first.chunks(look, picture.grid.gsd_m) for first in firsts], judge)[0]
    shift = np.array([found.dx_m, found.dy_m])
    looks = []
    for first, offsets in zip(firsts, found.offsets_m, strict=True):
        sight = first.sight
        ahead = sight.track.direction(sight.chainage_m)
        across = ahead[:, 0] * shift[1] - ahead[:, 1] * shift[0]
        cells = np.arange(len(sight.chainage_m))
        own = np.interp(cells, snapping.chunk_middles(len(cells)), offsets) - across
        strip = sight.strip(picture, own, evidence.OFFSETS_M, shift)
        judged = evidence.evaluate(planes(strip, look), picture.grid.gsd_m, light.along(ahead))
        ground = np.column_stack(sight.positions(own, shift))
        looks.append(Look(sight, judged.cover.astype(np.float64), sight.clear(strip), ground))
    return looks, found


def _forward(looks: list[Look], found: snapping.Snap) -> Array:
    """Move (xy) of the scene along its tracks, metres: the way in which snapping is blind."""
    aheads = np.stack([seen.ahead for seen in looks])
    _, ways = np.linalg.eigh(aheads.T @ aheads)
    way = ways[:, -1]
    if np.abs(aheads @ way).min() < np.cos(np.deg2rad(_PARALLEL_DEG)):
        return np.zeros(2)
    ends = [
        Ends.of(
            seen.sight.chainage_m,
            seen.sight.track.length_m,
            seen.missing,
            ahead=bool(ahead @ way > 0),
        )
        for seen, ahead in zip(looks, aheads, strict=True)
        if seen.sight.track.length_m > _ENDS_APART_M
    ]
    shift = np.array([found.dx_m, found.dy_m])
    return np.asarray(along(ends, snapping.prior(shift + MOVES_M[:, None] * way))[0] * way)
