"""Evidence: what a count rests on, as pictures that a page loads when somebody asks.

A scene has three objects: the chip (WebP), what was detected in it drawn to lie over the chip
(SVG), and the strips along each siding with the probability of occupancy (SVG). They are named by
what they are made of and kept beside the publications, so a new publication adds only what is new.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import jinja2
import numpy as np
import numpy.typing as npt

from railwatch.count import Count
from railwatch.detection import Detection, Occupancy, Strip
from railwatch.publication import unrolled
from railwatch.publication.content import (
    Content,
    Listed,
    canonical,
    publisher_fingerprint,
)
from railwatch.publication.frame import Frame, frame_of
from railwatch.scene import NODATA, SceneRaster
from railwatch.siding import SidingSet

DRAWN_BY = frozenset(
    {
        "evidence.py",
        "frame.py",
        "overlay.svg.j2",
        "strips.svg.j2",
        "unrolled.py",
        "unrolled.svg.j2",
    }
)
"""Files of this package that pictures depend on; a change of the page redraws none."""

WEBP = "image/webp"
SVG = "image/svg+xml"

SINGLE_CARS_M = 1.0
"""Up to this GSD cars are seen singly, and tracks are shown straightened instead of as strips."""

LOSSLESS_PIXELS = 300_000
"""Larger chips are compressed with loss, at `QUALITY`; 10 m chips never are."""
QUALITY = 88

THIN_PIXELS = 1_000_000
"""Contrast is found on about so many pixels of larger windows, evenly spread."""

LOOKED_UP_ROWS = 64

GREY = 128
"""Shown where nothing was measured."""

STRIP_WIDTH = 1000.0
"""Width of a figure of strips, in its own units."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One object of evidence."""

    name: str
    """Below `areas/{area}/evidence/`."""
    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Names:
    """What a scene's objects are called, before any is made."""

    chip: str
    overlay: str | None
    """None where the scene was refused: there is nothing to draw."""
    strips: str | None


def frames(content: Content) -> dict[str, Frame]:
    """Frame of each cube, by cube key."""
    keys = dict.fromkeys(row.scene.cube_key for row in content.used if row.scene)
    return {key: frame_of(content.reader.grid(key), content.area.sidings) for key in keys}


def names(content: Content) -> dict[str, Names]:
    """Name every scene's evidence by what it is made of, by item id.

    What was detected depends on the sidings, the detector and what the detector says it rests on,
    which tells a picture from another without reading any of it.
    """
    look = f"{publisher_fingerprint(DRAWN_BY)} {content.siding_set}"
    rows: dict[str, list[object]] = {}
    for count in content.counts:
        rows.setdefault(count.scene_id, []).append(_drawn(count))
    named = {}
    for listed in content.used:
        facility = content.facility_by_scene.get(listed.item_id)
        counted = facility is not None and facility.occupied_m is not None
        chip = _short(look, listed.checksum, listed.scene.digest if listed.scene else "")
        found = _short(
            look, content.detector, listed.inputs, canonical(rows.get(listed.item_id, []))
        )
        named[listed.item_id] = Names(
            f"{listed.slug}-{chip}.webp",
            f"{listed.slug}-{found}.overlay.svg" if counted else None,
            f"{listed.slug}-{found}.strips.svg" if counted else None,
        )
    return named


def _drawn(count: Count) -> list[object]:
    """Pick what a row tells of the pictures; records and references change none of them."""
    return [
        count.siding_id,
        count.method,
        count.refusal,
        count.occupied_m,
        count.occupied_m_low,
        count.occupied_m_high,
    ]


def all_names(named: Iterable[Names]) -> set[str]:
    """Every object that is referred to."""
    return {name for n in named for name in (n.chip, n.overlay, n.strips) if name is not None}


def pictures(
    content: Content, listed: Listed, named: Names, frame: Frame, have: frozenset[str]
) -> Iterator[Picture]:
    """Draw those of a scene's objects that are not in `have`."""
    if named.chip not in have:
        raster = content.reader.pixels(listed.item_id, frame.rows, frame.columns)
        yield Picture(named.chip, chip(raster), WEBP)
    if named.overlay is None or named.strips is None or named.overlay in have:
        return
    detection = content.reader.detection(listed.item_id)
    yield Picture(named.overlay, overlay(detection, frame), SVG)
    if frame.grid.gsd_m > SINGLE_CARS_M:
        yield Picture(named.strips, strips(detection), SVG)
    else:
        raster = content.reader.pixels(listed.item_id, frame.rows, frame.columns)
        yield Picture(named.strips, tracks(raster, frame, content.area.sidings, detection), SVG)


