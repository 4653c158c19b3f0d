"""The Process API: from a request's body to pixels, with the service's checks in its order.

Checks come first (schema, cross-field rules, the script's own `setup`), then the price, which the
account's meter must allow, and only then the work. What is wrong is refused with the texts and
codes recorded from the live service where there are any.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from railwatch.testing.sentinel_hub import encode
from railwatch.testing.sentinel_hub.answer import (
    Answer,
    Request,
    bad_payload,
    not_renderable,
    wrong_method,
)
from railwatch.testing.sentinel_hub.evalscript import Layer, Output, Script, Setup, as_sample_type
from railwatch.testing.sentinel_hub.frame import Frame, check_pixel_size, in_wgs84
from railwatch.testing.sentinel_hub.holdings import Holding
from railwatch.testing.sentinel_hub.ledger import Meter, Work, price
from railwatch.testing.sentinel_hub.mosaic import Dataset, dataset_of, layers_of, selected
from railwatch.testing.sentinel_hub.payload import PACKED, Wanted, body_of, checked, wanted_of
from railwatch.testing.sentinel_hub.planes import COMPUTED
from railwatch.testing.sentinel_hub.rules import ERROR_NAMES, LEGACY_TYPES, bands

SPENT_HEADER = "x-processingunits-spent"


@dataclass(frozen=True, slots=True)
class Alteration:
    """A falsehood put into an answer on demand, to see whether a client notices."""

    shrink_px: int = 0
    """Columns left out of the image."""
    epsg_shift: int = 0
    """Added to the EPSG code the image claims."""
    other_scene: bool = False
    """Answer from an acquisition outside the asked period."""


@dataclass(frozen=True)
class Process:
    """Renders requests from the holdings of one deployment."""

    holdings: Callable[[], Sequence[Holding]]
    meter: Meter

    def answer(self, request: Request, alteration: Alteration | None = None) -> Answer:
        """Answer one request.

        Raises
        ------
        Refusal
            With the answer the service gives instead; nothing is charged.
        """
        if request.method != "POST":
            raise wrong_method()
        body = body_of(request)
        frame = checked(body)
        wanted = wanted_of(body, request.headers.get("accept", "*/*"))
        altered = alteration or Alteration()
        datasets = self._datasets(body, frame, altered)
        for dataset in datasets:
            check_pixel_size(frame, dataset.collection)
        with Script(body["evalscript"]) as script:
            setup = script.setup()
            _check_setup(setup, datasets, wanted)
            layers, scenes = layers_of(script, setup, datasets, frame, body)
            cost = price(_work(setup, datasets, layers, frame, wanted, request))
            self.meter.admit(cost)
            try:
                rendered = _render(script, setup, layers, frame)
                members = _members(script, setup, rendered, scenes, frame, wanted, altered)
            except BaseException:
                self.meter.give_back(cost)
                raise
        return _packed(members, wanted, request, cost)

    def _datasets(
        self, body: Mapping[str, Any], frame: Frame, altered: Alteration
    ) -> tuple[Dataset, ...]:
        """Select the scenes of each entry of `input.data`."""
        outline = frame.outline()
        if frame.clip is not None:
            outline = outline.intersection(in_wgs84(frame.clip, frame.epsg))
        datasets = []
        for index, entry in enumerate(body["input"]["data"]):
            collection = LEGACY_TYPES.get(entry["type"], entry["type"])
            held = [h for h in self.holdings() if h.collection == collection]
            if not held and not bands(collection):
                raise bad_payload(f"Illegal collection: {collection}", "input->data->type")
            there = [h for h in held if h.footprint.intersects(outline)]
            selection = dict(entry.get("dataFilter", {}))
            chosen = selected(there, selection)
            if altered.other_scene:
                others = [h for h in there if h not in chosen]
                chosen = others[:1] or chosen
            name = str(entry.get("id", index))
            datasets.append(Dataset(name, collection, entry.get("processing", {}), tuple(chosen)))
        return tuple(datasets)


def _check_setup(setup: Setup, datasets: Sequence[Dataset], wanted: Sequence[Wanted]) -> None:
    """Check what `setup()` said against the request."""
    for given in setup.inputs:
        dataset = dataset_of(given, datasets)
        table, name = bands(dataset.collection), ERROR_NAMES.get(dataset.collection, "CUSTOM")
        for band, unit in zip(given.bands, given.units, strict=True):
            if table and band not in table:
                raise not_renderable(f"Collection '{name}' has no band '{band}'")
            held = {b for h in dataset.scenes for b in h.planes} | {*COMPUTED}
            if not table and dataset.scenes and band not in held:
                raise not_renderable(f"{name} has no band {band}")
            supported = table[band]["units"] if table else ["DN"]
            if unit is not None and unit not in supported:
                raise not_renderable(
                    f"Invalid script! Band '{band}' of collection '{name}' requested in "
                    f"unsupported units '{unit}'! Supported units for this band: "
                    f"{', '.join(supported)}."
                )
    for dataset in datasets:
        if setup.mosaicking == "TILE" and dataset.collection == "sentinel-1-grd":
            raise not_renderable(
                "Invalid script! Collection 'S1GRD' does not support mosaicking TILE."
            )
        _check_radar(setup, dataset)
    known = {o.id: o for o in setup.outputs}
    for want in wanted:
        if want.identifier != "userdata" and want.identifier not in known:
            raise bad_payload(
                f"Output with id '{want.identifier}' is not defined by the script.",
                "output->responses->identifier",
            )


def _check_radar(setup: Setup, dataset: Dataset) -> None:
    """Refuse radar layers that need processing the request does not ask for."""
    asked = {band for given in setup.inputs for band in given.bands}
    processing = dataset.processing
    flat = processing.get("orthorectify", False) in (False, "false")
    if dataset.collection != "sentinel-1-grd":
        return
    if "localIncidenceAngle" in asked and flat:
        raise not_renderable("Invalid script! Band 'localIncidenceAngle' needs orthorectify.")
    if asked & {"scatteringArea", "shadowMask"} and processing.get("backCoeff") != "GAMMA0_TERRAIN":
        raise not_renderable("Invalid script! scatteringArea and shadowMask need GAMMA0_TERRAIN.")


def _work(
    setup: Setup,
    datasets: Sequence[Dataset],
    layers: Sequence[Layer],
    frame: Frame,
    wanted: Sequence[Wanted],
    request: Request,
) -> Work:
    """Everything the price of a request depends on."""
    asked = [b for given in setup.inputs for b in given.bands]
    counted = len([b for b in asked if b not in COMPUTED]) or len(asked)
    types = {o.id: o.sample_type for o in setup.outputs}
    float32 = any(
        types.get(w.identifier) == "FLOAT32" and w.media_type == "image/tiff" for w in wanted
    )
    radar = next((d.processing for d in datasets if d.collection == "sentinel-1-grd"), {})
    used = {dataset_of(given, datasets).id for given in setup.inputs}
    return Work(
        frame.width,
        frame.height,
        counted,
        samples=max(1, len(layers) // max(1, len(setup.inputs))),
        float32=float32,
        octet_stream=request.headers.get("accept") == "application/octet-stream",
        datasets=len(used),
        orthorectify=radar.get("orthorectify", False) in (True, "true"),
        terrain=radar.get("backCoeff") == "GAMMA0_TERRAIN",
        speckle=radar.get("speckleFilter", {}).get("type", "NONE") != "NONE",
    )


def _render(
    script: Script, setup: Setup, layers: Sequence[Layer], frame: Frame
) -> dict[str, npt.NDArray[Any]]:
    """Run the script and bring its outputs into their types: (band, y, x) each."""
    shape = (frame.height, frame.width)
    results = script.evaluate(setup, layers, shape[0] * shape[1])
    return {
        output.id: as_sample_type(result, output.sample_type).reshape(output.bands, *shape)
        for output, result in zip(setup.outputs, results, strict=True)
    }


def _members(
    script: Script,
    setup: Setup,
    rendered: Mapping[str, npt.NDArray[Any]],
    scenes: Mapping[str, Any],
    frame: Frame,
    wanted: Sequence[Wanted],
    altered: Alteration,
) -> dict[str, bytes]:
    """Encode each wanted response under its name in a tar."""
    outputs: dict[str, Output] = {o.id: o for o in setup.outputs}
    claimed = replace(frame, epsg=frame.epsg + altered.epsg_shift)
    claimed = replace(claimed, width=frame.width - altered.shrink_px)
    members = {}
    for want in wanted:
        name = f"{want.identifier}.{encode.EXTENSIONS[want.media_type]}"
        if want.identifier == "userdata":
            members[name] = json.dumps(script.user_data(scenes)).encode()
            continue
        pixels = rendered[want.identifier][:, :, : claimed.width]
        members[name] = encode.image(
            np.ascontiguousarray(pixels),
            claimed,
            want.media_type,
            nodata=outputs[want.identifier].nodata,
            quality=want.quality,
        )
    return members


def _packed(
    members: Mapping[str, bytes], wanted: Sequence[Wanted], request: Request, cost: float
) -> Answer:
    """Give one response as it is, several (or where asked for) as a tar."""
    headers = {SPENT_HEADER: repr(cost)}
    accepted = request.headers.get("accept", "")
    if len(members) > 1 or any(kind in accepted for kind in PACKED):
        return Answer(200, encode.tar(members), "application/x-tar", headers)
    return Answer(200, next(iter(members.values())), wanted[0].media_type, headers)
