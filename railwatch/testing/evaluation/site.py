"""A site: one rendered place on disk, as its user would have it, and its truth apart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from railwatch.siding import SidingSet
from railwatch.testing.evaluation.stratum import Stratum, draw_site_parameters
from railwatch.testing.scenery import (
    Conditions,
    Outputs,
    Place,
    Traffic,
    Truth,
    draw_conditions,
    draw_place,
    draw_traffic,
    render,
)


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """What a counter is given, and what it is judged by."""

    id: str
    stratum: Stratum
    area: Path
    """Area file (contract 1)."""
    archive: Path
    """Folder of STAC items (contract 2)."""
    truth: Truth
    place: Place
    conditions: tuple[Conditions, ...]
    """One a scene of the truth."""
    traffic: Traffic


def build_site(stratum: Stratum, seed: int, folder: Path, *, quick: bool = False) -> Site:
    """Draw and render one site of a stratum into a folder."""
    days = stratum.quick_days if quick else stratum.days
    draw, use, climate, dates = draw_site_parameters(stratum, seed, days=days)
    rng = np.random.default_rng([seed, 21])
    place = draw_place(draw)
    sky = draw_conditions(rng, stratum.sensor, climate, dates, (draw.lon, draw.lat))
    traffic = draw_traffic(place, use, dates[0], dates[-1])
    site_id = f"{stratum.name.lower().replace(' ', '-').replace('.', '')}-{seed}"
    outputs = Outputs(folder / "archive", folder / "truth.json")
    truth = render(place, stratum.sensor, sky, traffic, outputs)
    area = write_area(folder, site_id, f"Rendered site {site_id}", place.sidings)
    return Site(site_id, stratum, area, outputs.archive, truth, place, sky, traffic)


def write_area(
    folder: Path,
    area_id: str,
    name: str,
    sidings: SidingSet,
    collections: tuple[str, ...] = (),
) -> Path:
    """Write an area file and its sidings; empty `collections` asks for all an archive holds."""
    features = [
        {
            "type": "Feature",
            "properties": {"id": s.id, "kind": s.kind.value},
            "geometry": {"type": "LineString", "coordinates": [list(p) for p in s.coordinates]},
        }
        for s in sidings
    ]
    folder.mkdir(parents=True, exist_ok=True)
    lines = folder / f"{area_id}.sidings.geojson"
    document = {"type": "FeatureCollection", "features": features}
    lines.write_text(json.dumps(document), encoding="utf-8")
    said = [f"id: {area_id}", f"name: {name}", f"sidings: {lines.name}"]
    if collections:
        said += ["sources:", *(f"  - collection: {c}" for c in collections)]
    path = folder / f"{area_id}.yaml"
    path.write_text("\n".join(said) + "\n", encoding="utf-8")
    return path
