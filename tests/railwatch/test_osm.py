"""Reading railway ways: four formats say the same, and broken extracts are refused."""

import json
import os
from pathlib import Path

import pytest

from railwatch.errors import AreaError
from railwatch.osm import RailWay, read_rail_ways

SHARED = Path(os.environ.get("RAILWATCH_SHARED", Path(__file__).parents[3] / "shared"))
RAIL = {"railway": "rail", "service": "yard"}
PLACES = {1: (6.68, 51.21), 2: (6.681, 51.21), 3: (6.682, 51.211)}

XML = """<?xml version="1.0"?><osm version="0.6">
<node id="1" lon="6.68" lat="51.21" version="1"/><node id="2" lon="6.681" lat="51.21" version="1"/>
<node id="3" lon="6.682" lat="51.211" version="1"/>
<way id="7" version="1"><nd ref="1"/><nd ref="2"/><nd ref="3"/>
<tag k="railway" v="rail"/><tag k="service" v="yard"/></way>
<way id="8" version="1"><nd ref="1"/><nd ref="3"/><tag k="highway" v="path"/></way></osm>"""


def overpass(geometry: bool) -> dict[str, object]:
    way = {"type": "way", "id": 7, "nodes": [1, 2, 3], "tags": RAIL}
    if geometry:
        return {
            "elements": [
                {**way, "geometry": [{"lon": lon, "lat": lat} for lon, lat in PLACES.values()]}
            ]
        }
    nodes = [{"type": "node", "id": n, "lon": p[0], "lat": p[1]} for n, p in PLACES.items()]
    return {"elements": [*nodes, way, {"type": "way", "id": 9, "nodes": [1, 2], "tags": {}}]}


def geojson(way_id: object = 7, **properties: object) -> dict[str, object]:
    geometry = {"type": "LineString", "coordinates": list(PLACES.values())}
    feature = {
        "type": "Feature",
        "id": way_id,
        "properties": {**RAIL, **properties},
        "geometry": geometry,
    }
    return {"type": "FeatureCollection", "features": [feature]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.osm", XML),
        ("a.json", json.dumps(overpass(geometry=True))),
        ("b.json", json.dumps(overpass(geometry=False))),
    ],
)
def test_formats_with_node_ids_agree(tmp_path, name, text):
    """XML and both styles of Overpass JSON give the way with its tags and node ids."""
    (tmp_path / name).write_text(text)

    assert read_rail_ways(tmp_path / name) == [RailWay(7, RAIL, (1, 2, 3), tuple(PLACES.values()))]


@pytest.mark.parametrize(
    "document", [geojson(), geojson("way/7"), geojson(None, **{"@id": "way/7"})]
)
def test_geojson_nodes_are_known_by_position(tmp_path, document):
    """GeoJSON has no node ids; ids of ways come in the usual spellings."""
    (tmp_path / "a.geojson").write_text(json.dumps(document))

    (way,) = read_rail_ways(tmp_path / "a.geojson")

    assert way.id == 7
    assert way.nodes == way.coordinates == tuple(PLACES.values())


def test_a_way_is_cut_where_the_extract_lacks_a_node(tmp_path):
    """Clipped extracts lack nodes; what is left on both sides are two parts of one way."""
    document = overpass(geometry=False)
    document["elements"] = [
        *(e for e in document["elements"] if e["id"] != 9),
        {"type": "way", "id": 5, "nodes": [1, 2, 99, 2, 3], "tags": RAIL},
    ]
    (tmp_path / "a.json").write_text(json.dumps(document))

    ways = read_rail_ways(tmp_path / "a.json")

    assert [(way.id, way.nodes) for way in ways] == [(5, (1, 2)), (5, (2, 3)), (7, (1, 2, 3))]


BROKEN = {
    "no railway": ("a.osm", XML.replace("railway", "waterway"), "no way tagged railway"),
    "not XML": ("a.osm", "<osm><way", "not readable as OpenStreetMap"),
    "not protobuf": ("a.osm.pbf", "\0\0\0\x0dnothing", "not readable as OpenStreetMap"),
    "entities": (
        "a.osm",
        '<!DOCTYPE x [<!ENTITY a "b">]><osm version="0.6">&a;</osm>',
        "not readable as OpenStreetMap",
    ),
    "neither": ("a.json", '{"a": 1}', "neither Overpass JSON"),
    "not JSON": ("a.json", "nothing", "not JSON"),
}


@pytest.mark.parametrize(("name", "text", "says"), BROKEN.values(), ids=BROKEN)
def test_refuses_broken_extracts(tmp_path, name, text, says):
    """An extract that holds no railway, or is no extract, is refused by name."""
    (tmp_path / name).write_text(text)

    with pytest.raises(AreaError, match=says) as caught:
        read_rail_ways(tmp_path / name)

    assert caught.value.file == str(tmp_path / name)


def test_refuses_a_missing_extract(tmp_path):
    """A name that is no file is refused before any reader opens it."""
    with pytest.raises(AreaError, match="is not a file"):
        read_rail_ways(tmp_path / "gone.osm.pbf")


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data is not here")
def test_real_extract_reads_the_same_from_both_formats():
    """The yard of Neuss has the same `railway=rail` ways in .osm.pbf and in GeoJSON."""
    folder = SHARED / "data" / "osm"

    both = [
        {
            (way.id, way.coordinates)
            for way in read_rail_ways(folder / name)
            if way.tags["railway"] == "rail"
        }
        for name in ("neuss-s11.osm.pbf", "neuss_rail.geojson")
    ]

    assert both[0] == both[1]
    assert sum(1 for _ in both[0]) == 435
