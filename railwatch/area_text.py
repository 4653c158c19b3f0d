"""The text of an area's files: regular, small, plain UTF-8, inside the area's folder.

Whatever an operator points at is read here first, so that a device, a pipe, a link that leaves the
folder or a gigabyte of zeros is refused before a parser sees it.
"""

from __future__ import annotations

import codecs
import re
import stat
from pathlib import Path

from railwatch.errors import AreaError

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NOT_A_FILE = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:|^/vsi|\\|[\x00-\x1f]")


def shown(value: object, limit: int = 60) -> str:
    """Say a value found in a file on one line of bounded length, control characters replaced."""
    text = _UNPRINTABLE.sub("?", str(value)[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def read_text(path: Path, max_bytes: int) -> str:
    """Read a small UTF-8 text file.

    Raises
    ------
    AreaError
        The file is missing, unreadable, not a regular file, larger than `max_bytes`, or not plain
        UTF-8 (byte-order mark, UTF-16, NUL bytes). CRLF line ends are fine.
    """
    raw = _read_bytes(path, max_bytes)
    if raw.startswith(codecs.BOM_UTF8):
        raise AreaError(
            str(path), "", "starts with a byte-order mark; save it as UTF-8 without one", line=1
        )
    if raw.startswith(_UTF16):
        raise AreaError(str(path), "", "is UTF-16; save it as UTF-8", line=1)
    if b"\0" in raw:
        line = raw.count(b"\n", 0, raw.index(b"\0")) + 1
        raise AreaError(
            str(path), "", "holds a NUL byte, so it is no text; save it as UTF-8", line=line
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        problem = f"byte 0x{raw[exc.start]:02x} is not UTF-8; save the file as UTF-8"
        raise AreaError(str(path), "", problem, line=line) from exc


def _read_bytes(path: Path, max_bytes: int) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise AreaError(str(path), "", "is a folder; name the file in it")
        if not stat.S_ISREG(mode):
            raise AreaError(str(path), "", "is not a regular file; name a file on disk")
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except FileNotFoundError as exc:
        raise AreaError(str(path), "", "does not exist; check the path") from exc
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise AreaError(str(path), "", f"cannot be read: {reason}") from exc
    if len(raw) > max_bytes:
        raise AreaError(
            str(path), "", f"is larger than {max_bytes // 1024} KiB; split it into smaller areas"
        )
    return raw


def beside(file: Path, name: str, field: str, *, line: int | None = None) -> Path:
    """Path of the file that `file` names in `field`: in its folder or below it, links followed.

    Raises
    ------
    AreaError
        The name is a URL or a virtual file system, is absolute, or leads out of the folder.
    """

    def refuse(problem: str) -> AreaError:
        return AreaError(str(file), field, f"{shown(name)!r} {problem}", line=line)

    if _NOT_A_FILE.search(name):
        raise refuse("is not a plain file name; write a path relative to this file")
    if Path(name).is_absolute():
        raise refuse("is absolute; write a path relative to this file")
    path = file.parent / name
    try:
        inside = path.resolve().is_relative_to(file.parent.resolve())
    except (OSError, RuntimeError) as exc:
        raise refuse("cannot be followed; put the file beside this one") from exc
    if not inside:
        raise refuse("leads out of this file's folder; put the file beside this one")
    return path
