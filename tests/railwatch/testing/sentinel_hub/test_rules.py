"""Every recorded rule of the service is kept by the emulator, with the recorded words."""

import copy
import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from railwatch.testing.sentinel_hub import rules

SHARED = Path(os.environ.get("RAILWATCH_SHARED", Path(__file__).parents[5] / "shared"))
SCHEMA = SHARED / "sentinelhub" / "schema"
needs_shared = pytest.mark.skipif(
    not SCHEMA.is_dir(), reason="the collected protocol is not on this machine"
)

UTM = "http://www.opengis.net/def/crs/EPSG/0/32652"
RING = [[632320, 4695680], [633320, 4695680], [633320, 4696680], [632320, 4695680]]


def script(inputs: str, output: str = "{bands: 1}", **more: str) -> str:
    mosaicking = more.get("mosaicking", "SIMPLE")
    body = more.get("body", "return [0.5];")
    return (
        "//VERSION=3\nfunction setup() { return {input: "
        f"{inputs}, output: {output}, mosaicking: '{mosaicking}'}}; }}\n"
        f"function evaluatePixel(s) {{ {body} }}"
    )


RADAR = {"type": "sentinel-1-grd"}
REFUSED: list[tuple[str, str, Any, int, str]] = [
    # rule, where, what to put there, status, part of the message
    ("P1", "output.resx", 10, 400, "Only width and height or resx and resy can be set"),
    ("P2", "output.width", 2501, 400, "2501 is greater than the maximum of 2500"),
    ("P2", "output.height", 0, 400, "0 is less than the minimum of 1"),
    ("P2", "output", {"resx": 0.5, "resy": 10}, 400, "`width = 5120`, calculated from resx"),
    ("P4", "output", {"width": 1, "height": 1}, 400, "exceeds the limit 1500.00 meters per pixel"),
    ("P5", "input.bounds", {"properties": {"crs": UTM}}, 400, "is not valid under any"),
    ("P6", "input.bounds.geometry", {"type": "GeometryCollection", "geometries": []}, 400, ""),
    (
        "P6",
        "input.bounds.geometry",
        {"type": "Polygon", "coordinates": [[*RING[:3], [632330, 4695680]]]},
        400,
        "rings must be closed",
    ),
    ("P7", "input.data.0.dataFilter.timeRange.from", "2024-01-03", 400, "does not match"),
    ("P7", "input.data.0.dataFilter.timeRange.from", "2024-02-03T00:00:00Z", 400, "later than to"),
    ("P8", "output.responses", [{"identifier": "other"}], 400, "Output with id 'other'"),
    (
        "P9",
        "output.responses",
        [{"identifier": "default"}, {"identifier": "userdata"}],
        400,
        "More than one response",
    ),
    (
        "P11",
        "evalscript",
        script("['B04']", "{bands: 1, sampleType: 'FLOAT32'}"),
        400,
        "image/png cannot hold float32",
    ),
    (
        "P12",
        "input.data.0",
        {**RADAR, "processing": {"backCoeff": "GAMMA0_TERRAIN"}},
        400,
        "'orthorectify' is a required property",
    ),
    ("P14", "evalscript", script("[{datasource: '1', bands: ['B04']}]"), 400, "id: 1 not found"),
]


@pytest.mark.parametrize(("rule", "where", "what", "status", "words"), REFUSED)
def test_each_process_rule_is_refused(asked, changed, rule, where, what, status, words):
    """A request that breaks one rule is refused in the wrapped form and costs nothing."""
    accept = "image/png" if rule == "P11" else "image/tiff"
    answer = asked.process(changed(where, what), accept)
    error = json.loads(answer.body)["error"]

    assert (answer.status, error["status"]) == (status, status)
    assert words in error["message"]
    assert error["code"]
    assert asked.hub.meter.spent_pu == 0


RADAR_SCRIPTS = [
    ("localIncidenceAngle", {}, "needs orthorectify"),
    ("shadowMask", {"orthorectify": True}, "need GAMMA0_TERRAIN"),
]


@pytest.mark.parametrize(("band", "processing", "words"), RADAR_SCRIPTS)
def test_radar_layers_need_their_processing(asked, changed, band, processing, words):
    """P12: layers that only terrain processing makes are refused without it."""
    whole = changed("input.data.0", {**RADAR, "processing": processing})
    whole["evalscript"] = script(f"['{band}']")
    answer = asked.process(whole)

    assert answer.status == 400
    assert words in json.loads(answer.body)["error"]["message"]


def test_radar_has_no_tile_mosaicking(asked, changed):
    """P13: Sentinel-1 mosaics by SIMPLE and ORBIT only."""
    whole = changed("input.data.0", RADAR)
    whole["evalscript"] = script("['VV']", mosaicking="TILE")

    assert asked.process(whole).status == 400


def test_size_from_resolution_is_rounded_to_nearest(asked, changed, pixels):
    """P3: 1604.67 m by 1528.64 m at 10 m is 160 by 153 pixels, as recorded."""
    whole = changed("output", {"resx": 10, "resy": 10})
    whole["input"]["bounds"]["bbox"] = [632320, 4695680, 632320 + 1604.67, 4695680 + 1528.64]

    assert pixels(asked.process(whole)).shape == (2, 153, 160)


def test_accept_overrides_the_format(asked, body):
    """P10: an `Accept` of PNG answers PNG although the body says TIFF."""
    answer = asked.process({**body, "evalscript": script("['B04']")}, "image/png")

    assert (answer.status, answer.content_type) == (200, "image/png")
    assert answer.body.startswith(b"\x89PNG")


