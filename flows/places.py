"""The areas flow runs know: ids for forms and schedules, and the file each one is read from.

A folder of area files (`RAILWATCH_AREAS`, else `infra/areas` below the working folder) is the whole
registry. Prefect reads it when deployments are made, to offer the ids as choices, and flow runs
read it again, so an area added later runs at once and appears in forms with the next `make deploy`.
"""

import os
from pathlib import Path

from railwatch.area_yaml import Mapping, read_yaml
from railwatch.errors import AreaError, OperatorError

DEFAULT_FOLDER = "infra/areas"


def folder() -> Path:
    """Give the folder of area files, as this process sees it."""
    return Path(os.environ.get("RAILWATCH_AREAS") or DEFAULT_FOLDER)


def known() -> dict[str, Path]:
    """File of each known area, by id, ordered; sidings are not read.

    Raises
    ------
    AreaError
        A file of the folder is no area file, or two have one id.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder().glob("*.yaml")):
        document = read_yaml(path)
        said = document.text("id") if isinstance(document, Mapping) else None
        if said is None:
            raise AreaError(str(path), "id", "is missing; write one such as `id: tumangang`")
        if said in found:
            raise AreaError(str(path), "id", f"{said} is also the id of {found[said]}; rename one")
        found[said] = path
    return dict(sorted(found.items()))


def files_of(ids: list[str]) -> dict[str, Path]:
    """File of each area named, in their order; of all known ones if none is named.

    Raises
    ------
    OperatorError
        An id is not known, or none is named and none is known.
    """
    areas = known()
    unknown = [area_id for area_id in ids if area_id not in areas]
    if unknown:
        raise OperatorError(
            f"{', '.join(unknown)}: no such area in {folder()}: it holds "
            f"{', '.join(areas) or 'none'}; add its files there, or set RAILWATCH_AREAS"
        )
    if not areas:
        raise OperatorError(f"{folder()} holds no area file: add one, or set RAILWATCH_AREAS")
    return {area_id: areas[area_id] for area_id in dict.fromkeys(ids)} if ids else areas
