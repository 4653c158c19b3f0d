"""Unrolled: a sharp scene straightened along the tracks, row below row: its cars can be counted.

A yard is two kilometres long and fifty metres wide: seen whole on a page, a car is some pixels.
Here each group of neighbouring tracks lies straight, cut into rows in which a car is tens of pixels
long, with the detected cars outlined and every track named. Nothing is detected here.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from railwatch.detection import Detection
from railwatch.publication.frame import Frame
from railwatch.siding import SidingSet
from railwatch.track import Floats
from railwatch.track_group import TrackGroup, track_groups

ROW_M = 300.0
"""Length of a row: at a page's width a car of 14 m is about 50 pixels long."""

SIDE_M = 12.0
"""Ground shown beside the outermost tracks of a group."""

TOGETHER_GSD_M = 10.0
"""Tracks that 10 m imagery counts together lie in one row."""

WIDTH = 1000.0
"""Width of a row, in the drawing's own units."""

QUALITY = 82


def rows(
    picture: npt.NDArray[np.uint8],
    known: npt.NDArray[np.bool_],
    frame: Frame,
    sidings: SidingSet,
    detection: Detection,
) -> Iterator[dict[str, object]]:
    """Give the rows of every group that is in the picture, in the drawing's units.

    Parameters
    ----------
    picture
        (y, x, 3) or (y, x) uint8, the frame as the chip shows it.
    known
        (y, x) bool, where anything was measured.
    frame
        Window the picture is of.
    sidings
        What is counted.
    detection
        Of the same scene; its cars are outlined.
    """
    for group in track_groups(sidings, TOGETHER_GSD_M):
        if not group.counted:
            continue
        start, stop = group.span_m
        count = max(1, int(np.ceil((stop - start) / ROW_M)))
        chainage = np.arange(start, stop, frame.grid.gsd_m)
        offset, _ = group.positions(chainage)
        across = (float(np.nanmin(offset)) - SIDE_M, float(np.nanmax(offset)) + SIDE_M)
        for at in range(count):
            along = (start + at * ROW_M, min(stop, start + (at + 1) * ROW_M))
            row = _row(picture, known, frame, group, along, across)
            if row is not None:
                yield {**row, "cars": _cars(detection, group, along, across)}


def _row(
    picture: npt.NDArray[np.uint8],
    known: npt.NDArray[np.bool_],
    frame: Frame,
    group: TrackGroup,
    along: tuple[float, float],
    across: tuple[float, float],
) -> dict[str, object] | None:
    """One row: its picture, its tracks with their names, its ticks; None where nothing is known."""
    gsd_m, scale = frame.grid.gsd_m, WIDTH / ROW_M
    s = np.arange(along[0], along[1], gsd_m)
    d = np.arange(across[1], across[0], -gsd_m)  # left of the axis is drawn above it
    x, y = group.axis.xy(np.repeat(s[None], d.size, axis=0), np.repeat(d[:, None], s.size, axis=1))
    place = np.floor(frame.drawn(np.column_stack([x.ravel(), y.ravel()]))).astype(int)
    column, line = place[:, 0], place[:, 1]
    inside = (column >= 0) & (column < frame.width) & (line >= 0) & (line < frame.height)
    column, line = np.where(inside, column, 0), np.where(inside, line, 0)
    seen = inside & known[line, column]
    if seen.mean() < 0.02:
        return None
    shown = picture[line, column].reshape(d.size, s.size, *picture.shape[2:])
    offset, _ = group.positions(s)
    tracks = []
    for member, lies in zip(group.members, offset, strict=True):
        there = np.isfinite(lies)
        if there.any():
            drawn = np.column_stack([(s - along[0]) * scale, (across[1] - lies) * scale])[there]
            tracks.append((member.id, _points(drawn[:: max(1, drawn.shape[0] // 30)])))
    first = int(np.ceil(along[0] / 50.0)) * 50
    return {
        "group": group.id,
        "from": round(along[0]),
        "to": round(along[1]),
        "width": round((along[1] - along[0]) * scale, 1),
        "height": round((across[1] - across[0]) * scale, 1),
        "image": _webp(shown, seen.reshape(d.size, s.size)),
        "tracks": tracks,
        "ticks": [
            (round((m - along[0]) * scale, 1), m) for m in range(first, int(along[1]) + 1, 50)
        ],
    }


def _cars(
    detection: Detection, group: TrackGroup, along: tuple[float, float], across: tuple[float, float]
) -> list[str]:
    """Outlines of the group's cars whose middle lies in the row."""
    members = {member.id for member in group.members}
    scale = WIDTH / ROW_M
    drawn = []
    for car in detection.cars:
        if car.siding_id not in members:
            continue
        outline = np.asarray(car.outline, dtype=np.float64)
        place = group.axis.back(outline[:, 0], outline[:, 1])
        if along[0] <= float(np.mean(place.chainage[:4])) < along[1]:
            drawn.append(
                _points(
                    np.column_stack(
                        [(place.chainage - along[0]) * scale, (across[1] - place.offset) * scale]
                    )
                )
            )
    return drawn


def _webp(shown: npt.NDArray[np.uint8], seen: npt.NDArray[np.bool_]) -> str:
    """Encode a row's picture as base64, transparent where nothing was measured."""
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(shown)).convert("RGB")
    if not seen.all():
        picture.putalpha(Image.fromarray(seen.astype(np.uint8) * 255))
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=QUALITY, method=2)
    return base64.b64encode(out.getvalue()).decode()


def _points(drawn: Floats | Sequence[Sequence[float]]) -> str:
    """SVG's list of points."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
