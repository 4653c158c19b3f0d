"""How far a scene lies off along its tracks, told by where tracks end.

Parallel tracks say where a scene lies across them and nothing along them. But a siding ends at a
buffer or runs into a lead, and beyond that no track lies where it points. How soon that shows
differs from scene to scene, yet it shows alike at both ends of a siding: a scene moved along shows
one end late and the other early. So the move is what makes both ends look alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

MOVES_M = np.arange(-12.0, 12.01, 0.5)
INWARDS_M = np.arange(-29.0, 29.0)
"""Metres inwards from an end as drawn at which its profile is known."""
_COMPARED_M = np.arange(-16.0, 16.1)
"""Where both ends are compared: every move leaves them known there."""
_SURPRISE = 3.0
"""Most that one cell says, log units."""
_TRUST = 0.5
"""Weight of one siding's ends, log units for a doubled difference (docs/method/class-a.md)."""
_ALIKE = 0.3
"""Mean square difference of two ends that are alike."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of a siding, in the direction asked for: profiles over `INWARDS_M`, NaN unseen."""

    first: Array
    """(metre,) mean log odds that no track lies there, at the end that lies behind."""
    last: Array
    """The same at the end that lies ahead."""

    @classmethod
    def of(cls, chainage_m: Array, length_m: float, missing: Array, *, ahead: bool) -> Ends:
        """Average a siding's (cell,) log odds metre by metre; NaN where not seen."""
        bounded = np.clip(missing, -_SURPRISE, _SURPRISE)
        near = _profile(chainage_m, bounded, length_m)
        far = _profile(length_m - chainage_m, bounded, length_m)
        return cls(near, far) if ahead else cls(far, near)


def along(sidings: Sequence[Ends], prior: Array) -> tuple[float, float]:
    """Mean and standard error of the scene's move along, metres.

    Parameters
    ----------
    prior
        (move,) log prior of `MOVES_M`, given what was found of the shift so far.
    """
    score = prior.copy()
    seen = [s for s in sidings if np.isfinite(s.first).any() and np.isfinite(s.last).any()]
    if seen:
        first, last = _mean([s.first for s in seen]), _mean([s.last for s in seen])
        apart = np.array([_apart(first, last, move) for move in MOVES_M])
        if np.isfinite(apart).all():
            score -= _TRUST * np.sqrt(len(seen)) * apart / (apart.min() + _ALIKE)
    weight = np.exp(score - np.max(score))
    weight /= weight.sum()
    mean = float(weight @ MOVES_M)
    return mean, float(np.sqrt(weight @ (MOVES_M - mean) ** 2))


def _profile(inwards_m: Array, odds: Array, length_m: float) -> Array:
    """Average over each metre of `INWARDS_M`, no further in than the siding's middle."""
    index = np.floor(inwards_m - INWARDS_M[0] + 0.5).astype(np.int64)
    used = (index >= 0) & (index < len(INWARDS_M)) & (inwards_m < length_m / 2) & np.isfinite(odds)
    number = np.bincount(index[used], minlength=len(INWARDS_M))
    total = np.bincount(index[used], odds[used], minlength=len(INWARDS_M))
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _mean(profiles: Sequence[Array]) -> Array:
    """Mean by metre over those that see it."""
    stacked = np.stack(profiles)
    seen = np.isfinite(stacked)
    number = seen.sum(axis=0)
    total = np.where(seen, stacked, 0.0).sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _apart(first: Array, last: Array, move: float) -> float:
    """Mean square difference of both ends where a scene moved by `move` shows them."""
    late = np.interp(_COMPARED_M + move, INWARDS_M, first)
    early = np.interp(_COMPARED_M - move, INWARDS_M, last)
    square = (late - early) ** 2
    known = np.isfinite(square)
    return float(square[known].mean()) if known.any() else np.nan