def chip(raster: SceneRaster, quality: int | None = None) -> bytes:
    """Show a window as a person would want to see it: red, green, blue, or the first band in grey.

    Contrast is stretched over the window's own 1st to 99th percentile, all bands alike, so hues
    stay what they were and scenes of any sensor can be compared by eye. Small chips keep every
    pixel as it is unless a `quality` (1-100) is named.
    """
    from PIL import Image

    planes = raster.values[_shown(raster.bands)]
    picture = Image.fromarray(_stretched_counts(planes))
    known = (planes != NODATA).any(axis=0)
    if not known.all():  # transparent, so that what lies under it on the page is seen
        picture = picture.convert("RGB")
        picture.putalpha(Image.fromarray(known.astype(np.uint8) * 255))
    out = io.BytesIO()
    # Effort costs more than it saves: lossless 38 ms and 69 kB a chip of 10 m at Pillow's usual
    # settings, 1.1 ms and 74 kB at the least; 590 ms and 333 kB of 0.5 m, 340 ms and 338 kB at 2.
    if quality is None and picture.width * picture.height <= LOSSLESS_PIXELS:
        picture.save(out, "WEBP", lossless=True, quality=0, method=0)
    else:
        picture.save(out, "WEBP", quality=quality or QUALITY, method=2)
    return out.getvalue()


def overlay(detection: Detection, frame: Frame) -> bytes:
    """Draw where tracks are occupied, and single cars, in the frame's pixels."""
    segments = [
        segment for occupancy in detection.occupancy for segment in _segments(occupancy, frame)
    ]
    cars = [
        _points(frame.drawn(np.asarray(car.outline, dtype=np.float64))) for car in detection.cars
    ]
    text = (
        _templates()
        .get_template("overlay.svg.j2")
        .render(
            width=frame.width,
            height=frame.height,
            segments=segments,
            cars=cars,
            pixel=1.0 if frame.grid.gsd_m > 2 else 2.0 / frame.grid.gsd_m,
        )
    )
    return text.encode()


def strips(detection: Detection) -> bytes:
    """Draw every strip over the probability that the track is occupied, one chainage axis each."""
    curves = {_members(occupancy.siding_id): occupancy for occupancy in detection.occupancy}
    bands: Sequence[str] = detection.strips[0].bands if detection.strips else ()
    longest = max(
        (float(strip.chainage_m[-1]) for strip in detection.strips if strip.chainage_m.size),
        default=1.0,
    )
    scale = STRIP_WIDTH / max(longest, 1.0)
    limits = _limits([strip.values[_shown(bands)] for strip in detection.strips])
    figures = [
        _figure(strip, curves.get(_members(strip.siding_id)), scale, limits)
        for strip in detection.strips
        if strip.chainage_m.size > 1
    ]
    text = _templates().get_template("strips.svg.j2").render(figures=figures, width=STRIP_WIDTH)
    return text.encode()


def tracks(raster: SceneRaster, frame: Frame, sidings: SidingSet, detection: Detection) -> bytes:
    """Draw a sharp scene straightened along its tracks, detected cars outlined."""
    planes = raster.values[_shown(raster.bands)]
    known = (planes != NODATA).any(axis=0)
    found = list(unrolled.rows(_stretched_counts(planes), known, frame, sidings, detection))
    text = (
        _templates()
        .get_template("unrolled.svg.j2")
        .render(
            rows=found,
            width=unrolled.WIDTH,
            total=sum(float(str(row["height"])) for row in found),
        )
    )
    return text.encode()


def _members(counted: str) -> frozenset[str]:
    """Sidings of a group: its strip names them across the ground, its occupancy by id."""
    return frozenset(counted.split("+"))


def _figure(
    strip: Strip, occupancy: Occupancy | None, scale: float, limits: tuple[float, float]
) -> dict[str, object]:
    """One strip: picture, curve, ticks, in the figure's units."""
    from PIL import Image

    step = float(np.median(np.diff(strip.chainage_m)))
    first = float(strip.chainage_m[0]) - step / 2
    last = float(strip.chainage_m[-1]) + step / 2
    # North of the axis is drawn above it: offsets are to the left, so the greatest comes first.
    order = np.argsort(-strip.offset_m)
    values = strip.values[_shown(strip.bands)][:, order]
    out = io.BytesIO()
    Image.fromarray(_stretched(values, limits)).save(out, "PNG", optimize=True)
    spacing = 50 if last - first < 700 else 100 if last - first < 1600 else 250
    return {
        "siding": strip.siding_id,
        "image": base64.b64encode(out.getvalue()).decode(),
        "x": round((first - min(first, 0.0)) * scale, 2),
        "width": round((last - first) * scale, 2),
        "curve": None if occupancy is None else _curve(occupancy, first, scale),
        "ticks": [
            (round((m - first) * scale, 2), m)
            for m in range(int(np.ceil(first / spacing)) * spacing, int(last) + 1, spacing)
        ],
        "offsets": f"{np.min(strip.offset_m):+.0f} to {np.max(strip.offset_m):+.0f} m across",
    }


