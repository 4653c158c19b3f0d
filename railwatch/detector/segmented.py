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
from railwatch.detector import segmented_path as path
from railwatch.detector import segmented_snap as snapping
from railwatch.detector.segmented_result import SegmentedResult, SidingCars, refused, summarise
from railwatch.detector.segmented_sight import Picture, Sight
from railwatch.detector.segmented_strip import STEP_M, Appearance, learn_appearance, planes
from railwatch.grid import Grid
from railwatch.scene import Scene, SceneRaster
from railwatch.siding import SidingKind, SidingSet
from railwatch.stretch import Stretches

Array = npt.NDArray[np.float64]

MAX_GSD_M = 1.0
"""Coarser scenes do not show single cars (method.md 2.2)."""
DRAWS = 200
"""Explanations drawn a siding: standard error of a 5 % tail 0.015."""
_TEMPER = 0.25
"""Share of the network's log odds that is new from cell to cell: its answers overlap."""
_DOUBT = 1.5
"""Taken off a roof's log odds a cell: shadows and stains of a car's size are commoner than the even
prior says (docs/method/class-a.md)."""
_GAP_TEMPER = 0.8
"""The same for a gap against the roofs around it, which only a few cells tell."""
_PRIOR = np.log([0.55, 0.40, 0.05])[:, None]
"""Share of cells of each class the network was taught with; taken out of its answer."""
_UNSEEN = -0.2
"""Log evidence of a cell nobody sees: cars do not reach under a roof unless something says so."""
_ELSEWHERE = 0.2
"""Weight of a length found on another siding of the scene."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Look:
    """Evidence along one siding once its track is found."""

    car: Array
    """(cell,) float64, log evidence of a roof against empty track; `_UNSEEN` where not clear."""
    gap: Array
    """(cell,) float64, of a coupling gap."""
    clear: npt.NDArray[np.bool_]
    ground: Array
    """(cell, xy) float64, middle of the track as found, metres."""


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
        Drawn to about 2 m; the scene itself may lie up to 8 m off.
    scene
        Gives the day, for hidden stretches. No sun or view angle is needed.
    usable
        By siding id, where cars may stand, e.g. clear of fouling points; the whole siding else.
    """
    day = scene.acquired.date()
    sights = [Sight.of(s, grid, (usable or {}).get(s.id), day) for s in sidings]
    if grid.gsd_m > MAX_GSD_M * 1.05:
        answers = tuple(refused(sight, Refusal.RESOLUTION, 0.0) for sight in sights)
        return SegmentedResult(answers, None, 0.0)
    picture = Picture.of(raster, grid)
    rows = snapping.axis_rows()
    wide = [s.strip(picture, np.zeros(len(s.chainage_m)), rows, np.zeros(2)) for s in sights]
    shares = [_clear_fraction(s, s.clear(strip)) for s, strip in zip(sights, wide, strict=True)]
    reasons = [s.refusal(picture, share) for s, share in zip(sights, shares, strict=True)]
    answered = [i for i, reason in enumerate(reasons) if reason is None]
    drawn: dict[int, SidingCars] = {}
    found: snapping.Snap | None = None
    if answered:
        look = learn_appearance([wide[i] for i in answered])
        found = snapping.snap(
            [_chunks(sights[i], planes(wide[i], look), grid.gsd_m) for i in answered]
        )
        looks = [
            _look(sights[i], picture, offsets, found, look)
            for i, offsets in zip(answered, found.offsets_m, strict=True)
        ]
        for i, seen, draws in zip(answered, looks, _explain(looks), strict=True):
            drawn[i] = summarise(sights[i], draws, seen.clear, seen.ground, shares[i])
    answers = tuple(
        drawn[i] if reason is None else refused(sights[i], reason, shares[i])
        for i, reason in enumerate(reasons)
    )
    if found is None:
        return SegmentedResult(answers, None, 0.0)
    _log.debug("%s: shift %.2f, %.2f m", scene.id, found.dx_m, found.dy_m)
    registration = Registration(found.dx_m, found.dy_m, found.sigma_m, found.ties)
    return SegmentedResult(answers, registration, found.confidence)


def _clear_fraction(sight: Sight, clear: npt.NDArray[np.bool_]) -> float:
    return float(clear[sight.counted].mean()) if sight.counted.any() else 0.0


def _chunks(sight: Sight, wide: npt.NDArray[np.float32], gsd_m: float) -> snapping.Chunks:
    """Pool axis evidence along a siding as drawn."""
    at = snapping.chunk_middles(len(sight.chainage_m))
    points = np.column_stack(sight.track.xy(sight.chainage_m[at], 0.0))
    ahead = sight.track.direction(sight.chainage_m[at])
    normals = np.column_stack([-ahead[:, 1], ahead[:, 0]])
    storage = sight.siding.kind is not SidingKind.MAIN
    return snapping.Chunks(points, normals, snapping.axis_evidence(wide, gsd_m, storage=storage))


def _look(
    sight: Sight, picture: Picture, offsets_m: Array, found: snapping.Snap, look: Appearance
) -> _Look:
    """Sample a siding on its track as found and judge it."""
    shift = np.array([found.dx_m, found.dy_m])
    ahead = sight.track.direction(sight.chainage_m)
    across = ahead[:, 0] * shift[1] - ahead[:, 1] * shift[0]
    cells = np.arange(len(sight.chainage_m))
    own = np.interp(cells, snapping.chunk_middles(len(cells)), offsets_m) - across
    strip = sight.strip(picture, own, evidence.REACH_ROWS, shift)
    clear = sight.clear(strip)
    cover = evidence.evaluate(planes(strip, look), picture.grid.gsd_m).cover - _PRIOR
    odds = path_evidence(cover.astype(np.float64))
    odds = np.where(clear, odds, _UNSEEN)
    return _Look(odds[0], odds[1], clear, np.column_stack(sight.positions(own, shift)))


def path_evidence(cover: Array) -> Array:
    """Log evidence (2, cell) for roof and for gap against empty track, from (3, cell) answers."""
    roof = _TEMPER * (cover[1] - cover[0] - _DOUBT)
    return np.stack([roof, roof + _GAP_TEMPER * (cover[2] - cover[1])])


def _explain(looks: list[_Look]) -> list[path.Draws]:
    """Explain each siding twice: first any length goes, then lengths of the scene are preferred."""
    flat = path.length_prior(np.empty(0), np.empty(0))
    first = [path.draw_strings(look.car, look.gap, flat, 1) for look in looks]
    lengths = [(draws.end - draws.begin) * STEP_M for draws in first]
    found = np.concatenate(lengths)
    owner = np.repeat(np.arange(len(looks)), [len(m) for m in lengths])
    explained = []
    for i, look in enumerate(looks):
        prior = path.length_prior(found, np.where(owner == i, 1.0, _ELSEWHERE))
        explained.append(path.draw_strings(look.car, look.gap, prior, DRAWS))
    return explained
