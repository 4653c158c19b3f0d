"""Scenery: rendered scenes of rail yards with exact truth, as an archive would deliver them.

`draw_place` makes (or `Place.around` takes) a yard with its surroundings, `draw_traffic` lets
trains come and go on it, `render` photographs it with a `Sensor` under drawn weather and writes
STAC Items with GeoTIFFs, and a truth file beside the archive, never inside. Everything random is
drawn from wide distributions with a seed; nothing is an observation, and every item says so.
"""

from railwatch.testing.scenery.place import Place, PlaceDraw, draw_place
from railwatch.testing.scenery.render import Outputs, render
from railwatch.testing.scenery.sensor import (
    DOVE,
    SENTINEL1,
    SENTINEL2,
    VHR_030,
    VHR_050,
    VHR_100,
    VHR_RGB,
    Sensor,
)
from railwatch.testing.scenery.traffic import Stay, Traffic, TrafficDraw, draw_traffic
from railwatch.testing.scenery.truth import SceneTruth, Truth, TruthCar, read_truth
from railwatch.testing.scenery.weather import Climate, Conditions, draw_conditions, sun_at

__all__ = [
    "DOVE",
    "SENTINEL1",
    "SENTINEL2",
    "VHR_030",
    "VHR_050",
    "VHR_100",
    "VHR_RGB",
    "Climate",
    "Conditions",
    "Outputs",
    "Place",
    "PlaceDraw",
    "SceneTruth",
    "Sensor",
    "Stay",
    "Traffic",
    "TrafficDraw",
    "Truth",
    "TruthCar",
    "draw_conditions",
    "draw_place",
    "draw_traffic",
    "read_truth",
    "render",
    "sun_at",
]
