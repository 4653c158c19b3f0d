"""A site: one rendered place on disk, as its user would have it, and its truth apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from railwatch.area import Area, SourceSpec
from railwatch.area_write import Provenance, write_area
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

RENDERED = Provenance("railwatch contributors", "CC0-1.0", "Where the scenes were rendered.")


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
    area = write_rendered_area(folder, site_id, f"Rendered site {site_id}", place.sidings)
    return Site(site_id, stratum, area, outputs.archive, truth, place, sky, traffic)


def write_rendered_area(
    folder: Path,
    area_id: str,
    name: str,
    sidings: SidingSet,
    collections: tuple[str, ...] = (),
) -> Path:
    """Write an area file and its sidings; empty `collections` asks for all an archive holds."""
    area = Area(area_id, name, sidings, tuple(SourceSpec(one) for one in collections))
    return write_area(area, folder, RENDERED, {}, replace=True)
