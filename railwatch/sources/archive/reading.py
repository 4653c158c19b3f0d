"""Reading one scene: its files opened, their windows placed on the grid, their masks applied."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError

from railwatch.decoder import Files
from railwatch.errors import SceneError
from railwatch.grid import PIECE_PX, Grid
from railwatch.scene import NODATA, MaskClass, Rejection
from railwatch.sources.archive import band as bands
from railwatch.sources.archive import mask as masks
from railwatch.sources.archive import tiff
from railwatch.sources.archive.band import BandAt
from railwatch.sources.archive.item import Item
from railwatch.sources.archive.mask import MaskAt
from railwatch.sources.archive.placing import Placing, parts_of

MAX_MAP = 1e9
"""Map units a file's transform may hold; no coordinate on Earth in metres has more than 1e8."""


class Reading:
    """One scene being read onto the wanted pieces of a grid."""

    def __init__(self, files: Files, item: Item, grid: Grid, pieces: npt.NDArray[np.bool_]) -> None:
        self._files = files
        self._item = item
        self._grid = grid
        self._pieces = pieces
        self._parts = list(parts_of(pieces, grid.shape))
        self._reached = False
        self._says_missing = False

    def values(self, out: npt.NDArray[np.uint16]) -> None:
        """Read all bands as the cube stores them into `out`, (band, y, x) uint16 of `NODATA`."""
        places = sorted(enumerate(self._item.bands), key=lambda place: place[1].file)
        for file, group in groupby(places, key=lambda place: place[1].file):
            self._read_file(file, list(group), out)
        if not self._says_missing:
            _blank_fill(out)
        self._blank_unwanted(out, int(NODATA))

    def mask(self, values: npt.NDArray[np.uint16], out: npt.NDArray[np.uint8]) -> None:
        """Read the masks into `out`, (y, x) uint8 of zeros; no data where no band was measured.

        Raises
        ------
        SceneError
            None of `values` was measured.
        """
        for mask in self._item.masks:
            self._apply(mask, out)
        unmeasured = _unmeasured(values)
        out[unmeasured] = MaskClass.NODATA
        self._blank_unwanted(out, MaskClass.NODATA)
        if unmeasured.all():
            raise SceneError(self._item.scene.id, *self._why_empty())

    def _apply(self, mask: MaskAt, out: npt.NDArray[np.uint8]) -> None:
        """Put a mask's classes where no earlier mask said anything."""

        def convert(raw: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
            return masks.classes_of(raw, mask)[None]

        with tiff.opened(self._files, mask.file, self._item.scene.id) as dataset:
            placing = self._placing(dataset, mask.asset, mask.file)
            for part in self._parts:
                fill = int(MaskClass.NODATA)
                placed = placing.place(part, list(dataset.indexes), convert, fill, nearest=True)
                if placed is not None:
                    there = out[part.rows, part.cols]
                    np.copyto(there, placed[0], where=there == MaskClass.CLEAR)

    def _why_empty(self) -> tuple[Rejection, str]:
        """Reason and sentence for a scene without one measured pixel."""
        first, *others = sorted({one.file for one in self._item.bands})
        files = f"{first} and {len(others)} more" if others else first
        if self._reached:
            return Rejection.NODATA, f"{files}: no pixel over the sidings was measured"
        return Rejection.OUTSIDE_AREA, f"{files}: the pixels do not reach the sidings"

    def _read_file(
        self, file: str, places: list[tuple[int, BandAt]], out: npt.NDArray[np.uint16]
    ) -> None:
        scene_id = self._item.scene.id
        with tiff.opened(self._files, file, scene_id) as dataset:
            for _, one in places:
                if one.plane > dataset.count:
                    raise SceneError(
                        scene_id,
                        Rejection.ASSET_UNREADABLE,
                        f"{file}: has {dataset.count} planes, assets.{one.asset} names {one.plane}",
                    )
            placing = self._placing(dataset, places[0][1].asset, file)
            planes = [one.plane for _, one in places]
            alpha = tiff.alpha_plane(dataset)
            own_mask = alpha is None and tiff.has_mask(dataset)
            scalings = [self._scaling(one, dataset) for _, one in places]
            nodatas = [_nodata(one, dataset) for _, one in places]
            self._says_missing |= alpha is not None or own_mask or any(nodatas)

            def convert(raw: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
                read = np.stack(
                    [
                        bands.stored(raw[i], one.name, scalings[i], nodatas[i])
                        for i, (_, one) in enumerate(places)
                    ]
                )
                if alpha is not None:
                    read[:, raw[-1] == 0] = NODATA
                return read

            wanted = planes if alpha is None else [*planes, alpha]
            shifts = None
            if alpha is None and not own_mask and placing.aligned is not None:
                shifts = _shifts(places, dataset, scalings)
            if shifts is not None:
                first = places[0][0]
                self._copy(placing, planes, out[first : first + len(places)], shifts, nodatas)
                return
            for part in self._parts:
                placed = placing.place(part, wanted, convert, int(NODATA), masked=own_mask)
                if placed is not None:
                    self._reached = True
                    for (i, _), plane in zip(places, placed, strict=True):
                        out[i, part.rows, part.cols] = plane

    def _copy(
        self,
        placing: Placing,
        planes: list[int],
        out: npt.NDArray[np.uint16],
        shifts: list[int],
        nodatas: list[tuple[float, ...]],
    ) -> None:
        """Read what needs no arithmetic but a whole number straight to where it belongs."""
        for part in self._parts:
            there = placing.copy(part, planes, out)
            if there is not None:
                self._reached = True
                for plane, shift, nodata in zip(there, shifts, nodatas, strict=True):
                    bands.shift_counts(plane, shift, nodata)

    def _scaling(self, one: BandAt, dataset: Any) -> bands.Scaling:
        in_file = dataset.scales[one.plane - 1], dataset.offsets[one.plane - 1]
        return bands.completed(
            one.scaling,
            dataset.dtypes[one.plane - 1],
            in_file,
            unsaid_offset=self._item.unsaid_offset,
        )

    def _placing(self, dataset: Any, asset: str, file: str) -> Placing:
        """Find where a file lies: as it says itself, else as the item says of it."""
        stated = self._item.stated[asset]
        crs, transform = dataset.crs, dataset.transform
        if crs is None and stated.code is not None:
            try:
                crs = CRS.from_user_input(stated.code)
            except CRSError as exc:
                raise SceneError(
                    self._item.scene.id,
                    Rejection.BAD_ITEM,
                    f"assets.{asset}.proj:code: {stated.code!r} is no coordinate system",
                ) from exc
        if transform.is_identity and stated.transform:
            transform = Affine(*stated.transform)
        if crs is None or transform.is_identity or transform.is_degenerate:
            raise SceneError(
                self._item.scene.id,
                Rejection.ASSET_UNREADABLE,
                f"{file}: has no map coordinates, and assets.{asset} states no "
                "proj:code and proj:transform",
            )
        if not all(abs(value) <= MAX_MAP for value in transform[:6]):  # nor NaN
            raise SceneError(
                self._item.scene.id,
                Rejection.ASSET_UNREADABLE,
                f"{file}: its pixels lie beyond any map, at {transform.c:g}, {transform.f:g}",
            )
        return Placing(dataset, transform, crs, self._grid)

    def _blank_unwanted(self, out: npt.NDArray[Any], fill: int) -> None:
        """Blank what was read with the wanted pieces; nothing else was touched."""
        for part in self._parts:
            rows = slice(part.rows.start // PIECE_PX, -(-part.rows.stop // PIECE_PX))
            cols = slice(part.cols.start // PIECE_PX, -(-part.cols.stop // PIECE_PX))
            unwanted = ~self._pieces[rows, cols]
            if unwanted.any():
                fine = unwanted.repeat(PIECE_PX, axis=0).repeat(PIECE_PX, axis=1)
                there = out[..., part.rows, part.cols]
                there[..., fine[: part.shape[0], : part.shape[1]]] = fill


def _shifts(
    places: list[tuple[int, BandAt]], dataset: Any, scalings: list[bands.Scaling]
) -> list[int] | None:
    """`counts_shift` of each plane; None where one has none or they lie apart in the cube."""
    if [i for i, _ in places] != list(range(places[0][0], places[0][0] + len(places))):
        return None
    shifts = [
        bands.counts_shift(one.name, dataset.dtypes[one.plane - 1], scaling)
        for (_, one), scaling in zip(places, scalings, strict=True)
    ]
    found = [shift for shift in shifts if shift is not None]
    return found if len(found) == len(places) else None


def _nodata(one: BandAt, dataset: Any) -> tuple[float, ...]:
    """Return the values that mean unmeasured: the item's and the file's, which may differ."""
    said = (one.scaling.nodata, dataset.nodatavals[one.plane - 1])
    return tuple(float(value) for value in said if value is not None)


def _blank_fill(out: npt.NDArray[np.uint16]) -> None:
    """Blank black borders of scenes that have no other way to say that nothing was measured.

    Fill is black in every band and wide; a black pixel or two may be a shadow, and stay.
    """
    if not (out == 0).any():
        return
    from scipy import ndimage

    black = ((out == 0) | (out == NODATA)).all(axis=0)
    fill = ndimage.binary_opening(black, np.ones((3, 3), dtype=np.bool_))
    out[:, fill] = NODATA


def _unmeasured(values: npt.NDArray[np.uint16]) -> npt.NDArray[np.bool_]:
    """(y, x) bool, True where no band was measured; looks on only where the first was not."""
    missing = np.asarray(values[0] == NODATA)
    if missing.any():
        for plane in values[1:]:
            missing &= plane == NODATA
    return missing
