"""A frame: the window of a cube around the sidings that evidence is shown in, and lines in it.

Chips of one cube share a frame, so lines drawn over one lie right over all.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from railwatch.grid import Grid
from railwatch.siding import SidingSet
from railwatch.track_group import TrackGroup, track_groups

MARGIN_M = 60.0
"""Ground shown around the sidings, metres: enough to see what stands beside the tracks."""

Points = npt.NDArray[np.float64]
"""(point, xy) float64."""


@dataclass(frozen=True)
class Frame:
    """Window of a grid around the sidings."""

    grid: Grid
    rows: slice
    columns: slice
    tracks: Mapping[str, Points]
    """Centreline by siding id, metres in the grid's zone."""
    groups: Mapping[str, TrackGroup]
    """What is counted together at the grid's GSD, by id."""

    @property
    def height(self) -> int:
        """Rows of the window."""
        return int(self.rows.stop - self.rows.start)

    @property
    def width(self) -> int:
        """Columns of the window."""
        return int(self.columns.stop - self.columns.start)

    def drawn(self, ground: Points) -> Points:
        """Place ground points in the picture: (point, xy), pixels from its upper left corner."""
        row, column = self.grid.pixel(ground[:, 0], ground[:, 1])
        return np.column_stack([column + 0.5 - self.columns.start, row + 0.5 - self.rows.start])

    def stretches(self, counted: str, chainage: Points) -> list[Points]:
        """Place chainages of a siding or group in the picture, one line a member track.

        A group's chainage is measured along its axis; a member has no points where it does not
        lie beside it.
        """
        group = self.groups.get(counted)
        if group is None:
            return []
        offset, _ = group.positions(chainage)
        lines = []
        for across in offset:
            there = np.isfinite(across)
            x, y = group.axis.xy(chainage[there], across[there])
            lines.append(self.drawn(np.column_stack([x, y])))
        return lines

    def lines(self) -> dict[str, list[list[float]]]:
        """Centrelines in the picture, by siding id, rounded to a tenth of a pixel."""
        return {
            siding: np.round(self.drawn(track), 1).tolist() for siding, track in self.tracks.items()
        }


def frame_of(grid: Grid, sidings: SidingSet) -> Frame:
    """Cut the window of `grid` that shows all sidings and `MARGIN_M` around them."""
    whole = whole_frame(grid, sidings)
    points = np.concatenate(list(whole.tracks.values()))
    west, south = points.min(axis=0) - MARGIN_M
    east, north = points.max(axis=0) + MARGIN_M
    row, column = grid.pixel(np.array([west, east]), np.array([north, south]))
    rows, columns = grid.shape
    return dataclasses.replace(
        whole,
        rows=slice(max(0, math.floor(row[0] + 0.5)), min(rows, math.ceil(row[1] + 0.5))),
        columns=slice(
            max(0, math.floor(column[0] + 0.5)), min(columns, math.ceil(column[1] + 0.5))
        ),
    )


def whole_frame(grid: Grid, sidings: SidingSet) -> Frame:
    """Take all of `grid` as the window."""
    rows, columns = grid.shape
    return Frame(
        grid,
        slice(0, rows),
        slice(0, columns),
        {siding.id: siding.projected(grid.crs) for siding in sidings},
        {group.id: group for group in track_groups(sidings, grid.gsd_m)},
    )
