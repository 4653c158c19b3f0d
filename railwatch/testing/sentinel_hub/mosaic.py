"""Mosaicking: which scenes a request selects, and the samples its script gets for them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from railwatch.testing.sentinel_hub.answer import wrapped
from railwatch.testing.sentinel_hub.evalscript import Input, Layer, Script, Setup
from railwatch.testing.sentinel_hub.frame import Frame
from railwatch.testing.sentinel_hub.holdings import Holding
from railwatch.testing.sentinel_hub.payload import period_of
from railwatch.testing.sentinel_hub.planes import read
from railwatch.testing.sentinel_hub.rules import bands


@dataclass(frozen=True, slots=True)
class Dataset:
    """One entry of `input.data` and the scenes it selects."""

    id: str
    collection: str
    processing: Mapping[str, Any]
    scenes: tuple[Holding, ...]
    """In mosaicking order: the first with data wins."""


def selected(there: Sequence[Holding], selection: Mapping[str, Any]) -> list[Holding]:
    """Scenes that pass a data filter, the one to be shown on top first."""
    start, end = period_of(selection)
    chosen = [
        h
        for h in there
        if start <= h.acquired <= end
        and h.cloud_cover <= selection.get("maxCloudCoverage", 100)
        and _radar_fits(h, selection)
    ]
    order = selection.get("mosaickingOrder", "mostRecent")
    if order == "leastCC":
        return sorted(chosen, key=lambda h: h.cloud_cover)
    return sorted(chosen, key=lambda h: h.acquired, reverse=order == "mostRecent")


def _radar_fits(holding: Holding, selection: Mapping[str, Any]) -> bool:
    """Whether a Sentinel-1 scene has the asked mode; what the archive does not say fits."""
    asked = {
        "sar:instrument_mode": selection.get("acquisitionMode"),
        "s1:polarization": selection.get("polarization"),
        "s1:resolution": selection.get("resolution"),
        "s1:timeliness": selection.get("timeliness"),
        "sat:orbit_state": str(selection.get("orbitDirection") or "").lower() or None,
    }
    return all(
        value is None or holding.properties.get(name, value) == value
        for name, value in asked.items()
    )


def dataset_of(given: Input, datasets: Sequence[Dataset]) -> Dataset:
    """Find the dataset an entry of `setup().input` reads."""
    if given.source is None:
        return datasets[0]
    for dataset in datasets:
        if dataset.id == given.source:
            return dataset
    raise wrapped(400, "COMMON_BAD_PAYLOAD", f"Dataset with id: {given.source} not found.")


def layers_of(
    script: Script,
    setup: Setup,
    datasets: Sequence[Dataset],
    frame: Frame,
    body: Mapping[str, Any],
) -> tuple[list[Layer], dict[str, Any]]:
    """Read and mosaic the samples of every input; also what scripts are told of the scenes."""
    layers: list[Layer] = []
    told: list[dict[str, Any]] = []
    for given in setup.inputs:
        dataset = dataset_of(given, datasets)
        groups = _groups(setup.mosaicking, dataset.scenes)
        facts = [_told(setup.mosaicking, i, group) for i, group in enumerate(groups)]
        key = "orbits" if setup.mosaicking == "ORBIT" else "tiles"
        period = body["input"]["data"][datasets.index(dataset)].get("dataFilter", {})
        asked = {**period.get("timeRange", {}), "scenes": {key: facts}}
        if setup.mosaicking != "SIMPLE":
            kept = script.kept_scenes(asked)["scenes"].get(key, [])
            chosen = {fact["__idx"] for fact in kept}
            groups = [group for i, group in enumerate(groups) if i in chosen]
            facts = [fact for fact in facts if fact["__idx"] in chosen]
        for group, fact in zip(groups, facts, strict=True):
            layers.append(_mosaic(given, dataset, group, frame, fact))
        told += [_tile_told(h, i) for i, h in enumerate(h for group in groups for h in group)]
    return layers, {"tiles": told}


def _groups(mosaicking: str, scenes: Sequence[Holding]) -> list[list[Holding]]:
    """Group scenes into samples: all, one a UTC day, or each by itself."""
    if mosaicking == "SIMPLE":
        return [list(scenes)]
    if mosaicking == "TILE":
        return [[scene] for scene in scenes]
    days: dict[dt.date, list[Holding]] = {}
    for scene in scenes:
        days.setdefault(scene.acquired.astimezone(dt.UTC).date(), []).append(scene)
    return list(days.values())


def _mosaic(
    given: Input, dataset: Dataset, scenes: Sequence[Holding], frame: Frame, fact: dict[str, Any]
) -> Layer:
    """Lay scenes over one another, the first with data on top."""
    pixels = np.zeros((len(given.bands), frame.height, frame.width))
    present = np.zeros(pixels.shape[1:], dtype=np.bool_)
    table = bands(dataset.collection)
    units = [
        unit or (table[band]["units"][0] if table else "DN")
        for band, unit in zip(given.bands, given.units, strict=True)
    ]
    for scene in scenes:
        values, inside = read(scene, given.bands, units, frame, dataset.processing)
        fresh = inside & ~present
        pixels[:, fresh] = values[:, fresh]
        present |= fresh
        if present.all():
            break
    flat = pixels.reshape(len(given.bands), -1)
    return Layer(given.source or "", given.bands, flat, present.ravel(), fact)


def _told(mosaicking: str, index: int, group: Sequence[Holding]) -> dict[str, Any]:
    """Say what a script is told of one sample's scenes."""
    if mosaicking == "ORBIT":
        times = [h.acquired for h in group]
        return {"dateFrom": _moment(min(times)), "dateTo": _moment(max(times)), "__idx": index}
    return _tile_told(group[0], index) if group else {"__idx": index}


def _tile_told(holding: Holding, index: int) -> dict[str, Any]:
    """Say what a script is told of one tile, as recorded on CDSE."""
    return {
        "__idx": index,
        "date": _moment(holding.acquired),
        "cloudCoverage": holding.cloud_cover,
        "dataPath": f"s3://EODATA/{holding.collection}/{holding.id}",
        "productId": holding.id,
        "shId": index,
    }


def _moment(moment: dt.datetime) -> str:
    """Write a time with milliseconds."""
    text = moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return f"{text}Z"
