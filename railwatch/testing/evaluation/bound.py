"""The bound: how well cars can be counted when everything but their places is given.

The oracle knows the tracks, the scene's true shift, its air and light, what the empty scene looks
like to the last digit, each car's colour, how full the yard is on average, and the covariance of
the noise. What it does not know is the noise itself, and which car-long cells are covered; it
estimates them all at once by linear minimum mean square error (Kay 1993, Fundamentals of
Statistical Signal Processing I, theorem 12.1). What remains is noise and the blur of the sensor.
Shadows on a neighbouring track's cars are taken for shadows on ground.

No detector learns more from one scene by linear means; one that uses what it saw the days before,
or that consists have sharp ends, may still do better.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from railwatch.count import FACILITY, ResolutionClass
from railwatch.coverage import Float
from railwatch.injection import Consist, imprint
from railwatch.rolling_stock import SPECTRAL_BANDS, Vehicle
from railwatch.siding import SidingKind
from railwatch.testing.evaluation.site import Site
from railwatch.testing.scenery.render import Camera, weathered
from railwatch.testing.scenery.sky import Sky, draw_sky
from railwatch.testing.scenery.traffic import Stay, free
from railwatch.testing.scenery.weather import Conditions

CONSIST_M = 90.0
"""Over which cover is correlated along a track: half a train."""

NEAR = 5e-4
"""Change of reflectance that makes a pixel worth looking at."""

SCENES = 8
"""Of each site, spread evenly over the clear ones."""

SHARP = ("blue", "green", "red", "nir")


def bound(site: Site) -> dict[int, float]:
    """Count some scenes of a 10 m site as the oracle does: cars of the facility by scene number."""
    if site.stratum.resolution_class is not ResolutionClass.C:
        return {}
    camera = Camera.over(site.place, site.stratum.sensor, None)
    clear = [
        n
        for n, (truth, sky) in enumerate(zip(site.truth.scenes, site.conditions, strict=True))
        if truth.clouded == 0 and sky.snow == 0 and len(truth.on(FACILITY)) > 0
    ]
    chosen = clear[:: max(1, len(clear) // SCENES)]
    return {n: _count(camera, site, n) for n in chosen}


def _count(camera: Camera, site: Site, number: int) -> float:
    conditions = site.conditions[number]
    stays = [
        s
        for s in site.traffic.at(conditions.acquired)
        if list(site.place.sidings)[s.track].kind is not SidingKind.MAIN
    ]
    grid = camera.grids[0]
    sky = draw_sky(conditions, grid)
    seen, _ = camera.photograph(conditions, stays, sky)
    clean = replace(conditions, noise=0.0, pattern=0.0)
    empty, _ = camera.photograph(clean, [], sky)
    change = np.stack([seen[b][1] - empty[b][1] for b in SHARP])
    places = _places(camera, stays)
    templates = _templates(camera, conditions, sky, places)
    near = np.abs(templates).max(axis=(0, 1)) > NEAR
    design = templates[:, :, near].reshape(len(templates), -1).T.astype(np.float64)
    noise = _noise(conditions, near)
    prior, usual = _prior(camera, site, places)
    seen_of = design @ prior
    gained = np.linalg.solve(seen_of @ design.T + noise, change[:, near].ravel() - design @ usual)
    covered = usual + seen_of.T @ gained
    truth = site.truth.scenes[number]
    mean_m = truth.occupied_m(FACILITY) / len(truth.on(FACILITY))
    lengths = np.array([place.vehicle.length_m for place in places])
    return max(0.0, float(covered @ lengths) / mean_m)


def _noise(conditions: Conditions, near: npt.NDArray[np.bool_]) -> Float:
    """Covariance over (band, pixel) of a scene's error: white, plus what the camera correlates."""
    rows, cols = np.nonzero(near)
    apart = (rows[:, None] - rows) ** 2.0 + (cols[:, None] - cols) ** 2.0
    # White noise smoothed by a Gaussian of s pixels is correlated by one of s x sqrt 2; the fields
    # of lengths 3 and 2 pixels are smoothed by 1.5 and 1.
    pattern = (0.7 * conditions.pattern) ** 2
    shared, own = pattern * np.exp(-apart / 9.0), pattern * np.exp(-apart / 4.0)
    own += conditions.noise**2 * np.eye(len(rows))
    bands = len(SHARP)
    return np.asarray(np.kron(np.ones((bands, bands)), shared) + np.kron(np.eye(bands), own))


