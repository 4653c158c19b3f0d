"""Exporting: all of the record's cube as one plain Zarr, not only the corridor of the sidings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from railwatch.area import Area
from railwatch.errors import OperatorError
from railwatch.publication import evidence
from railwatch.publication.cube import published_tree
from railwatch.publication.frame import whole_frame
from railwatch.publication.reading import content_of
from railwatch.record import Record
from railwatch.series.reference import Reference


def export(
    record: Record,
    area: Area,
    detector: str,
    out: Path,
    references: Iterable[Reference] = (),
) -> int:
    """Write imagery, strips, occupancy and counts of an area to a new folder.

    The layout is that of the published `cube.zarr` (docs/consumers.md) with imagery of everything
    that was stored, the ring for co-registration included. The root's metadata is written last, so
    a folder that opens is whole.

    Parameters
    ----------
    record
        Of the area.
    area
        Whose siding set the counts rest on.
    detector
        Fingerprint of the detector whose counts and strips are exported.
    out
        Folder to make; it must not hold anything.
    references
        Reference counts of the area that intervals are put right by.

    Returns
    -------
    int
        Bytes written.

    Raises
    ------
    OperatorError
        `out` holds something, or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OperatorError(f"{out}: is not an empty folder; name another with --out")
    content = content_of(record, area, detector, references=references)
    keys = {row.scene.cube_key for row in content.used if row.scene}
    frames = {key: whole_frame(content.reader.grid(key), area.sidings) for key in sorted(keys)}
    tree = published_tree(content, frames, evidence.names(content))
    written = 0
    for block in tree.blocks():
        written += sum(_write(out / path, data) for path, data in block.make().items())
    return written + sum(_write(out / path, data) for path, data in tree.objects())


def _write(path: Path, data: bytes) -> int:
    """Write one file and the folders above it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.write_bytes(data)
    except OSError as exc:
        raise OperatorError(f"{path}: cannot be written: {exc.strerror}") from exc
