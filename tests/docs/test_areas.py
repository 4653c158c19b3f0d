"""docs/areas.md says what the reader reads."""

import json
import re
from pathlib import Path

from railwatch.area import CAR_LENGTH_M, load_area
from railwatch.area_geojson import MAX_EXTENT_M, MAX_SIDINGS, MAX_VERTICES

TEXT = (Path(__file__).parents[2] / "docs" / "areas.md").read_text(encoding="utf-8")


def test_the_example_loads(tmp_path):
    """The YAML on the page is an area, and its car length is the default."""
    (block,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "a.yaml").write_text(block)
    line = {"type": "LineString", "coordinates": [[130.60, 42.42], [130.61, 42.42]]}
    feature = {"type": "Feature", "properties": {"id": "a"}, "geometry": line}
    document = {"type": "FeatureCollection", "features": [feature]}
    (tmp_path / "tumangang.sidings.geojson").write_text(json.dumps(document))

    area = load_area(tmp_path / "a.yaml")

    assert area.collections == ("sentinel-2-l2a",)
    assert area.car_length_m == CAR_LENGTH_M


def test_the_limits_are_the_code_s():
    """Figures on the page are those the reader keeps."""
    assert f"{MAX_SIDINGS:,} sidings" in TEXT
    assert f"{MAX_VERTICES:,} points" in TEXT
    assert f"{MAX_EXTENT_M / 1000:.0f} km across" in TEXT
