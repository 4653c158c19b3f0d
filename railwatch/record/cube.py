"""A cube as xarray: all scenes that count, in order of time, read when they are looked at.

Scenes lie in the repository by slot, in the order they came, and in one array for each set of bands
an archive delivered; here they are one (time, band, y, x). Pixels of bands a scene does not have
are no data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from railwatch.record import imagery
from railwatch.record.entry import SceneEntry
from railwatch.record.footprint import Footprint
from railwatch.record.imagery import Window
from railwatch.scene import NODATA, REFLECTANCE_SCALE, MaskClass


def dataset(store: Any, entries: Sequence[SceneEntry], footprint: Footprint) -> xr.Dataset:
    """Return `values` (time, band, y, x) uint16 and `mask` (time, y, x) uint8, read lazily.

    Parameters
    ----------
    store
        Of a session of the repository.
    entries
        Scenes of one cube key and footprint, in the order wanted.
    footprint
        Where their pixels lie.
    """
    scenes = [entry.scene for entry in entries if entry.scene is not None]
    bands = list(dict.fromkeys(band for scene in scenes for band in scene.bands))
    shape = footprint.grid.shape

    def values_of(times: list[int], planes: list[int], window: Window) -> npt.NDArray[np.uint16]:
        wanted = tuple(bands[plane] for plane in planes)
        out = None
        for path, positions, slots in _by_path(entries, times):
            held = scenes[times[positions[0]]].bands
            read = imagery.read_values(store, path, slots, len(held), window)
            if len(slots) == len(times) and wanted == held:
                return read  # the usual case: one set of bands, all of it asked for
            if out is None:
                out = np.full((len(times), len(wanted), *_size(window)), NODATA, dtype=np.uint16)
            for plane, band in enumerate(wanted):
                if band in held:
                    out[positions, plane] = read[:, held.index(band)]
        return np.empty((0, len(wanted), *_size(window)), np.uint16) if out is None else out

    def mask_of(times: list[int], _: list[int], window: Window) -> npt.NDArray[np.uint8]:
        out = np.empty((len(times), *_size(window)), dtype=np.uint8)
        for path, positions, slots in _by_path(entries, times):
            out[positions] = imagery.read_mask(store, path, slots, window)
        return out

    values = _Stored(values_of, (len(scenes), len(bands), *shape), np.uint16)
    mask = _Stored(mask_of, (len(scenes), *shape), np.uint8)
    time = np.array([scene.acquired.replace(tzinfo=None) for scene in scenes], "datetime64[ns]")
    grid = footprint.grid
    return xr.Dataset(
        {
            "values": (
                ("time", "band", "y", "x"),
                indexing.LazilyIndexedArray(values),
                {"scale_factor_of_reflectance": REFLECTANCE_SCALE, "grid_mapping": "spatial_ref"},
            ),
            "mask": (
                ("time", "y", "x"),
                indexing.LazilyIndexedArray(mask),
                {
                    "flag_values": [int(c) for c in MaskClass],
                    "flag_meanings": " ".join(c.name.lower() for c in MaskClass),
                    "grid_mapping": "spatial_ref",
                },
            ),
        },
        coords={
            "time": time,
            "scene": ("time", [scene.id for scene in scenes]),
            "band": bands,
            "y": ("y", grid.y(), {"units": "m"}),
            "x": ("x", grid.x(), {"units": "m"}),
            "spatial_ref": ((), 0, {"crs_wkt": grid.crs.to_wkt(), "epsg": grid.epsg}),
        },
    )


def _by_path(
    entries: Sequence[SceneEntry], times: list[int]
) -> Iterator[tuple[str, list[int], list[int]]]:
    """Cube path, positions in `times`, and slots of the scenes that lie in one array."""
    found: dict[str, list[int]] = {}
    for position, time in enumerate(times):
        found.setdefault(entries[time].cube_path, []).append(position)
    for path, positions in found.items():
        yield path, positions, [entries[times[i]].slot for i in positions]


def _size(window: Window) -> tuple[int, int]:
    return window[0].stop - window[0].start, window[1].stop - window[1].start


class _Stored(BackendArray):
    """Takes apart what is asked for, reads the smallest window that holds it, and picks."""

    def __init__(
        self,
        read: Callable[[list[int], list[int], Window], npt.NDArray[Any]],
        shape: tuple[int, ...],
        dtype: npt.DTypeLike,
    ) -> None:
        self._read = read
        self.shape = shape
        self.dtype = np.dtype(dtype)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> npt.NDArray[Any]:
        return np.asarray(
            indexing.explicit_indexing_adapter(
                key, self.shape, indexing.IndexingSupport.OUTER, self._take
            )
        )

    def _take(self, key: tuple[Any, ...]) -> npt.NDArray[Any]:
        chosen = [np.arange(n)[part] for part, n in zip(key, self.shape, strict=True)]
        times, *planes, rows, cols = (np.atleast_1d(part) for part in chosen)
        window = _span(rows), _span(cols)
        read = self._read(times.tolist(), planes[0].tolist() if planes else [], window)
        if rows.size < read.shape[-2] or (np.diff(rows) != 1).any():
            read = read[..., rows - window[0].start, :]
        if cols.size < read.shape[-1] or (np.diff(cols) != 1).any():
            read = read[..., cols - window[1].start]
        return read[tuple(slice(None) if np.ndim(part) else 0 for part in chosen)]


def _span(positions: npt.NDArray[Any]) -> slice:
    if not positions.size:
        return slice(0, 0)
    return slice(int(positions.min()), int(positions.max()) + 1)
