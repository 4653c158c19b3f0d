"""The made-up yards that class A learns from: what is drawn is what is labelled."""

import dataclasses

import numpy as np
import pytest

from benchmarks.class_a import camera, lessons, light, stage

FINE_M = 0.25


def box(**columns):
    """A solid from 40 to 50 m, 3 m wide about the middle, 4 m high."""
    made = np.zeros(15)
    made[[stage.BEGIN, stage.END, stage.HALF, stage.HEIGHT]] = 40.0, 50.0, 1.5, 4.0
    for name, value in columns.items():
        made[getattr(stage, name)] = value
    return made


def seen(solids, sun=(0.0, 0.0), lean=(0.0, 0.0)):
    """Row d = 0 and column s = 45 m of white ground with black boxes, shadows at a half."""
    ground = np.ones((1, round(2 * stage.HALF_M / FINE_M), round(stage.LENGTH_M / FINE_M)))
    colours = np.zeros((len(solids), stage.COLOURS, 1))
    image = light.see(
        ground.astype(np.float32),
        FINE_M,
        stage.HALF_M,
        np.array(solids),
        colours,
        sun,
        lean,
        np.array([0.5]),
    )[0]
    return image[round(stage.HALF_M / FINE_M)], image[:, round(45.0 / FINE_M)]


def test_a_shadow_is_as_long_as_the_sun_makes_it():
    """4 m high under a sun at 45 degrees across the track: shadow 4 m wide, away from the sun."""
    _, across = seen([box()], sun=(0.0, 1.0))

    assert (across == 0.0).sum() * FINE_M == pytest.approx(3.0, abs=FINE_M)
    assert (across == 0.5).sum() * FINE_M == pytest.approx(4.0, abs=FINE_M)
    assert np.flatnonzero(across == 0.5).max() < np.flatnonzero(across == 0.0).min()


def test_a_top_leans_by_its_height():
    """Seen from the side a top 4 m up moves 2 m at a lean of a half; its wall shows behind."""
    along, _ = seen([box()], lean=(0.5, 0.0))

    dark = np.flatnonzero(along < 0.4) * FINE_M
    assert dark.min() == pytest.approx(40.0, abs=2 * FINE_M)
    assert dark.max() == pytest.approx(52.0, abs=2 * FINE_M)


def test_a_taller_neighbour_throws_shadow_on_a_top():
    """A flat car 1 m high lies wholly in the shadow of a wall 9 m high, 4 m towards the sun."""
    low = box(HEIGHT=1.0)
    wall = box(MIDDLE=4.0, HALF=0.5, HEIGHT=9.0)
    ground = np.ones((1, round(2 * stage.HALF_M / FINE_M), round(stage.LENGTH_M / FINE_M)))
    image = light.see(
        ground.astype(np.float32),
        FINE_M,
        stage.HALF_M,
        np.array([low, wall]),
        np.ones((2, stage.COLOURS, 1)),
        (0.0, 1.0),
        (0.0, 0.0),
        np.array([0.3]),
    )[0]

    rows = ((np.array([-1.0, 0.0, 1.0]) + stage.HALF_M) / FINE_M).astype(int)
    assert image[rows, round(45.0 / FINE_M)] == pytest.approx([0.3, 0.3, 0.3])


def test_labels_tell_couplings_from_empty_track():
    """Two cars 1 m apart have a gap between them; 5 m of track between two others is empty."""
    s = np.arange(0.125, 60.0, 0.25)
    sun = light.Light((0.0, 0.0), (0.0, 0.0), np.ones(4))
    cars = [(5.0, 15.0, 4.0), (16.0, 26.0, 4.0), (31.0, 41.0, 4.0)]

    state = lessons._states(cars, sun, s)

    kinds = [lessons.EMPTY, lessons.ROOF, lessons.GAP, lessons.ROOF, lessons.EMPTY, lessons.ROOF]
    assert state[[8, 40, 62, 80, 112, 150]].tolist() == kinds


def test_a_path_beside_the_track_is_taught_as_none():
    """3 m off the only track there is no track; 0.5 m off it is the track; between, nothing."""
    line = stage.Line(0.0, -1.0, stage.LENGTH_M + 1.0)
    made = dataclasses.replace(
        stage.draw_stage(np.random.default_rng(1), 0.5), lines=(line,), cars=((),)
    )
    s = np.arange(0.125, 100.0, 0.25)
    sun = light.Light((0.0, 0.0), (0.0, 0.0), np.ones(4))

    got = [
        lessons._labelled(made, sun, np.full(len(s), off), s, follows=False)[0]
        for off in (0.5, 1.4, 3.0)
    ]

    assert [set(label.tolist()) for label in got] == [{lessons.EMPTY}, {-1}, {lessons.NONE}]


def test_pixels_lie_where_the_picture_says():
    """A bright square about (60, 3) m is brightest at the pixel its coordinates give."""
    radiance = np.full((4, round(2 * stage.HALF_M / FINE_M), round(stage.LENGTH_M / FINE_M)), 0.1)
    rows = slice(round((stage.HALF_M + 2) / FINE_M), round((stage.HALF_M + 4) / FINE_M))
    radiance[:, rows, round(59 / FINE_M) : round(61 / FINE_M)] = 0.8

    picture = camera.photograph(np.random.default_rng(3), radiance.astype(np.float32), FINE_M, 0.5)

    row, col = picture.pixel(60.0, 3.0)
    brightest = np.argwhere(picture.values[0] > 0.7 * picture.values[0].max()).mean(axis=0)
    assert brightest == pytest.approx([row, col], abs=1.5)
