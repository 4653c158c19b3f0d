"""The network's answer must not depend on which way a siding was drawn."""

import numpy as np
import pytest

from railwatch.detector import segmented_evidence as evidence

CELLS = 240


@pytest.fixture
def strip():
    """Grain with a bright roof of 12 m on the axis and a dark stretch to its right."""
    rng = np.random.default_rng(5)
    made = rng.normal(0, 0.4, (3, len(evidence.OFFSETS_M), CELLS)).astype(np.float32)
    made[0, np.abs(evidence.OFFSETS_M) < 1.5, 80:128] += 3.0
    made[0, (evidence.OFFSETS_M < -1.5) & (evidence.OFFSETS_M > -4.5), 80:128] -= 2.0
    return made


def slant(along, left, lean=(0.1, -0.2)):
    """The same light everywhere."""
    tiled = [np.tile(np.float32(v), (CELLS, 1)) for v in ((along, left), lean)]
    return evidence.Slant(*tiled)


def test_a_siding_drawn_from_its_other_end_looks_the_same(strip):
    """Turned about: begin is end and left is right, the light's too."""
    as_drawn = evidence.evaluate(strip, 0.5, slant(0.3, -1.2))
    turned = evidence.evaluate(strip[:, ::-1, ::-1], 0.5, slant(-0.3, 1.2, (-0.1, 0.2)))

    np.testing.assert_allclose(turned.cover[:, ::-1], as_drawn.cover, atol=1e-4)
    np.testing.assert_allclose(turned.axis[:-1][::-1, ::-1], as_drawn.axis[:-1], atol=1e-4)


def test_without_a_sun_both_ways_along_count_alike(strip):
    """Read from its other end a strip gives the same answer, cell by cell."""
    as_drawn = evidence.evaluate(strip, 0.5)
    turned = evidence.evaluate(strip[:, :, ::-1], 0.5)

    np.testing.assert_allclose(turned.cover[:, ::-1], as_drawn.cover, atol=1e-4)


def test_outer_offsets_are_averaged_in_pairs():
    """Rows 12 m out are a metre wide, those from 3 m out half a metre, those within a quarter."""
    offsets = np.tile(evidence.OFFSETS_M[None, :, None].astype(np.float32), (1, 1, 2))

    rows = evidence.thin(offsets)[0, :, 0]

    assert len(rows) == 49
    assert rows[:7] == pytest.approx([-11.5, -10.5, -9.5, -8.5, -7.5, -6.5, -5.875])
    assert rows[18:31] == pytest.approx(np.arange(-1.5, 1.51, 0.25))
