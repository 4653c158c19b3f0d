"""Writing an area: its YAML and its sidings, licence and provenance in them, checked by reading.

Both files are written beside their final names and read back as an area first; only what
`load_area` accepts gets the names.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from railwatch.area import CAR_LENGTH_M, Area, load_area
from railwatch.errors import AreaError
from railwatch.siding import HiddenStretch, Siding, SidingKind, SidingSet


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where sidings come from, in the words of their licence."""

    attribution: str
    """Who must be named wherever they are shown."""
    licence: str
    """SPDX identifier."""
    source: str
    """What they were made from and how."""

    def members(self) -> dict[str, str]:
        """Members of the GeoJSON's root object."""
        return {
            "attribution": self.attribution,
            "license": self.licence,
            "source": self.source,
        }


OPENSTREETMAP = (
    "© OpenStreetMap contributors, https://www.openstreetmap.org/copyright",
    "ODbL-1.0",
)
"""Attribution and licence of everything made from OpenStreetMap."""


def write_area(
    area: Area,
    folder: Path,
    provenance: Provenance,
    extra: Mapping[str, Mapping[str, object]],
    *,
    replace: bool = False,
) -> Path:
    """Write `{id}.yaml` and `{id}.sidings.geojson` into `folder`; give the path of the first.

    Parameters
    ----------
    area
        What to write.
    folder
        Made where it does not exist.
    provenance
        Written into both files.
    extra
        Further properties by siding id, e.g. the map's way ids.
    replace
        Overwrite files that are there.

    Raises
    ------
    AreaError
        A file is there already, the folder cannot be written, or what would be written is no area.
    """
    names = (f"{area.id}.sidings.geojson", f"{area.id}.yaml")
    for name in names:
        if not replace and (folder / name).exists():
            raise AreaError(
                str(folder / name), "", "exists; choose another --name or pass --replace"
            )
    texts = (_geojson(area.sidings, provenance, extra), _yaml(area, names[0], provenance))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".railwatch-", dir=folder) as drafts:
            for name, text in zip(names, texts, strict=True):
                (Path(drafts) / name).write_text(text, encoding="utf-8", newline="\n")
            _proofread(Path(drafts) / names[1], folder)
            for name in names:
                (Path(drafts) / name).replace(folder / name)
    except OSError as exc:
        raise AreaError(
            str(folder), "", f"cannot be written: {exc.strerror or exc}; choose another --out"
        ) from exc
    return folder / names[1]


def _proofread(draft: Path, folder: Path) -> None:
    """Read a draft back; what is wrong with it is said of the file it would have become."""
    try:
        load_area(draft)
    except AreaError as exc:
        final = folder / Path(exc.file).name
        raise AreaError(str(final), exc.field, f"{exc.problem}; nothing was written") from exc


def _yaml(area: Area, sidings: str, provenance: Provenance) -> str:
    lines = [
        f"# Sidings: {provenance.attribution}; {provenance.licence}.",
        f"# {provenance.source}",
        f"id: {_quoted(area.id)}",
        f"name: {_quoted(area.name)}",
        f"sidings: {_quoted(sidings)}",
    ]
    if area.sources:
        lines.append("sources:")
        lines += [f"  - collection: {_quoted(source.collection)}" for source in area.sources]
    if area.car_length_m != CAR_LENGTH_M:
        mean, sd = area.car_length_m
        lines.append(f"car_length_m: {{mean: {mean:g}, sd: {sd:g}}}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Write text as YAML's double-quoted style, of which JSON's is a part."""
    return json.dumps(text, ensure_ascii=False)


def _geojson(
    sidings: SidingSet, provenance: Provenance, extra: Mapping[str, Mapping[str, object]]
) -> str:
    """Write one feature a line, so that differences read as sidings."""
    head = {"type": "FeatureCollection", **provenance.members()}
    features = ",\n".join(
        json.dumps(_feature(siding, extra.get(siding.id, {})), ensure_ascii=False)
        for siding in sidings
    )
    opening = json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}")
    return f'{opening},\n "features": [\n{features}\n]}}\n'


def _feature(siding: Siding, extra: Mapping[str, object]) -> dict[str, object]:
    properties: dict[str, object] = {"id": siding.id}
    if siding.name:
        properties["name"] = siding.name
    if siding.kind is not SidingKind.SIDING:
        properties["kind"] = siding.kind.value
    for key, day in (("valid_from", siding.valid_from), ("valid_to", siding.valid_to)):
        if day is not None:
            properties[key] = day.isoformat()
    if not siding.visible:
        properties["visible"] = False
    if siding.hidden:
        properties["hidden"] = [_stretch(part) for part in siding.hidden]
    return {
        "type": "Feature",
        "properties": {**properties, **extra},
        "geometry": {"type": "LineString", "coordinates": siding.coordinates},
    }


def _stretch(part: HiddenStretch) -> dict[str, object]:
    said: dict[str, object] = {"from_m": part.from_m, "to_m": part.to_m}
    for key, day in (("since", part.since), ("until", part.until)):
        if day is not None:
            said[key] = day.isoformat()
    return said
