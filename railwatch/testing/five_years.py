"""A made-up five-year series of one area: what a publication is tried on before a detector ran.

Nothing here detects anything: trains come and go by dice, counts are the dice plus noise with the
width method.md expects of each class, and rasters show the trains as dark bars. Scenes are
labelled as rendered. For imagery that a detector is measured on see `railwatch.testing.scenery`.
"""

from __future__ import annotations

import datetime as dt
import statistics
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from railwatch.area import Area
from railwatch.count import QUANTILE_LEVELS, BaselineState, Car, Count, Refusal, ResolutionClass
from railwatch.detection import Detection, Occupancy, Registration, Strip
from railwatch.grid import TILE_PX, Grid, grid_for
from railwatch.publication.content import Content, Listed
from railwatch.publication.reading import surge_statements
from railwatch.record import Footprint, Ingested, Record
from railwatch.scene import Scene, SceneRaster
from railwatch.series import with_records
from railwatch.siding import Siding, SidingKind, SidingSet
from railwatch.sources import Found

CAR_M = 13.9
"""Coupled length of a gondola, metres (method.md 3.1)."""

FIRST = dt.datetime(2018, 10, 3, 2, 17, 41, tzinfo=dt.UTC)
STEP_DAYS = 1840 / 700
"""Between scenes: 700 of them reach from October 2018 to October 2023."""
SURGE = dt.datetime(2023, 9, 16, tzinfo=dt.UTC)

DETECTOR = "made-up"

TRACKS: tuple[tuple[str, float, float], ...] = (
    ("yard-1", 0.0, 620.0),
    ("yard-2", 5.0, 600.0),
    ("yard-3", 10.0, 560.0),
    ("loading", 62.0, 340.0),
    ("spur", 120.0, 260.0),
)
"""(id, metres north of the first, length in metres); the first three are one group at 10 m."""

GROUPS: tuple[tuple[str, ...], ...] = (("yard-1", "yard-2", "yard-3"), ("loading",), ("spur",))


def place(area_id: str = "tumangang", name: str = "Tumangang Rail Facility") -> Area:
    """Five straight tracks running east-north-east."""
    lon, lat = 130.6160, 42.4195
    east, north = 1 / 82_190.0, 1 / 111_080.0
    along, across = (np.cos(np.radians(15.0)), np.sin(np.radians(15.0))), (-0.2588, 0.9659)
    sidings = [
        Siding(
            track,
            (
                (lon + across[0] * offset * east, lat + across[1] * offset * north),
                (
                    lon + (across[0] * offset + along[0] * length) * east,
                    lat + (across[1] * offset + along[1] * length) * north,
                ),
            ),
            kind=SidingKind.SPUR if track == "spur" else SidingKind.YARD,
            name=track.replace("-", " ").title(),
        )
        for track, offset, length in TRACKS
    ]
    return Area(area_id, name, SidingSet(tuple(sorted(sidings, key=lambda s: s.id))))


