"""Photographs a place: empty ground, what stands on it, air, sensor, files and truth.

At 3 m and 10 m the ground's layers are computed once and each scene is sampled from them; at 1 m
and finer each scene is drawn by itself. Cars come from `railwatch.injection` at every GSD.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from scipy import ndimage

from railwatch.coverage import Float, Float32
from railwatch.grid import Grid
from railwatch.injection import Consist, inject, points_on
from railwatch.rolling_stock import SPECTRAL_BANDS, Panel, Spectrum
from railwatch.siding import Siding, SidingKind
from railwatch.testing.scenery import ground as grounds
from railwatch.testing.scenery.archive import write_scene
from railwatch.testing.scenery.ground import Day, Ground, lay_ground, look_closely, sampled
from railwatch.testing.scenery.material import RAIN_LOSS, SNOW_LOOK, Cover
from railwatch.testing.scenery.place import Place
from railwatch.testing.scenery.radar import see_by_radar
from railwatch.testing.scenery.sensor import Sensor
from railwatch.testing.scenery.sky import Sky, classify, draw_sky
from railwatch.testing.scenery.traffic import Stay, Traffic
from railwatch.testing.scenery.truth import SceneTruth, Truth, TruthCar, write_truth
from railwatch.testing.scenery.weather import Conditions
from railwatch.track import Track

FINE_GSD_M = 1.5
"""At and below, every scene is drawn by itself and sleepers show."""

BAND_TIME_S = {"blue": 0.0, "nir": 0.26, "green": 0.53, "red": 1.0, "swir16": 1.5}
"""When Sentinel-2's bands pass over the same ground: a train under way stands elsewhere in each."""

TREE_HEIGHT_M = 7.0

Progress = Callable[[int, int], None]
"""Called with scenes done and scenes in all."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where a rendering goes."""

    archive: Path
    """Folder of the item tree."""
    truth: Path
    """Truth file, outside `archive`."""

    def __post_init__(self) -> None:
        if self.truth.resolve().is_relative_to(self.archive.resolve()):
            raise ValueError(f"{self.truth}: truth must lie outside the archive {self.archive}")


def render(
    place: Place,
    sensor: Sensor,
    conditions: Sequence[Conditions],
    traffic: Traffic,
    outputs: Outputs,
    *,
    ring_m: float | None = None,
    progress: Progress | None = None,
) -> Truth:
    """Render scenes of a place and write archive and truth.

    Parameters
    ----------
    ring_m
        Ground shown around the sidings; None: what the sensor's deliveries show.

    Returns
    -------
    All truth the file holds, of earlier renderings into it too.
    """
    camera = Camera.over(place, sensor, ring_m)
    truths = []
    for number, when in enumerate(conditions):
        fitted = camera.fitted(when)
        stays = traffic.at(fitted.acquired)
        scene_id = f"{sensor.collection}_{fitted.acquired:%Y%m%dT%H%M%S}_{fitted.platform}"
        sky = draw_sky(fitted, camera.grids[0])
        if sensor.radar:
            planes = see_by_radar(place, camera.grids[0], sensor, fitted, stays)
            classes = None
        else:
            planes, classes = camera.photograph(fitted, stays, sky)
        write_scene(outputs.archive, sensor, scene_id, fitted, planes, classes)
        truths.append(camera.truth(scene_id, fitted, stays, sky))
        if progress is not None:
            progress(number + 1, len(conditions))
    return write_truth(outputs.truth, truths)