def _prior(camera: Camera, site: Site, places: list[_Place]) -> tuple[Float, Float]:
    """Covariance and mean of the places' cover: neighbours on a track are covered together."""
    length = sum(b - a for a, b in _spans(camera).values())
    full = np.mean([t.occupied_m(FACILITY) for t in site.truth.scenes]) / length
    fill = float(np.clip(full, 0.02, 0.95))
    at = np.array([place.from_m for place in places])
    track = np.array([place.track for place in places])
    together = np.exp(-np.abs(at[:, None] - at) / CONSIST_M) * (track[:, None] == track)
    return fill * (1.0 - fill) * together, np.full(len(places), fill)


def _spans(camera: Camera) -> dict[int, tuple[float, float]]:
    """Where cars may stand, by track."""
    pairs = zip(camera.place.sidings, camera.place.spans, strict=True)
    return {n: span for n, (s, span) in enumerate(pairs) if s.kind is not SidingKind.MAIN}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a car may stand, and what it would look like: a real one, or one that never was."""

    track: int
    from_m: float
    vehicle: Vehicle

    def touches(self, other: _Place) -> bool:
        """Whether another place begins where this one ends."""
        end = self.from_m + self.vehicle.length_m
        return self.track == other.track and abs(end - other.from_m) < 1e-6


def _places(camera: Camera, stays: list[Stay]) -> list[_Place]:
    """All true cars, and between them cars of the same looks that are not there."""
    looks = [vehicle for stay in stays for vehicle in stay.consist.vehicles]
    places: list[_Place] = []
    for track, span in _spans(camera).items():
        own = [stay.consist for stay in stays if stay.track == track]
        for consist in own:
            starts = consist.intervals()[:, 0].tolist()
            places += [
                _Place(track, at, car) for at, car in zip(starts, consist.vehicles, strict=True)
            ]
        taken = [(c.from_m, c.from_m + c.length_m) for c in own]
        for first, last in free(span, taken):
            at = first
            while True:
                vehicle = looks[len(places) % len(looks)]
                if at + vehicle.length_m > last:
                    break
                places.append(_Place(track, at, vehicle))
                at += vehicle.length_m
    return places


def _templates(
    camera: Camera, conditions: Conditions, sky: Sky, places: list[_Place]
) -> npt.NDArray[np.float32]:
    """Change that a car in each place would make, (place, band, y, x) reflectance."""
    grid = sky.grid
    shown, bed = camera.bed(conditions, grid, SHARP)
    sigma = camera.sigma_px * grid.gsd_m
    shade = np.array([conditions.light.shade[SPECTRAL_BANDS.index(b)] for b in SHARP])
    gain = np.array([conditions.gain[SPECTRAL_BANDS.index(b)] for b in SHARP])
    through = (conditions.transmission * gain)[:, None, None] * (1.0 - sky.veil)

    def change(cars: Consist, track: int) -> npt.NDArray[np.float32]:
        here = [(camera.place.tracks[track], weathered(cars, conditions))]
        mark = imprint(shown, SHARP, here, conditions.light, psf_sigma_m=sigma)
        lost = bed * (mark.occupied + (1.0 - shade)[:, None, None] * mark.shadow)
        return np.asarray(through * (mark.light - lost), dtype=np.float32)

    made = []
    for before, place in zip([None, *places], places, strict=False):
        own = change(Consist(place.from_m, (place.vehicle,)), place.track)
        if before is not None and before.touches(place):
            # Part of a car's shadow falls on the car it is coupled to, so what one more car
            # changes is the change of both without that of the first.
            pair = Consist(before.from_m, (before.vehicle, place.vehicle))
            first = Consist(before.from_m, (before.vehicle,))
            own = change(pair, place.track) - change(first, place.track)
        made.append(own)
    return np.asarray(made, dtype=np.float32)
