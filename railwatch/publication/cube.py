"""The published cube: imagery of the siding corridor, strips, occupancy and counts as plain Zarr.

    {cube}/imagery     values (time, band, y, x), mask (time, y, x)       CF and proj:/spatial:
    {cube}/strips      values (time, siding, band, offset, chainage)
    {cube}/occupancy   probability (time, siding, chainage)
    counts             occupied_m, cars ... (scene, siding)

A cube is one collection at one GSD, e.g. `sentinel-2-l2a-10m`. docs/consumers.md specifies all of
it. What stands here is what goes in; `railwatch.publication.zarr` says how it is written.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from railwatch.count import INTERVAL, Refusal, ResolutionClass
from railwatch.detection import Detection, Occupancy, Strip
from railwatch.grid import Grid
from railwatch.publication.content import Content, Listed, slug
from railwatch.publication.evidence import Names
from railwatch.publication.frame import Frame
from railwatch.publication.zarr import Array, Tree, rows_in
from railwatch.scene import NODATA, REFLECTANCE_SCALE, MaskClass

TILE = 256
"""Chunk side of imagery, pixels."""

TIMES = 16
"""Most scenes in a chunk of imagery or strips; a date costs so many times its own bytes to read,
a series so many times fewer requests."""

OCCUPANCY_TIMES = 64

CONVENTIONS = "CF-1.11"

REFLECTANCE = {
    "scale_factor": REFLECTANCE_SCALE,
    "_FillValue": int(NODATA),
    "units": "1",
    "long_name": "reflectance; for radar the square root of gamma nought",
}

ZARR_CONVENTIONS = [
    {
        "name": "proj:",
        "uuid": "f17cb550-5864-4468-aeb7-f3180cfb622f",
        "schema_url": "https://raw.githubusercontent.com/zarr-conventions/geo-proj/refs/tags/v1/schema.json",
        "spec_url": "https://github.com/zarr-conventions/geo-proj/blob/v1/README.md",
        "description": "Coordinate reference system information for geospatial data",
    },
    {
        "name": "spatial:",
        "uuid": "689b58e2-cf7b-45e0-9fff-9cfc0883d6b4",
        "schema_url": "https://raw.githubusercontent.com/zarr-conventions/spatial/refs/tags/v1/schema.json",
        "spec_url": "https://github.com/zarr-conventions/spatial/blob/v1/README.md",
        "description": "Spatial coordinate information",
    },
]
"""Names and ids of the two conventions whose attributes imagery carries, as they register them."""

MEASURES: tuple[tuple[str, str, str], ...] = (
    ("occupied_m", "m", "occupied track"),
    ("occupied_m_low", "m", "occupied track, lower end of the interval"),
    ("occupied_m_high", "m", "occupied track, upper end of the interval"),
    ("cars", "1", "railcars"),
    ("cars_low", "1", "railcars, lower end of the interval"),
    ("cars_high", "1", "railcars, upper end of the interval"),
    ("visible_m", "m", "track a satellite can see"),
    ("total_m", "m", "track there is"),
    ("clear_fraction", "1", "share of the visible track that is clear"),
)
"""(name, units, meaning) of the numbers in the `counts` group."""


PIXELS = "imagery/values"
"""Array of a cube that holds its pixels."""


def cube_name(cube_key: str) -> str:
    """Group of a cube: `sentinel-2-l2a@10` is `sentinel-2-l2a-10m`."""
    return slug(cube_key.replace("@", "-") + "m")


def published_tree(
    content: Content, frames: Mapping[str, Frame], names: Mapping[str, Names]
) -> Tree:
    """Collect everything the published cube holds.

    Parameters
    ----------
    content
        What is published.
    frames
        Window of each cube around the sidings, by cube key.
    names
        Names of each scene's evidence: they say what its strips and occupancy are made of.
    """
    tree = Tree()
    tree.group(
        "",
        {
            "Conventions": CONVENTIONS,
            "title": f"Railcars standing on sidings: {content.area.name}",
            "area_id": content.area.id,
            "siding_set": content.siding_set,
            "detector": content.detector,
            "snapshot": content.snapshot,
        },
    )
    _add_counts(tree, content)
    for key, frame in frames.items():
        used = [row for row in content.used if row.scene is not None and row.scene.cube_key == key]
        group = cube_name(key)
        tree.group(group, {"Conventions": CONVENTIONS, "cube": key, "gsd_m": frame.grid.gsd_m})
        _add_imagery(tree, f"{group}/imagery", content, used, frame)
        _add_evidence(tree, group, content, used, names)
    return tree


def _add_counts(tree: Tree, content: Content) -> None:
    """Rows of contract 4 as (scene, siding) tables."""
    scenes = list(dict.fromkeys(count.scene_id for count in content.counts))
    sidings = sorted({count.siding_id for count in content.counts})
    place = {scene: i for i, scene in enumerate(scenes)}, {s: i for i, s in enumerate(sidings)}
    at = np.array([[place[0][c.scene_id], place[1][c.siding_id]] for c in content.counts])
    at = at.reshape(-1, 2).astype(np.intp)
    shape = (len(scenes), len(sidings))
    acquired = {count.scene_id: count.acquired for count in content.counts}
    tree.group("counts", {"Conventions": CONVENTIONS, "interval": INTERVAL})
    tree.add("counts/scene", ("scene",), _text(scenes))
    tree.add("counts/siding", ("siding",), _text(sidings), {"long_name": "* is the facility"})
    tree.time("counts/time", "scene", [_utc(acquired[scene]) for scene in scenes])
    coordinates = {"coordinates": "time"}
    for name, units, meaning in MEASURES:
        table = np.full(shape, np.nan)
        table[at[:, 0], at[:, 1]] = [_number(getattr(c, name)) for c in content.counts]
        about = {"units": units, "long_name": meaning, **coordinates}
        tree.add(f"counts/{name}", ("scene", "siding"), table, about)
    reasons = [None, *Refusal]
    codes = np.full(shape, 255, dtype=np.uint8)
    codes[at[:, 0], at[:, 1]] = [reasons.index(count.refusal) for count in content.counts]
    _add_flags(tree, "counts/refusal", codes, ["none", *Refusal], coordinates)
    classes = list(ResolutionClass)
    codes = np.full(shape, 255, dtype=np.uint8)
    codes[at[:, 0], at[:, 1]] = [classes.index(c.resolution_class) for c in content.counts]
    _add_flags(tree, "counts/resolution_class", codes, classes, coordinates)


def _add_flags(
    tree: Tree,
    path: str,
    codes: npt.NDArray[np.uint8],
    words: Sequence[str],
    coordinates: Mapping[str, str],
) -> None:
    """Add a table of CF flags; 255 where there is no row."""
    about = {
        "flag_values": [*range(len(words)), 255],
        "flag_meanings": " ".join([*(str(word) for word in words), "absent"]),
        **coordinates,
    }
    tree.add(path, ("scene", "siding"), codes, about, fill=255)


def _add_imagery(
    tree: Tree, group: str, content: Content, used: Sequence[Listed], frame: Frame
) -> None:
    """Pixels of the corridor."""
    bands = list(dict.fromkeys(b for row in used if row.scene for b in row.scene.bands))
    window = (frame.height, frame.width)
    side = (min(TILE, window[0]), min(TILE, window[1]))
    times = rows_in(2 * len(bands) * side[0] * side[1], TIMES)
    grid = _window_grid(frame)
    tree.group(group, {"Conventions": CONVENTIONS, **_georeference(grid)})
    _add_times(tree, group, used)
    tree.add(f"{group}/band", ("band",), _text(bands), {"long_name": "STAC common name"})
    for axis, centres in (("y", grid.y()), ("x", grid.x())):
        about = {
            "units": "m",
            "standard_name": f"projection_{axis}_coordinate",
            "axis": axis.upper(),
        }
        tree.add(f"{group}/{axis}", (axis,), centres, about)
    tree.add(f"{group}/spatial_ref", (), np.int64(0), _grid_mapping(grid))
    where = {"grid_mapping": "spatial_ref", "coordinates": "scene_id spatial_ref"}
    digest = _Digest(
        [[row.item_id, row.checksum] for row in used], times, [grid, frame.rows, bands, "imagery"]
    )
    values = Array(
        f"{group}/{PIXELS.rpartition('/')[2]}",
        ("time", "band", "y", "x"),
        (len(used), len(bands), *window),
        (times, len(bands), *side),
        "uint16",
        int(NODATA),
        REFLECTANCE | where,
    )
    mask = Array(
        f"{group}/mask",
        ("time", "y", "x"),
        (len(used), *window),
        (times, *side),
        "uint8",
        int(MaskClass.NODATA),
        {
            "flag_values": [int(c) for c in MaskClass],
            "flag_meanings": " ".join(c.name.lower() for c in MaskClass),
            **where,
        },
    )
    pixels = _Pixels(content, used, frame, bands)
    tree.large.append((values, digest, pixels.values))
    tree.large.append((mask, digest, pixels.mask))


@dataclass(frozen=True)
class _Pixels:
    """Reads windows of scenes as blocks of imagery."""

    content: Content
    used: Sequence[Listed]
    frame: Frame
    bands: Sequence[str]

    def values(self, start: int, stop: int) -> npt.NDArray[np.uint16]:
        """(time, band, y, x) uint16, no data where a scene lacks the band."""
        shape = (stop - start, len(self.bands), self.frame.height, self.frame.width)
        out = np.full(shape, NODATA, dtype=np.uint16)
        for i, row in enumerate(self.used[start:stop]):
            raster = self.content.reader.pixels(row.item_id, self.frame.rows, self.frame.columns)
            out[i, [self.bands.index(band) for band in raster.bands]] = raster.values
        return out

    def mask(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """(time, y, x) uint8, a `MaskClass` each."""
        read = self.content.reader.pixels
        return np.stack(
            [
                read(row.item_id, self.frame.rows, self.frame.columns).mask
                for row in self.used[start:stop]
            ]
        )


def _add_evidence(
    tree: Tree, group: str, content: Content, used: Sequence[Listed], names: Mapping[str, Names]
) -> None:
    """Add strips and occupancy of one cube; nothing where no scene of it was counted."""
    shapes = _Shapes.of(content, used)
    if not shapes.sidings:
        return
    said = [[row.item_id, names[row.item_id].overlay or ""] for row in used]
    layout = [shapes.sidings, shapes.cells, shapes.bands, shapes.offset.tolist()]
    for name in ("occupancy", "strips"):
        at = f"{group}/{name}"
        tree.group(at, {"Conventions": CONVENTIONS})
        _add_times(tree, at, used)
        tree.add(f"{at}/siding", ("siding",), _text(shapes.sidings))
        about = {"units": "m", "long_name": "along the siding, centre of the cell"}
        tree.add(f"{at}/chainage_m", ("siding", "chainage"), shapes.chainage, about)
    coordinates = {"coordinates": "scene_id chainage_m"}
    read = _Evidence(content, used, shapes)
    occupancy = Array(
        f"{group}/occupancy/probability",
        ("time", "siding", "chainage"),
        (len(used), len(shapes.sidings), shapes.cells),
        (OCCUPANCY_TIMES, 1, shapes.cells),
        "float32",
        float("nan"),
        {"units": "1", "long_name": "probability that the track is occupied", **coordinates},
    )
    tree.large.append(
        (occupancy, _Digest(said, occupancy.chunks[0], [layout, "occupancy"]), read.occupancy)
    )
    if not shapes.offset.size:
        return  # single cars are published as outlines, without strips
    tree.add(f"{group}/strips/band", ("band",), _text(shapes.bands))
    about = {"units": "m", "long_name": "to the left of the siding"}
    tree.add(f"{group}/strips/offset", ("offset",), shapes.offset, about)
    sample = (len(shapes.bands), shapes.offset.size, shapes.cells)
    strips = Array(
        f"{group}/strips/values",
        ("time", "siding", "band", "offset", "chainage"),
        (len(used), len(shapes.sidings), *sample),
        (rows_in(2 * int(np.prod(sample)), TIMES), 1, *sample),
        "uint16",
        int(NODATA),
        REFLECTANCE | {"coordinates": coordinates["coordinates"]},
    )
    tree.large.append((strips, _Digest(said, strips.chunks[0], [layout, "strips"]), read.strips))


@dataclass(frozen=True)
class _Shapes:
    """Axes of strips and occupancy of one cube."""

    sidings: list[str]
    bands: list[str]
    offset: npt.NDArray[np.float32]
    """(offset,) metres."""
    chainage: npt.NDArray[np.float32]
    """(siding, chainage) metres, NaN beyond a siding's end."""

    @property
    def cells(self) -> int:
        """Cells of the longest siding."""
        return int(self.chainage.shape[1])

    @classmethod
    def of(cls, content: Content, used: Sequence[Listed]) -> _Shapes:
        """Look at the first scene that shows each siding, and at every scene of class A.

        Cells do not change within a cube, but for class A, whose scenes are each moved along the
        tracks by what they show.
        """
        inside = {row.item_id for row in used}
        first: dict[tuple[str, str], str] = {}
        for count in content.counts:
            if count.scene_id in inside and count.occupied_m is not None:
                sharp = count.resolution_class is ResolutionClass.A
                first.setdefault((count.siding_id, sharp * count.scene_id), count.scene_id)
        chainage: dict[str, npt.NDArray[np.float32]] = {}
        bands: dict[str, None] = {}
        offset = np.empty(0, np.float32)
        for scene in dict.fromkeys(first.values()):
            detection = content.reader.detection(scene)
            for occupancy in detection.occupancy:
                _widen(chainage, occupancy)
            for strip in detection.strips:
                _widen(chainage, strip)
                bands |= dict.fromkeys(strip.bands)
                offset = np.union1d(offset, strip.offset_m)  # groups differ in width and side
        cells = max((len(along) for along in chainage.values()), default=0)
        table = np.full((len(chainage), cells), np.nan, dtype=np.float32)
        for row, siding in enumerate(sorted(chainage)):
            table[row, : len(chainage[siding])] = chainage[siding]
        return cls(sorted(chainage), list(bands), offset, table)


