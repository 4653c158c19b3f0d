"""From what cells look like to strings of cars: weights of the evidence, and draws of a scene.

The network's answers overlap from cell to cell and err together on all sidings of a scene: an
unusual roof, light or ballast is unusual everywhere. So each cell counts for a share of what it
says, and draws are made under several readings of the scene that all its sidings share. Sums over
sidings then spread as far as their common error does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from railwatch.detector import segmented_evidence as evidence
from railwatch.detector import segmented_path as path
from railwatch.detector.segmented_strip import STEP_M

Array = npt.NDArray[np.float64]

READINGS: tuple[tuple[float, float], ...] = (
    (0.0, 0.0),
    (1.0, 0.0),
    (-1.0, 0.0),
    (0.0, 1.0),
    (0.0, -1.0),
)
"""What is added to the log odds of a roof and of a gap, in units of `_SHARED`; plain first."""
DRAWS = 20
"""Explanations drawn a siding and reading."""
_SHARED = (1.2, 0.6)
"""Standard deviation of what all sidings of a scene share."""
_TEMPER = 0.25
"""Share of the network's log odds that is new from cell to cell: its answers overlap."""
_DOUBT = 1.0
"""Taken off a roof's log odds a cell: shadow, stains and noise of a car's size are commoner than in
the lessons (docs/method/class-a.md)."""
_GAP_TEMPER = 0.8
"""The same for a gap against the roofs around it, which only a few cells tell."""
_PRIOR = np.log([0.36, 0.35, 0.05, 0.24])[:, None]
"""Share of cells of each class the network was taught with; taken out of its answer."""
_UNSEEN = -0.2
"""Log evidence of a cell nobody sees: cars do not reach under a roof unless something says so."""
_ELSEWHERE = 0.2
"""Weight of a length found on another siding of the scene."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Log evidence along one siding."""

    roof: Array
    """(cell,) float64, of a roof against bare track."""
    gap: Array
    """(cell,) float64, of a coupling gap against a roof."""
    clear: npt.NDArray[np.bool_]

    def under(self, roof: float, gap: float) -> tuple[Array, Array]:
        """Evidence for car and for gap against bare track, as `segmented_path` takes it."""
        car = np.where(self.clear, _TEMPER * (self.roof + roof), _UNSEEN)
        between = np.where(self.clear, car + _GAP_TEMPER * (self.gap + gap), _UNSEEN)
        return car, between


def path_evidence(cover: Array, clear: npt.NDArray[np.bool_]) -> Reading:
    """Weigh the (4, cell) answers of the network."""
    odds = cover - _PRIOR
    bare = np.maximum(odds[evidence.EMPTY], odds[evidence.NONE])
    roof = odds[evidence.ROOF] - bare - _DOUBT
    return Reading(roof, odds[evidence.GAP] - odds[evidence.ROOF], clear)


def explain(sidings: list[Reading]) -> list[path.Draws]:
    """Draw strings of cars on all sidings of a scene: `DRAWS` for each of `READINGS`.

    Each siding is first explained with any length; then lengths found in the scene are preferred.
    """
    plain = [reading.under(0.0, 0.0) for reading in sidings]
    flat = path.length_prior(np.empty(0), np.empty(0))
    first = [path.draw_strings(car, gap, flat, 1) for car, gap in plain]
    lengths = [(draws.end - draws.begin) * STEP_M for draws in first]
    found = np.concatenate(lengths)
    owner = np.repeat(np.arange(len(sidings)), [len(m) for m in lengths])
    explained = []
    for i, reading in enumerate(sidings):
        prior = path.length_prior(found, np.where(owner == i, 1.0, _ELSEWHERE))
        parts = []
        for n, (roof, gap) in enumerate(READINGS):
            car, between = reading.under(roof * _SHARED[0], gap * _SHARED[1])
            parts.append(path.draw_strings(car, between, prior, DRAWS, seed=n))
        explained.append(path.joined(parts))
    return explained
