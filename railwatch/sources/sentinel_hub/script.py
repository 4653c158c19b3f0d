"""The evalscripts sent to Sentinel Hub, written from the bands wanted.

One response carries everything: band values as uint16, then `dataMask`, then the quality layers. A
second, free one says which scenes the pixels came from, so that an answer made from another
acquisition is noticed.
"""

from __future__ import annotations

import json

from railwatch.scene import NODATA
from railwatch.sources.sentinel_hub.collection import Collection

_TEMPLATE = """//VERSION=3
function setup() {
  return {
    input: [{bands: %(inputs)s, units: %(units)s}],
    output: {id: "default", bands: %(count)d, sampleType: "UINT16"}
  };
}
function updateOutputMetadata(scenes, inputMetadata, outputMetadata) {
  var tiles = scenes && Array.isArray(scenes.tiles) ? scenes.tiles : [];
  var told = tiles.map(function (t) { return {date: t.date, id: t.productId || ""}; });
  outputMetadata.userData = {scenes: JSON.stringify(told)};
}
function evaluatePixel(s) {
  return [%(outputs)s];
}
"""

MOST = int(NODATA) - 1
"""Greatest value of a measured pixel; the next one means no data."""


def evalscript(collection: Collection) -> str:
    """Write the script for one collection.

    Reflectance is asked for as digital numbers, harmonised by the service to one definition for all
    processing baselines; radar as the square root of gamma nought times 10 000.
    """
    names = list(collection.bands.values())
    if collection.radar:
        units = ["LINEAR_POWER"] * len(names)
        values = [f"Math.min(Math.sqrt(s.{n}) * 10000, {MOST})" for n in names]
    else:
        units = ["DN"] * len(names)
        factor = collection.dn_scale * 1e4
        times = "" if factor == 1.0 else f" * {factor!r}"
        values = [f"Math.min(s.{n}{times}, {MOST})" for n in names]
    quality = list(collection.quality)
    inputs = [*names, "dataMask", *quality]
    units += ["DN", *("PERCENT" if q == "CLD" else "DN" for q in quality)]
    return _TEMPLATE % {
        "inputs": json.dumps(inputs),
        "units": json.dumps(units),
        "count": len(inputs),
        "outputs": ", ".join([*values, "s.dataMask", *(f"s.{q}" for q in quality)]),
    }