def test_no_scene_is_zeros_not_an_error(asked, changed, pixels):
    """P15: a period without scenes gives 200 and nothing but zeros, and is charged."""
    period = {"from": "2019-01-01T00:00:00Z", "to": "2019-01-02T00:00:00Z"}
    answer = asked.process(changed("input.data.0.dataFilter.timeRange", period))

    assert answer.status == 200
    assert not pixels(answer).any()
    assert asked.hub.meter.spent_pu > 0


def test_string_booleans_are_taken(asked, changed):
    """P16: the service's own examples send `"true"` for booleans."""
    for value in ("true", "false", True, False):
        processing = {"harmonizeValues": value}
        assert asked.process(changed("input.data.0.processing", processing)).status == 200


SEARCHES: list[tuple[str, dict[str, Any], str]] = [
    ("C1", {"collections": ["sentinel-2-l2a", "sentinel-1-grd"]}, "collections"),
    ("C1", {"collections": ["nobody-has-this"]}, "Illegal collection: nobody-has-this"),
    (
        "C2",
        {"bbox": [1, 2, 3, 4], "intersects": {"type": "Point", "coordinates": [1, 2]}},
        "",
    ),
    ("C3", {"limit": 101}, "limit"),
    ("C3", {"limit": 0}, "limit"),
    ("C4", {"next": "page2"}, "next"),
    ("C5", {"datetime": "2024-02-01T00:00:00Z/2024-01-01T00:00:00Z"}, "parse parameter `datetime`"),
    ("C6", {"filter": "gsd < 20"}, "Querying is not supported on property 'gsd'"),
    ("C6", {"filter": "eo:cloud_cover < 5 OR eo:cloud_cover > 9"}, "parse parameter `filter`"),
    (
        "C6",
        {
            "filter": {"op": "or", "args": [{"op": "<", "args": [{"property": "x"}, 1]}] * 2},
            "filter_lang": "cql2-json",
        },
        "filter",
    ),
    ("C7", {"distinct": "gsd"}, "Querying is not supported on property 'gsd'"),
    ("C8", {"fields": {"include": "id"}}, "fields"),
    ("C9", {"query": {"eo:cloud_cover": {"lt": 5}}}, "query"),
]


@pytest.mark.parametrize(("search", "words"), [case[1:] for case in SEARCHES])
def test_each_catalog_rule_is_refused(asked, search, words):
    """A search that breaks one rule gets the catalog's own error: code and description."""
    answer = asked.searched(**search)
    error = json.loads(answer.body)

    assert answer.status == 400
    assert {"code", "description"} == set(error)
    assert words in error["description"]


@needs_shared
def test_every_rule_collected_has_a_test():
    """Each rule of the collected constraints is named in this file."""
    said = json.loads((SCHEMA / "constraints.json").read_text())
    rules = {r["id"] for r in (*said["process_rules"], *said["catalog_rules"])}
    text = Path(__file__).read_text()

    assert {rule for rule in rules if not re.search(rf"\b{rule}\b", text)} == set()


@needs_shared
@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ("process-request", "process-request.schema.json"),
        ("catalog-search-request", "catalog-search-request.schema.json"),
    ],
)
def test_our_transcription_decides_as_the_collected_schema(mine, theirs):
    """On right bodies and on thousands of damaged ones, both schemas say the same."""
    validator = jsonschema.Draft202012Validator(json.loads((SCHEMA / theirs).read_text()))
    seeds = [
        entry["body"]
        for name, entry in wire_examples().items()
        if isinstance(entry.get("body"), dict) and name.startswith(mine.split("-")[0])
    ]
    bodies = [*seeds, *[damaged for seed in seeds for damaged in damages(seed)][::3]]
    ours = rules.validator(mine)
    verdicts = [(validator.is_valid(b), ours.is_valid(b), json.dumps(b)) for b in bodies]

    assert [v for v in verdicts if v[0] != v[1]] == []
    assert sum(theirs for theirs, _, _ in verdicts) > 20
    assert sum(not theirs for theirs, _, _ in verdicts) > 100


def wire_examples() -> Any:
    examples = json.loads((SCHEMA / "examples" / "sentinelhub-py-3.12.0-wire.json").read_text())
    radar = copy.deepcopy(examples["process-tiff"])
    radar["body"]["input"]["data"] = [
        {
            "type": "sentinel-1-grd",
            "dataFilter": {"acquisitionMode": "IW", "orbitDirection": "ASCENDING"},
            "processing": {
                "backCoeff": "GAMMA0_TERRAIN",
                "orthorectify": "true",
                "speckleFilter": {"type": "LEE", "windowSizeX": 3, "windowSizeY": 3},
            },
        }
    ]
    nested = copy.deepcopy(examples["catalog-json"])
    del nested["body"]["bbox"]
    nested["body"]["intersects"] = {
        "type": "GeometryCollection",
        "geometries": [{"type": "LineString", "coordinates": [[127, 37], [128, 38]]}],
    }
    return {**examples, "process-radar": radar, "catalog-nested": nested}


REPLACEMENTS = [None, True, -1, 0, 2, 2501, 0.5, "", "x", "sentinel-2-l1c", [], {}, [1.5]]


def damages(node: Any) -> list[Any]:
    """Copies of a document with one key left out, one added, or one value replaced."""
    copies: list[Any] = []
    if isinstance(node, dict):
        copies.append({**node, "surplus": 1})
        for key, value in node.items():
            copies.append({k: v for k, v in node.items() if k != key})
            copies += [{**node, key: other} for other in REPLACEMENTS]
            copies += [{**node, key: other} for other in damages(value)]
    elif isinstance(node, list):
        copies += [node[:-1], [*node, *node[-1:]]]
        for at, value in enumerate(node):
            copies += [[*node[:at], other, *node[at + 1 :]] for other in REPLACEMENTS]
            copies += [[*node[:at], other, *node[at + 1 :]] for other in damages(value)]
    return copies
