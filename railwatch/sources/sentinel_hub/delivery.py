"""A delivered answer, unpacked only after it proved to be what was asked for.

Nothing is believed because of its name: the tar is read in memory and only two members of known
names and sizes are taken, the image is opened with the GeoTIFF driver alone, and size, bands, type,
place and time are compared with the request before a pixel is decoded.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import tarfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from railwatch.decoder import Desk, decoded
from railwatch.decoder.desk import room
from railwatch.errors import TransientError

_IMAGE, _USER_DATA = "default.tif", "userdata.json"
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MOST_USER_DATA = 1 << 20
_OVERHEAD = 1 << 17
"""Bytes an answer may need besides its pixels: headers of TIFF and tar."""
_CLOCK_SLACK = dt.timedelta(seconds=2)
"""How far a scene's time may lie outside the asked period: deployments round differently."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the answer to one request has to be."""

    epsg: int
    bounds: tuple[float, float, float, float]
    """(west, south, east, north), metres."""
    width: int
    height: int
    count: int
    """Bands of the image."""
    start: dt.datetime
    """Earliest time of a scene the pixels may come from."""
    end: dt.datetime

    @property
    def most_bytes(self) -> int:
        """Largest answer that can be right: pixels that did not compress at all."""
        return int(self.width * self.height * self.count * 2 * 1.1) + _MOST_USER_DATA + _OVERHEAD


def unpacked(body: bytes, expected: Expected, scene_id: str) -> npt.NDArray[np.uint16]:
    """Check an answer against its request and have it decoded.

    Returns
    -------
    (band, y, x) uint16

    Raises
    ------
    TransientError
        It is not what was asked for: cut short, another format, size, place, type or acquisition.
    SceneError
        It crashes whoever decodes it.
    """
    members = _members(body, expected)
    _check_scenes(members[_USER_DATA], expected)
    image = members[_IMAGE]
    if not image.startswith(_TIFF_MAGIC):
        raise TransientError(f"answer is no TIFF: begins {image[:16]!r}")
    return decoded(ImageJob(scene_id, expected), scene_id, content=image).arrays[0]


def _members(body: bytes, expected: Expected) -> dict[str, bytes]:
    """Take the two members of the tar."""
    limits = {_IMAGE: expected.most_bytes, _USER_DATA: _MOST_USER_DATA}
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:") as archive:
            for info in archive:
                if not info.isfile() or info.name not in limits or info.name in found:
                    raise TransientError(f"answer holds {info.name!r}, which nobody asked for")
                if info.size > limits[info.name]:
                    raise TransientError(f"answer holds {info.size} bytes of {info.name}")
                content = archive.extractfile(info)
                found[info.name] = content.read() if content is not None else b""
                if len(found[info.name]) != info.size:
                    raise TransientError(f"answer is cut short in {info.name}")
    except tarfile.TarError as exc:
        raise TransientError(f"answer is no tar: begins {body[:16]!r}") from exc
    if missing := limits.keys() - found.keys():
        raise TransientError(f"answer lacks {', '.join(sorted(missing))}")
    return found


def _check_scenes(user_data: bytes, expected: Expected) -> None:
    """Compare the times of the scenes the pixels came from with the asked period."""
    try:
        scenes = json.loads(json.loads(user_data)["scenes"])
        times = [dt.datetime.fromisoformat(scene["date"]) for scene in scenes]
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise TransientError(f"answer does not say which scenes it shows: {exc}") from exc
    early, late = expected.start - _CLOCK_SLACK, expected.end + _CLOCK_SLACK
    for time in times:
        moment = time if time.tzinfo else time.replace(tzinfo=dt.UTC)
        if not early <= moment <= late:
            raise TransientError(
                f"answer shows a scene of {moment.isoformat()}, asked was {early.isoformat()} "
                f"to {late.isoformat()}"
            )


@dataclass(frozen=True, slots=True)
class ImageJob:
    """Compare an image's header with the request, then decode it: (band, y, x) uint16."""

    scene_id: str
    expected: Expected

    @property
    def room(self) -> int:
        """Bytes of its pixels."""
        return room(self._shape, np.uint16)

    @property
    def _shape(self) -> tuple[int, int, int]:
        return self.expected.count, self.expected.height, self.expected.width

    def run(self, desk: Desk) -> dict[str, Any]:
        """Open what came with the job, with the GeoTIFF driver alone."""
        from rasterio.io import MemoryFile

        from railwatch.decoder.damaged import DAMAGED

        try:
            # Only GTiff: other drivers open addresses and files a document names.
            with MemoryFile(bytes(desk.content)) as memory, memory.open(driver="GTiff") as image:
                _check_header(image, self.expected)
                image.read(out=desk.array(self._shape, np.uint16, 0))
        except DAMAGED as exc:
            raise TransientError(f"answer is no readable TIFF: {exc}") from exc
        return {}


def _check_header(image: object, expected: Expected) -> None:
    """Compare what a header says with the request, before anything is allocated for pixels."""
    from rasterio.transform import from_bounds

    width, height, count = (getattr(image, name) for name in ("width", "height", "count"))
    if (width, height, count) != (expected.width, expected.height, expected.count):
        raise TransientError(
            f"answer is {width} x {height} x {count}, asked was "
            f"{expected.width} x {expected.height} x {expected.count}"
        )
    types = set(getattr(image, "dtypes", ()))
    if types != {"uint16"}:
        raise TransientError(f"answer holds {', '.join(sorted(types))} instead of uint16")
    crs = getattr(image, "crs", None)
    epsg = crs.to_epsg() if crs is not None else None
    if epsg != expected.epsg:
        raise TransientError(f"answer lies in EPSG:{epsg}, asked was EPSG:{expected.epsg}")
    asked = from_bounds(*expected.bounds, expected.width, expected.height)
    given = getattr(image, "transform", None)
    pixel_m = (expected.bounds[2] - expected.bounds[0]) / expected.width
    if given is None or not given.almost_equals(asked, precision=pixel_m * 1e-3):
        raise TransientError(f"answer lies at {given!r}, asked was {asked!r}")
