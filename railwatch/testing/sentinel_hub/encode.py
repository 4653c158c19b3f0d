"""Images and archives of images, as bytes."""

from __future__ import annotations

import io
import tarfile
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from railwatch.testing.sentinel_hub.answer import bad_payload
from railwatch.testing.sentinel_hub.frame import Frame

EXTENSIONS = {
    "image/tiff": "tif",
    "image/png": "png",
    "image/jpeg": "jpg",
    "application/json": "json",
}


def image(
    values: npt.NDArray[Any], frame: Frame, media_type: str, *, nodata: float | None, quality: int
) -> bytes:
    """Encode (band, y, x) values.

    Raises
    ------
    Refusal
        The format cannot hold that many bands or that type.
    """
    bands = len(values)
    if media_type == "image/tiff":
        return tiff(values, frame, nodata)
    if values.dtype == np.float32 or (media_type == "image/jpeg" and values.dtype != np.uint8):
        raise bad_payload(f"{media_type} cannot hold {values.dtype}.", "output->responses")
    allowed = (1, 3) if media_type == "image/jpeg" else (1, 2, 3, 4)
    if bands not in allowed:
        raise bad_payload(f"{media_type} cannot hold {bands} bands.", "output->responses")
    driver = "JPEG" if media_type == "image/jpeg" else "PNG"
    options: dict[str, Any] = {"QUALITY": quality} if driver == "JPEG" else {}
    with warnings.catch_warnings():
        # Neither format can say where it lies; nobody asked it to.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with MemoryFile() as memory:
            with memory.open(
                driver=driver,
                width=frame.width,
                height=frame.height,
                count=bands,
                dtype=values.dtype,
                **options,
            ) as out:
                out.write(values)
            return bytes(memory.getbuffer())


def tiff(values: npt.NDArray[Any], frame: Frame, nodata: float | None) -> bytes:
    """Encode as the service does: big-endian, deflated, pixel-interleaved, in short strips."""
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=frame.width,
            height=frame.height,
            count=len(values),
            dtype=values.dtype,
            crs=CRS.from_epsg(frame.epsg),
            transform=frame.transform,
            nodata=nodata,
            compress="deflate",
            zlevel=1,
            interleave="pixel",
            blockysize=8,
            ENDIANNESS="BIG",
        ) as out:
            out.write(values)
        return bytes(memory.getbuffer())


def tar(members: Mapping[str, bytes]) -> bytes:
    """Pack named members the way recorded answers are packed: ustar, mode 0644."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
