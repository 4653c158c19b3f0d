"""What detecting one scene gives: counts, where they stand, and the evidence they rest on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from railwatch.count import Car, Count


@dataclass(frozen=True, slots=True)
class Registration:
    """Shift of a scene against its area's reference, measured outside the tracks."""

    dx_m: float
    """Add to a ground x to find it in the scene, metres."""
    dy_m: float
    sigma_m: float
    """Standard error of the shift, metres."""
    ties: int
    """Sub-windows that agreed."""


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Probability by chainage that one track, or one group of tracks, is covered."""

    siding_id: str
    chainage_m: npt.NDArray[np.float32]
    """(chainage,) float32, centres of the cells, metres."""
    probability: npt.NDArray[np.float32]
    """(chainage,) float32 in 0-1; NaN where not visible or not clear. For a group: the expected
    number of occupied tracks divided by the number of tracks there."""


@dataclass(frozen=True, slots=True)
class Strip:
    """Samples along one siding or group: what the detector looked at."""

    siding_id: str
    bands: tuple[str, ...]
    chainage_m: npt.NDArray[np.float32]
    """(chainage,) float32, metres from the first point of the axis."""
    offset_m: npt.NDArray[np.float32]
    """(offset,) float32, metres to the left of the axis."""
    values: npt.NDArray[np.float32]
    """(band, offset, chainage) float32, reflectance, NaN where clouded or not measured."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """How a scene looked on its own, kept so that later scenes need not look at it again."""

    rests_on: str
    """Digest of all that looking at it rested on."""
    usable: bool
    """Whether it can be counted and compared with."""
    said: Any
    """What was seen, JSON values that its detector understands; strips are those of the
    detection."""


@dataclass(frozen=True, slots=True)
class Detection:
    """All that detecting one scene gave."""

    scene_id: str
    counts: tuple[Count, ...]
    """One a siding or group, and one for the facility, refused or not."""
    registration: Registration | None = None
    occupancy: tuple[Occupancy, ...] = ()
    cars: tuple[Car, ...] = ()
    strips: tuple[Strip, ...] = ()
    inputs: str = ""
    """Digest of the scenes it rests on; a detection whose inputs are unchanged is still right."""
    sighting: Sighting | None = None
    """None where no later scene is compared with it."""