def _widen(chainage: dict[str, npt.NDArray[np.float32]], found: Strip | Occupancy) -> None:
    """Make room for cells: strips begin before a track and end behind it, occupancy does not."""
    known = chainage.get(found.siding_id, np.empty(0, np.float32))
    chainage[found.siding_id] = np.union1d(known, found.chainage_m)


@dataclass(frozen=True)
class _Evidence:
    """Reads detections as blocks of strips and occupancy."""

    content: Content
    used: Sequence[Listed]
    shapes: _Shapes

    def occupancy(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """(time, siding, chainage) float32, NaN where unknown."""
        out = np.full((stop - start, *self.shapes.chainage.shape), np.nan, dtype=np.float32)
        for i, detection in self._counted(start, stop):
            for found in detection.occupancy:
                row, cells = self._place(found)
                out[i, row, cells] = found.probability
        return out

    def strips(self, start: int, stop: int) -> npt.NDArray[np.uint16]:
        """(time, siding, band, offset, chainage) uint16, no data where not measured."""
        shapes = self.shapes
        size = (len(shapes.sidings), len(shapes.bands), shapes.offset.size, shapes.cells)
        out = np.full((stop - start, *size), NODATA, dtype=np.uint16)
        for i, detection in self._counted(start, stop):
            for strip in detection.strips:
                row, cells = self._place(strip)
                bands = [shapes.bands.index(band) for band in strip.bands]
                lines = np.searchsorted(shapes.offset, strip.offset_m)
                scaled = np.rint(strip.values / REFLECTANCE_SCALE)
                stored = np.where(np.isfinite(scaled), np.clip(scaled, 0, NODATA - 1), NODATA)
                out[i, row][np.ix_(bands, lines, cells)] = stored.astype(np.uint16)
        return out

    def _counted(self, start: int, stop: int) -> list[tuple[int, Detection]]:
        """Give detections of a block's scenes that were counted, with their place in it."""
        return [
            (i, self.content.reader.detection(row.item_id))
            for i, row in enumerate(self.used[start:stop])
            if (count := self.content.facility_by_scene.get(row.item_id)) is not None
            and count.occupied_m is not None
        ]

    def _place(self, found: Occupancy | Strip) -> tuple[int, npt.NDArray[np.intp]]:
        """Row of a siding, and the cell of each of its chainages."""
        row = self.shapes.sidings.index(found.siding_id)
        known = self.shapes.chainage[row]
        return row, np.searchsorted(known[np.isfinite(known)], found.chainage_m)


def _add_times(tree: Tree, group: str, used: Sequence[Listed]) -> None:
    """Time coordinate and the scene of each time."""
    scenes = [row.scene for row in used if row.scene is not None]
    tree.time(f"{group}/time", "time", [_utc(scene.acquired) for scene in scenes])
    tree.add(f"{group}/scene_id", ("time",), _text([scene.id for scene in scenes]))


def _window_grid(frame: Frame) -> Grid:
    """Grid of the window alone."""
    grid = frame.grid
    return Grid(
        grid.epsg,
        grid.gsd_m,
        grid.west + frame.columns.start * grid.gsd_m,
        grid.north - frame.rows.start * grid.gsd_m,
        (frame.height, frame.width),
    )


def _georeference(grid: Grid) -> dict[str, Any]:
    """Attributes of the proj: and spatial: conventions."""
    west, south, east, north = grid.bounds
    return {
        "zarr_conventions": ZARR_CONVENTIONS,
        "proj:code": f"EPSG:{grid.epsg}",
        "spatial:dimensions": ["y", "x"],
        "spatial:shape": list(grid.shape),
        "spatial:transform": [grid.gsd_m, 0.0, grid.west, 0.0, -grid.gsd_m, grid.north],
        "spatial:bbox": [west, south, east, north],
        "spatial:registration": "pixel",
    }


def _grid_mapping(grid: Grid) -> dict[str, Any]:
    """CF grid mapping, with the two attributes GDAL and rioxarray look for."""
    transform = (grid.west, grid.gsd_m, 0.0, grid.north, 0.0, -grid.gsd_m)
    return {
        **grid.crs.to_cf(),
        "spatial_ref": grid.crs.to_wkt(),
        "GeoTransform": " ".join(
            f"{value:g}" if value == 0 else repr(value) for value in transform
        ),
    }


@dataclass(frozen=True)
class _Digest:
    """Names what rows of the first axis are made of, and how they are laid out."""

    rows: Sequence[Sequence[str]]
    times: int
    layout: Sequence[object]

    def __call__(self, start: int, stop: int) -> str:
        said = [self.layout, self.rows[start:stop], self.times]
        return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def _text(words: Sequence[str]) -> npt.NDArray[np.object_]:
    """Strings as Zarr's variable-length text."""
    return np.array(list(words), dtype=object)


def _number(value: float | None) -> float:
    """Spell a number that may be missing as NaN."""
    return float("nan") if value is None else value


def _utc(moment: dt.datetime) -> np.datetime64:
    """Zone-aware time as UTC without zone."""
    return np.datetime64(moment.astimezone(dt.UTC).replace(tzinfo=None), "us")