def _curve(occupancy: Occupancy, first: float, scale: float) -> str:
    """Path of the probability, 0 at the bottom of a box of height 1; gaps where it is unknown."""
    steps: list[str] = []
    pen_down = False
    for metre, share in zip(occupancy.chainage_m, occupancy.probability, strict=True):
        if not np.isfinite(share):
            pen_down = False
            continue
        steps.append(f"{'L' if pen_down else 'M'}{(metre - first) * scale:.1f} {1 - share:.3f}")
        pen_down = True
    return "".join(steps)


def _segments(occupancy: Occupancy, frame: Frame) -> Iterator[tuple[str, str]]:
    """(points, colour) of stretches of track with about the same probability."""
    chainage = occupancy.chainage_m.astype(np.float64)
    if chainage.size < 2:
        return
    half = float(np.median(np.diff(chainage))) / 2
    level = np.where(
        np.isfinite(occupancy.probability), np.round(occupancy.probability * 8), -1
    ).astype(int)
    edges = [0, *(np.flatnonzero(np.diff(level)) + 1).tolist(), level.size]
    for start, end in pairwise(edges):
        if level[start] <= 0:
            continue
        reach = np.array([chainage[start] - half, *chainage[start:end], chainage[end - 1] + half])
        for line in frame.stretches(occupancy.siding_id, reach):
            if len(line) > 1:
                yield _points(line), _colour(level[start] / 8)


def _points(drawn: npt.NDArray[np.float64]) -> str:
    """SVG's list of points."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)


def _colour(share: float) -> str:
    """Blue for empty over yellow to red for full, as on the page's map."""
    low, high, part = (
        ((76, 159, 216), (242, 211, 75), share * 2)
        if share < 0.5
        else ((242, 211, 75), (214, 48, 29), share * 2 - 1)
    )
    mixed = (round(a + (b - a) * part) for a, b in zip(low, high, strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)


def _shown(bands: Sequence[str]) -> list[int]:
    """Planes to show: red, green, blue where there are, else the first one."""
    wanted = ("red", "green", "blue")
    if all(band in bands for band in wanted):
        return [bands.index(band) for band in wanted]
    return [0]


def _limits(planes: Iterable[npt.NDArray[np.float32]]) -> tuple[float, float]:
    """1st and 99th percentile of all that was measured."""
    known = [plane[np.isfinite(plane)] for plane in planes]
    joined = np.concatenate(known) if known else np.empty(0, np.float32)
    if not joined.size:
        return 0.0, 1.0
    low, high = np.percentile(joined, [1, 99])
    return float(low), float(max(high, low + 1e-6))


def _stretched_counts(planes: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """As `_stretched`, of (band, y, x) counts as stored: one look-up a pixel."""
    unknown = int(NODATA)
    thin = max(1, math.isqrt(planes[0].size // THIN_PIXELS))
    tally = np.bincount(planes[:, ::thin, ::thin].ravel(), minlength=unknown + 1)
    tally[unknown] = 0
    rank = np.cumsum(tally)
    shown = np.full(unknown + 1, GREY, dtype=np.uint8)
    if rank[-1]:
        low, high = (_quantile(rank, share) for share in (0.01, 0.99))
        bright = (np.arange(unknown) - low) / max(high - low, 1.0)
        shown[:unknown] = np.rint(np.clip(bright, 0, 1) * 255)
    picture = np.empty((*planes.shape[1:], len(planes)), dtype=np.uint8)
    for first in range(0, len(picture), LOOKED_UP_ROWS):  # numpy makes 64-bit indices of them
        rows = slice(first, first + LOOKED_UP_ROWS)
        for band, plane in enumerate(planes):
            picture[rows, :, band] = shown[plane[rows]]
    return picture[:, :, 0] if len(planes) == 1 else picture


def _quantile(rank: npt.NDArray[np.intp], share: float) -> float:
    """Quantile of what a cumulative tally counted, between neighbours as numpy has it."""
    at = share * (int(rank[-1]) - 1)
    below, above = np.searchsorted(rank, [np.floor(at), np.ceil(at)], side="right")
    return float(below + (at - np.floor(at)) * (above - below))


def _stretched(
    planes: npt.NDArray[np.float32], limits: tuple[float, float] | None = None
) -> npt.NDArray[np.uint8]:
    """(band, y, x) to (y, x) or (y, x, 3) uint8."""
    low, high = _limits([planes]) if limits is None else limits
    bright = np.clip((planes - low) / (high - low), 0, 1) * 255
    shown = np.where(np.isfinite(bright), np.rint(bright), GREY).astype(np.uint8)
    return shown[0] if len(shown) == 1 else np.ascontiguousarray(np.moveaxis(shown, 0, -1))


def _short(*said: str | bytes) -> str:
    """Ten hex digits over some words."""
    digest = hashlib.sha256()
    for word in said:
        digest.update(word if isinstance(word, bytes) else word.encode())
        digest.update(b"\0")
    return digest.hexdigest()[:10]


@cache
def _templates() -> jinja2.Environment:
    """Templates that escape what they are given."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("railwatch.publication.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
