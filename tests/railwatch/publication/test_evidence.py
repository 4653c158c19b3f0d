"""Evidence shows what a count rests on."""

import re
from dataclasses import replace

import numpy as np

from railwatch.detection import Detection, Occupancy, Strip
from railwatch.publication.evidence import names, strips
from railwatch.testing.five_years import FiveYears, place


def test_the_curve_of_a_group_is_drawn_however_its_members_are_ordered():
    """A strip names a group's tracks across the ground, its occupancy in order of their ids."""
    metres = np.arange(0.0, 50.0, 5.0, dtype=np.float32)
    offset = np.array([-5.0, 0.0, 5.0], dtype=np.float32)
    strip = Strip(
        siding_id="yard-2+yard-1",
        bands=("red",),
        chainage_m=metres,
        offset_m=offset,
        values=np.full((1, 3, 10), 0.2, dtype=np.float32),
    )
    share = np.full(10, 0.5, dtype=np.float32)
    occupancy = Occupancy(siding_id="yard-1+yard-2", chainage_m=metres, probability=share)
    drawn = strips(Detection("scene", (), occupancy=(occupancy,), strips=(strip,))).decode()

    (curve,) = re.findall(r'<path d="([^"]+)" transform', drawn)
    assert curve.count("0.500") == 10


def test_pictures_are_named_anew_where_what_they_rest_on_changed():
    """A late scene in a burn-in changes the inputs of others: what was detected, not their chip."""
    before = FiveYears(place(), 20).content()
    counted = next(c.scene_id for c in before.facility if c.occupied_m is not None)
    listed = [
        replace(row, inputs="another past") if row.item_id == counted else row
        for row in before.listed
    ]
    old, new = names(before), names(replace(before, listed=tuple(listed)))

    assert old[counted].overlay is not None
    assert new[counted].chip == old[counted].chip
    assert new[counted].overlay != old[counted].overlay
    assert new[counted].strips != old[counted].strips
    assert {k: v for k, v in new.items() if k != counted} == {
        k: v for k, v in old.items() if k != counted
    }