@dataclass(slots=True)
class Camera:
    """One sensor over one place: grids and, where they are kept, ground layers."""

    place: Place
    sensor: Sensor
    sigma_px: float
    grids: tuple[Grid, ...]
    """The full grid, and the coarser one of bands with longer pixels."""
    declared: tuple[Declared, ...]
    """One a track of the place."""
    layers: dict[float, Ground] = field(default_factory=dict)

    @classmethod
    def over(cls, place: Place, sensor: Sensor, ring_m: float | None) -> Camera:
        """Set up over a place; `ring_m` as in `render`."""
        fine = sensor.gsd_m <= FINE_GSD_M
        ring = sensor.ring_m if ring_m is None else ring_m
        grid = place.grid(sensor.gsd_m, ring, mains=not fine)
        low, high = sensor.psf_sigma_px
        utm = pyproj.CRS.from_epsg(place.epsg)
        declared = tuple(Declared.of(siding, utm) for siding in place.sidings)
        camera = cls(place, sensor, low + (high - low) * place.draw.psf, (grid,), declared)
        for gsd in sorted({sensor.band_gsd_m(b) for b in sensor.bands} - {grid.gsd_m}):
            half = (grid.shape[0] // 2, grid.shape[1] // 2)
            camera.grids = (*camera.grids, replace(grid, gsd_m=gsd, shape=half))
        return camera

    def fitted(self, conditions: Conditions) -> Conditions:
        """Below 1.5 m texture is tied to pixels, so misregistration is of whole pixels there."""
        if self.sensor.gsd_m > FINE_GSD_M:
            return conditions
        gsd = self.sensor.gsd_m
        dx, dy = (round(v / gsd) * gsd for v in conditions.shift_m)
        return replace(conditions, shift_m=(dx, dy))

    def photograph(
        self, conditions: Conditions, stays: Sequence[Stay], sky: Sky
    ) -> tuple[dict[str, tuple[Grid, Float32]], npt.NDArray[np.uint8] | None]:
        """See all bands of one scene; and the archive's mask, if the sensor has one."""
        rng = np.random.default_rng([conditions.seed, 7])
        planes: dict[str, tuple[Grid, Float32]] = {}
        classes = None
        for grid in self.grids:
            bands = tuple(b for b in self.sensor.bands if self.sensor.band_gsd_m(b) == grid.gsd_m)
            values = self._below(conditions, stays, grid, bands)
            seen = sky.at(grid).over(values, bands, conditions)
            if self.sensor.mask and classes is None:
                classes = classify(sky, seen, bands, conditions)
            rough = grounds.field(rng, grid.shape, 3.0)
            for band, plane in zip(bands, seen, strict=True):
                own = grounds.field(rng, grid.shape, 2.0)
                error = conditions.pattern * (0.7 * rough + 0.7 * own)
                error += conditions.noise * rng.standard_normal(grid.shape, dtype=np.float32)
                planes[band] = (grid, np.maximum(plane + error, 1e-4).astype(np.float32))
        return planes, classes

    def truth(
        self, scene_id: str, conditions: Conditions, stays: Sequence[Stay], sky: Sky
    ) -> SceneTruth:
        """Write down what stood there; trains on main lines are not stored cars."""
        cars: list[TruthCar] = []
        for stay in stays:
            if not self.declared[stay.track].main:
                under = partial(self.place.hidden, stay.track)
                cars += self.declared[stay.track].cars(self.place.tracks[stay.track], stay, under)
        return SceneTruth(
            scene_id,
            self.sensor.collection,
            conditions.acquired,
            self.sensor.gsd_m,
            conditions.regime,
            round(conditions.light.sun_elevation_deg, 2),
            (round(conditions.shift_m[0], 3), round(conditions.shift_m[1], 3)),
            self._clouded(conditions, sky),
            conditions.thin_cloud,
            conditions.roof_masked,
            any(stay.speed_m_s > 0 for stay in stays),
            self.place.draw.cargo > 0,
            tuple(cars),
        )

    def _clouded(self, conditions: Conditions, sky: Sky) -> float:
        """Share of the sidings under cloud or its shadow."""
        if conditions.cloud == 0:
            return 0.0
        points = np.concatenate([each.samples for each in self.declared if not each.main])
        rows, cols = sky.grid.pixel(points[:, 0], points[:, 1])
        hidden = sky.clouded()[np.rint(rows).astype(int), np.rint(cols).astype(int)]
        return round(float(hidden.mean()), 4)

    def bed(
        self, conditions: Conditions, grid: Grid, bands: tuple[str, ...]
    ) -> tuple[Grid, Float32]:
        """Return the grid a scene really shows, and the track bed's reflectance on it.

        Only where ground is kept as layers: above `FINE_GSD_M`.
        """
        dx, dy = conditions.shift_m
        shown = replace(grid, west=grid.west - dx, north=grid.north - dy)
        finer = self._layers(grid, self.sigma_px * grid.gsd_m)
        day = Day(conditions.acquired.date(), conditions.wetness, conditions.snow)
        numbers = [SPECTRAL_BANDS.index(b) for b in bands]
        _, part = finer.look(self.place.materials, numbers, day)
        return shown, sampled(part, finer.grid, shown)

    def _below(
        self, conditions: Conditions, stays: Sequence[Stay], grid: Grid, bands: tuple[str, ...]
    ) -> Float32:
        """Reflectance at the ground, (band, y, x), cars and buildings included."""
        dx, dy = conditions.shift_m
        shown = replace(grid, west=grid.west - dx, north=grid.north - dy)
        sigma = self.sigma_px * grid.gsd_m
        day = Day(conditions.acquired.date(), conditions.wetness, conditions.snow)
        numbers = [SPECTRAL_BANDS.index(b) for b in bands]
        bed: Float32 | None
        if grid.gsd_m <= FINE_GSD_M:
            values = self._closely(conditions, grid, sigma, numbers, day)
            bed = None
        else:
            finer = self._layers(grid, sigma)
            whole, part = finer.look(self.place.materials, numbers, day)
            values = sampled(whole, finer.grid, shown)
            bed = sampled(part, finer.grid, shown)
        rng = np.random.default_rng([conditions.seed, 8])
        moist = grounds.field(rng, grid.shape, max(8.0, 60.0 / grid.gsd_m))
        values *= np.exp(float(rng.uniform(0.0, 0.03)) * moist)
        light = conditions.light
        fixed = [*self.place.land.buildings, *self.place.canopy]
        fixed = [(track, weathered(c, conditions)) for track, c in fixed]
        values = inject(values, shown, bands, fixed, light, psf_sigma_m=sigma)
        still, moving = self._trains(conditions, stays)
        values = inject(values, shown, bands, still, light, psf_sigma_m=sigma, ground=bed)
        for track, consist, speed in moving:
            for plane, band in enumerate(bands):
                gone = replace(consist, from_m=consist.from_m + speed * BAND_TIME_S[band])
                one = slice(plane, plane + 1)
                under = None if bed is None else bed[one]
                here = [(track, gone)]
                values[one] = inject(
                    values[one], shown, (band,), here, light, psf_sigma_m=sigma, ground=under
                )
        return values

    def _layers(self, grid: Grid, sigma: float) -> Ground:
        """Ground on a grid a quarter of the pixel, with room for misregistration."""
        if grid.gsd_m not in self.layers:
            step, room = grid.gsd_m / 4.0, 4
            wider = Grid(
                grid.epsg,
                step,
                grid.west - room * grid.gsd_m,
                grid.north + room * grid.gsd_m,
                (4 * (grid.shape[0] + 2 * room), 4 * (grid.shape[1] + 2 * room)),
            )
            self.layers[grid.gsd_m] = lay_ground(self.place, wider, sigma)
        return self.layers[grid.gsd_m]

    def _closely(
        self, conditions: Conditions, grid: Grid, sigma: float, numbers: list[int], day: Day
    ) -> Float32:
        """Draw the ground pixel by pixel, trees' shadows included."""
        gsd, room = grid.gsd_m, 64
        wider = Grid(
            grid.epsg,
            gsd,
            grid.west - room * gsd,
            grid.north + room * gsd,
            (grid.shape[0] + 2 * room, grid.shape[1] + 2 * room),
        )
        image = look_closely(self.place, wider, sigma, numbers, day)
        dark = _tree_shadow(self.place, wider, conditions, sigma)
        for plane, number in enumerate(numbers):
            image[plane] *= 1.0 - dark * (1.0 - conditions.light.shade[number])
        right, down = (round(v / gsd) for v in (conditions.shift_m[0], -conditions.shift_m[1]))
        right, down = (int(np.clip(v, -room, room)) for v in (right, down))
        rows, cols = grid.shape
        top, left = room - down, room - right
        return image[:, top : top + rows, left : left + cols].copy()

    def _trains(
        self, conditions: Conditions, stays: Sequence[Stay]
    ) -> tuple[list[tuple[Track, Consist]], list[tuple[Track, Consist, float]]]:
        """Sort what is on the tracks into standing and moving; leave out what a roof hides."""
        still, moving = [], []
        for stay in stays:
            track = self.place.tracks[stay.track]
            for bare in _uncovered(self.place, stay):
                part = weathered(bare, conditions)
                if stay.speed_m_s:
                    moving.append((track, part, stay.speed_m_s))
                else:
                    still.append((track, part))
        return still, moving


def _uncovered(place: Place, stay: Stay) -> list[Consist]:
    """Split a consist into the runs of vehicles that no roof hides."""
    runs: list[Consist] = []
    open_run = False
    for (a, b), vehicle in zip(
        stay.consist.intervals().tolist(), stay.consist.vehicles, strict=True
    ):
        if place.hidden(stay.track, a, b):
            open_run = False
        elif open_run:
            runs[-1] = replace(runs[-1], vehicles=(*runs[-1].vehicles, vehicle))
        else:
            runs.append(Consist(a, (vehicle,)))
            open_run = True
    return runs


def weathered(consist: Consist, conditions: Conditions) -> Consist:
    """Rain darkens tops a little, snow lies on most of them."""
    if conditions.snow == 0 and conditions.wetness == 0:
        return consist
    rng = np.random.default_rng([conditions.seed, 10, len(consist.vehicles)])
    vehicles = []
    for vehicle in consist.vehicles:
        white = 0.9 * conditions.snow * float(rng.random() < 0.8)
        dark = 1.0 - 0.4 * conditions.wetness * RAIN_LOSS
        panels = tuple(_tinted(p, dark, white) for p in vehicle.panels)
        vehicles.append(replace(vehicle, panels=panels))
    return replace(consist, vehicles=tuple(vehicles))


def _tinted(panel: Panel, dark: Float, white: float) -> Panel:
    look = (1.0 - white) * np.asarray(panel.reflectance) * dark + white * SNOW_LOOK
    blue, green, red, nir, swir16 = look.tolist()
    tint: Spectrum = (blue, green, red, nir, swir16)
    return replace(panel, reflectance=tint)


def _tree_shadow(place: Place, grid: Grid, conditions: Conditions, sigma: float) -> Float32:
    """Share of each pixel in the shadow of trees: crowns moved away from the sun in steps."""
    trees = place.land.covers(grid) == Cover.TREES
    if not trees.any():
        return np.zeros(grid.shape, dtype=np.float32)
    turned = math.radians(conditions.light.sun_azimuth_deg)
    far = TREE_HEIGHT_M / math.tan(math.radians(conditions.light.sun_elevation_deg)) / grid.gsd_m
    dark = np.zeros_like(trees)
    for part in np.linspace(0.25, 1.0, 6):
        down, right = round(part * far * math.cos(turned)), round(-part * far * math.sin(turned))
        dark |= np.roll(trees, (down, right), axis=(0, 1))
    shadow = (dark & ~trees).astype(np.float32)
    return np.asarray(ndimage.gaussian_filter(shadow, sigma / grid.gsd_m), dtype=np.float32)


def _in_sight(_: float, __: float) -> bool:
    """Nothing is hidden."""
    return False


@dataclass(frozen=True, slots=True, eq=False)
class Declared:
    """A siding as declared: what truth and cloud are measured along."""

    id: str
    main: bool
    line: shapely.LineString
    samples: Float
    """(sample, xy) every 10 m."""

    @classmethod
    def of(cls, siding: Siding, utm: pyproj.CRS) -> Declared:
        """Project a siding."""
        track = Track.of(siding, utm)
        main = siding.kind is SidingKind.MAIN
        return cls(siding.id, main, track.line, points_on(track, track.samples(10.0)))

    def cars(
        self, track: Track, stay: Stay, hidden: Callable[[float, float], bool] = _in_sight
    ) -> Iterator[TruthCar]:
        """Place a consist's vehicles, which stand on the true track, along the declared line."""
        spans = stay.consist.intervals()
        points = points_on(track, spans)
        ends = shapely.line_locate_point(self.line, shapely.points(points))
        for (a, b), at, vehicle in zip(
            spans.tolist(), ends.tolist(), stay.consist.vehicles, strict=True
        ):
            yield TruthCar(
                self.id,
                round(min(at), 3),
                round(max(at), 3),
                vehicle.kind,
                vehicle.freight,
                vehicle.tarp,
                not hidden(a, b),
                stay.static,
            )