@dataclass(frozen=True)
class FiveYears:
    """The series: scenes, counts and evidence, the same for the same seed."""

    area: Area
    scenes: int = 700
    seed: int = 7

    @cached_property
    def listed(self) -> tuple[Listed, ...]:
        """Scenes in time order: every twenty-fifth at 0.5 m, two that never reached the cube."""
        rows = []
        for i in range(self.scenes):
            when = FIRST + dt.timedelta(days=i * STEP_DAYS)
            sharp = i % 25 == 24
            scene = Scene(
                id=f"{'SHARP' if sharp else 'S2A'}_{when:%Y%m%d}_{i:04d}",
                collection="sharp" if sharp else "sentinel-2-l2a",
                acquired=when,
                platform="sharp-1" if sharp else f"sentinel-2{'ab'[i % 2]}",
                gsd_m=0.5 if sharp else 10.0,
                bands=("blue", "green", "red") if sharp else ("blue", "green", "red", "nir"),
                sun_azimuth_deg=160.0,
                sun_elevation_deg=45.0,
                properties={"railwatch:rendered": True},
            )
            bad = i in {11, 12}
            rows.append(
                Listed(
                    item_id=scene.id,
                    scene=scene,
                    rejection="asset_unreadable" if bad else None,
                    detail="red.tif: truncated" if bad else "",
                    checksum="" if bad else f"{i:08x}",
                    inputs="" if bad else f"{i:08x}",
                )
            )
        return tuple(rows)

    @cached_property
    def trains(self) -> npt.NDArray[np.float64]:
        """(scene, track) metres standing on each track, from its start."""
        dice = np.random.default_rng(self.seed)
        length = np.array([track[2] for track in TRACKS])
        standing = np.zeros((self.scenes, len(TRACKS)))
        now = np.zeros(len(TRACKS))
        for i, listed in enumerate(self.listed):
            surge = listed.scene is not None and listed.scene.acquired >= SURGE
            moves = dice.random(len(TRACKS)) < 0.3
            share = dice.uniform(0.0, 0.28, len(TRACKS)) * (dice.random(len(TRACKS)) < 0.6)
            if surge:
                share = np.minimum(0.95, now / length + dice.uniform(0.05, 0.3, len(TRACKS)))
            now = np.where(moves, np.round(share * length / CAR_M) * CAR_M, now)
            standing[i] = np.minimum(now, length - 20.0)
        return standing

    @cached_property
    def counts(self) -> tuple[Count, ...]:
        """Rows of every scene that reached the cube."""
        rows: list[Count] = []
        for i, listed in enumerate(self.listed):
            if listed.rejection is None and listed.scene is not None:
                rows += self._scene_counts(i, listed.scene)
        return tuple(with_records(rows))

    def _scene_counts(self, i: int, scene: Scene) -> list[Count]:
        """Facility row first, then one a group (10 m) or track (0.5 m)."""
        dice = np.random.default_rng((self.seed, i))
        refusal = None
        clear = 1.0
        if dice.random() < 0.42:
            clear = float(dice.uniform(0.0, 0.6))
            refusal = Refusal.SNOW if scene.acquired.month in {12, 1, 2} else Refusal.CLOUD
        names = [track[0] for track in TRACKS]
        groups = tuple((n,) for n in names) if scene.gsd_m <= 1 else GROUPS
        rows = []
        for group in groups:
            truth = sum(self.trains[i, names.index(member)] for member in group)
            total = sum(TRACKS[names.index(member)][2] for member in group)
            sd = 3.0 if scene.gsd_m <= 1 else 18.0 * len(group) ** 0.5 + 0.05 * truth
            seen = max(0.0, truth + sd * dice.standard_normal())
            rows.append(self._row(scene, "+".join(group), (seen, sd, total), refusal, clear))
        seen = sum(row.occupied_m or 0.0 for row in rows)
        wide = [(row.occupied_m_high or 0.0) - (row.occupied_m or 0.0) for row in rows]
        sd = float(np.sqrt(np.sum(np.square(wide)))) / 1.645
        facility = (seen, sd, sum(track[2] for track in TRACKS))
        return [self._row(scene, "*", facility, refusal, clear), *rows]

    def _row(
        self,
        scene: Scene,
        siding_id: str,
        measured: tuple[float, float, float],
        refusal: Refusal | None,
        clear: float,
    ) -> Count:
        """One row; `measured` is metres, their standard deviation, and metres there are."""
        metres, sd, total = measured
        sharp = scene.gsd_m <= 1
        low, high = max(0.0, metres - 1.645 * sd), min(total, metres + 1.645 * sd)
        metres = min(metres, high)
        spread = statistics.NormalDist(metres / CAR_M, sd / CAR_M)
        quantiles = tuple(max(0.0, spread.inv_cdf(level)) for level in QUANTILE_LEVELS)
        return Count(
            area_id=self.area.id,
            siding_id=siding_id,
            scene_id=scene.id,
            acquired=scene.acquired,
            sensor=scene.platform,
            gsd_m=scene.gsd_m,
            resolution_class=ResolutionClass.A if sharp else ResolutionClass.C,
            method="segmented" if sharp else "energy",
            occupied_m=None if refusal else metres,
            occupied_m_low=None if refusal else low,
            occupied_m_high=None if refusal else high,
            cars=None if refusal else metres / CAR_M,
            cars_low=None if refusal else low / CAR_M,
            cars_high=None if refusal else high / CAR_M,
            visible_m=total,
            total_m=total,
            clear_fraction=clear,
            baseline_state=BaselineState.MODE,
            registration_shift_m=2.4,
            registration_sigma_m=0.7,
            refusal=refusal,
            siding_set=self.area.sidings.digest,
            detector=DETECTOR,
            quantiles=() if refusal else quantiles,
            snapshot="state-of-five-years",
        )

    @cached_property
    def _index(self) -> dict[str, int]:
        return {row.item_id: i for i, row in enumerate(self.listed)}

    @cached_property
    def _grids(self) -> dict[float, Grid]:
        return {gsd: grid_for(self.area.sidings, gsd, 60.0) for gsd in (0.5, 10.0)}

    def raster(self, scene_id: str) -> tuple[Grid, SceneRaster]:
        """Show noise for ground, a bright ballast line a track, and dark bars for trains."""
        i = self._index[scene_id]
        scene = self.listed[i].scene
        if scene is None:
            raise KeyError(scene_id)
        grid = self._grids[scene.gsd_m]
        dice = np.random.default_rng((self.seed, i, 1))
        x, y = np.meshgrid(grid.x(), grid.y())
        field = 0.11 + 0.03 * np.sin(x / 70.0) * np.cos(y / 45.0)
        for siding in self.area.sidings:
            start, end = siding.projected(grid.crs)
            unit = (end - start) / np.hypot(*(end - start))
            along = (x - start[0]) * unit[0] + (y - start[1]) * unit[1]
            across = -(x - start[0]) * unit[1] + (y - start[1]) * unit[0]
            near = np.abs(across) < max(1.6, grid.gsd_m / 2)
            field[near & (along > 0) & (along < np.hypot(*(end - start)))] = 0.19
            name = [track[0] for track in TRACKS].index(siding.id)
            field[near & (along > 10) & (along < 10 + self.trains[i, name])] = 0.06
        tint = np.array([0.8, 0.95, 1.05, 1.7])[: len(scene.bands)]
        values = field * tint[:, None, None] + 0.004 * dice.standard_normal(
            (len(scene.bands), *grid.shape)
        )
        pixels = np.clip(np.rint(values * 1e4), 0, 65534).astype(np.uint16)
        return grid, SceneRaster(scene.bands, pixels, np.zeros(grid.shape, np.uint8))

    def grid(self, cube_key: str) -> Grid:
        """Grid of the cube of either sensor."""
        return self._grids[0.5 if cube_key.startswith("sharp") else 10.0]

    def pixels(self, scene_id: str, rows: slice, columns: slice) -> SceneRaster:
        """Cut a window out of a scene."""
        whole = self.raster(scene_id)[1]
        values = np.ascontiguousarray(whole.values[:, rows, columns])
        return SceneRaster(whole.bands, values, whole.mask[rows, columns])

    def detection(self, scene_id: str) -> Detection:
        """Evidence of one scene."""
        i = self._index[scene_id]
        listed = self.listed[i]
        counts = tuple(count for count in self.counts if count.scene_id == scene_id)
        refused = not counts or counts[0].refusal is not None
        if refused or listed.scene is None:
            return Detection(scene_id, counts)
        groups = [count.siding_id for count in counts if count.siding_id != "*"]
        sharp = listed.scene.gsd_m <= 1
        return Detection(
            scene_id,
            counts,
            Registration(1.8, -1.6, 0.7, 21),
            tuple(self._occupancy(i, group) for group in groups),
            self._cars(i) if sharp else (),
            tuple(self._strip(i, group, listed.scene.bands) for group in groups),
        )

    def _cells(self, group: str) -> npt.NDArray[np.float32]:
        length = max(track[2] for track in TRACKS if track[0] in group.split("+"))
        return np.arange(2.5, length, 5.0, dtype=np.float32)

    def _occupancy(self, i: int, group: str) -> Occupancy:
        """1 where a train stands, 0 elsewhere, averaged over the group's tracks."""
        cells = self._cells(group)
        names = [track[0] for track in TRACKS]
        members = group.split("+")
        covered = [(cells > 10) & (cells < 10 + self.trains[i, names.index(m)]) for m in members]
        return Occupancy(group, cells, np.mean(covered, axis=0).astype(np.float32))

    def _strip(self, i: int, group: str, bands: tuple[str, ...]) -> Strip:
        """Ballast with dark trains on the axis, every band alike."""
        occupancy = self._occupancy(i, group)
        offset = np.arange(-20.0, 21.0, 5.0, dtype=np.float32)
        dice = np.random.default_rng((self.seed, i, 2))
        shape = (len(bands), offset.size, occupancy.chainage_m.size)
        values = 0.15 + 0.005 * dice.standard_normal(shape)
        values[:, 3:6] -= 0.09 * occupancy.probability
        return Strip(group, bands, occupancy.chainage_m, offset, values.astype(np.float32))

    def _cars(self, i: int) -> tuple[Car, ...]:
        """Cars one after another on each track."""
        cars = []
        for siding in self.area.sidings:
            start, end = siding.projected(self.area.sidings.utm)
            unit = (end - start) / np.hypot(*(end - start))
            left = np.array([-unit[1], unit[0]]) * 1.6
            name = [track[0] for track in TRACKS].index(siding.id)
            for k in range(int(self.trains[i, name] // CAR_M)):
                near, far = 10 + k * CAR_M, 10 + (k + 1) * CAR_M - 1.1
                a, b = start + unit * near, start + unit * far
                ring = (a - left, b - left, b + left, a + left, a - left)
                outline = tuple((float(p[0]), float(p[1])) for p in ring)
                cars.append(Car(siding.id, near, far, outline, 0.97, "gondola", k % 7 == 0))
        return tuple(cars)

    def content(self) -> Content:
        """Give everything as the content of a publication."""
        return Content(
            self.area,
            DETECTOR,
            "state-of-five-years",
            self.listed,
            self.counts,
            self,
            surge_statements(self.counts),
        )

    def fill(self, record: Record) -> None:
        """Put the series into a record, as ingest and detection would."""
        footprints = {
            gsd: Footprint(grid, np.ones(tuple(-(-n // TILE_PX) for n in grid.shape), np.bool_))
            for gsd, grid in self._grids.items()
        }
        batch: list[Ingested | Found] = []
        for listed in self.listed:
            if listed.scene is None or listed.rejection is not None:
                batch.append(Found(listed.item_id, None, listed.rejection, listed.detail))
            else:
                raster = self.raster(listed.item_id)[1]
                batch.append(Ingested(listed.scene, footprints[listed.scene.gsd_m], raster))
        record.add(batch)
        found = [self.detection(row.item_id) for row in self.listed if row.rejection is None]
        record.put_detections(self.area.sidings.digest, DETECTOR, found)
