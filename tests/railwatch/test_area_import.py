"""From map ways to sidings: joined over tag changes, cut at switches, named for good."""

import math

import pytest

from railwatch.area_import import area_id_of, clusters, import_sidings, in_box, length_m
from railwatch.osm import RailWay
from railwatch.siding import Siding, SidingKind

METRE = 1 / 111_320  # degrees of latitude; of longitude at the equator, where these tracks lie


def way(way_id: int, *points: tuple[float, float], **tags: str) -> RailWay:
    """Way through points in metres; a node is known by where it is."""
    places = tuple((x * METRE, y * METRE) for x, y in points)
    return RailWay(way_id, {"railway": "rail", **tags}, points, places)


def yard(way_id: int, *points: tuple[float, float], **tags: str) -> RailWay:
    return way(way_id, *points, service="yard", **tags)


def found(*ways: RailWay, with_main: bool = False) -> dict[str, int]:
    """Ids and lengths in whole metres."""
    sidings = import_sidings(ways, with_main=with_main).sidings
    return {siding.id: round(length_m(siding)) for siding in sidings}


def test_ways_broken_at_a_tag_change_are_one_siding():
    """Three ways end to end are one track with the id and direction of the lowest."""
    sidings = import_sidings(
        [
            yard(30, (0, 0), (100, 0)),
            yard(20, (200, 0), (100, 0), maxspeed="10"),
            way(40, (200, 0), (260, 0), service="siding"),
        ]
    ).sidings

    assert [siding.id for siding in sidings] == ["w20"]
    assert sidings[0].kind is SidingKind.YARD
    assert round(length_m(sidings[0])) == 260
    eastings = [round(lon / METRE) for lon, _ in sidings[0].coordinates]
    assert eastings == [260, 200, 100, 0]


def test_a_way_is_cut_at_its_switches():
    """A lead with two switches is three sidings, numbered along it; each leg is its own."""
    ways = [
        yard(5, (0, 0), (100, 0), (200, 0), (300, 0)),
        yard(6, (100, 0), (150, 20), (190, 20)),
        yard(7, (200, 0), (240, -20), (290, -20)),
    ]

    assert list(found(*ways)) == ["w5-1", "w5-2", "w5-3", "w6", "w7"]


def test_a_main_line_cuts_but_is_left_out_unless_asked():
    """A switch to the main line ends a siding; the main line comes along as kind main."""
    ways = [
        way(1, (-100, 0), (0, 0), (500, 0)),
        yard(2, (0, 0), (50, 5), (400, 5)),
    ]

    assert list(found(*ways)) == ["w2"]
    with_main = import_sidings(ways, with_main=True).sidings
    assert [(s.id, s.kind.value) for s in with_main] == [
        ("w1-1", "main"),
        ("w1-2", "main"),
        ("w2", "yard"),
    ]


def test_crossovers_and_lifted_track_are_no_sidings():
    """A crossover cuts the tracks it joins; disused and abandoned tracks do not."""
    ways = [
        yard(1, (0, 0), (100, 0), (300, 0)),
        way(2, (100, 0), (140, 5), service="crossover"),
        RailWay(
            3, {"railway": "disused", "service": "yard"}, ((300, 0), (400, 0)), ((0, 0), (1, 0))
        ),
    ]

    assert found(*ways) == {"w1-1": 100, "w1-2": 200}


def test_a_switchback_is_not_run_through():
    """Two legs that meet at an acute angle, their stem not on the map, stay two sidings."""
    ways = [yard(1, (0, 0), (100, 0)), yard(2, (100, 0), (0, 10))]

    assert list(found(*ways)) == ["w1", "w2"]


def test_short_tracks_are_left_out_and_counted():
    """Below 30 m a track is dropped, and how much is said."""
    imported = import_sidings([yard(1, (0, 0), (29, 0)), yard(2, (0, 50), (31, 50))])

    assert [siding.id for siding in imported.sidings] == ["w2"]
    assert imported.short == 1
    assert imported.short_m == pytest.approx(29, abs=0.1)


def test_tunnels_and_roofs_are_hidden_stretches():
    """The covered way's share of the joined track is hidden, at its own chainage."""
    ways = [
        yard(1, (0, 0), (100, 0)),
        yard(2, (100, 0), (150, 0), covered="yes"),
        yard(3, (150, 0), (300, 0), tunnel="no"),
    ]

    (siding,) = import_sidings(ways).sidings

    ((low, high),) = [(part.from_m, part.to_m) for part in siding.hidden]
    assert (low, high) == (pytest.approx(100, abs=0.2), pytest.approx(150, abs=0.2))


def test_ids_do_not_depend_on_the_order_of_ways():
    """Reading the ways in another order gives the same sidings."""
    ways = [
        yard(5, (0, 0), (100, 0), (200, 0)),
        yard(6, (100, 0), (150, 20), (190, 20)),
        yard(4, (200, 0), (280, 0)),
    ]

    assert import_sidings(ways) == import_sidings(ways[::-1])


def test_a_closed_loop_is_one_siding():
    """A balloon loop without a switch on the map does not run for ever."""
    circle = [
        (round(100 * math.cos(a)), round(100 * math.sin(a)))
        for a in (k * math.pi / 8 for k in range(16))
    ]
    loop = yard(1, *circle, circle[0])

    assert list(found(loop)) == ["w1"]


def siding(name: str, x: float, length: float) -> Siding:
    return Siding(name, ((x * METRE, 0.0), ((x + length) * METRE, 0.0)))


def test_yards_are_parted_by_300_metres():
    """Tracks 290 m apart are one yard, 310 m apart two; the longest comes first."""
    near = clusters([siding("a", 0, 100), siding("b", 390, 100)])
    far = clusters([siding("a", 0, 100), siding("b", 410, 200)])

    assert [[s.id for s in part] for part in near] == [["a", "b"]]
    assert [[s.id for s in part] for part in far] == [["b"], ["a"]]
    assert clusters([]) == []


def test_a_box_takes_whole_sidings_by_their_middle():
    """A siding belongs to the box that holds its middle, and is not cut."""
    some = [siding("a", 0, 100), siding("b", 60, 100)]
    box = (-1.0, -1.0, 80 * METRE, 1.0)

    assert in_box(some, box) == some[:1]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Túmen-gang  Yard (2)", "tumen-gang-yard-2"), ("neuss_rail", "neuss-rail"), ("두만강", "")],
)
def test_area_ids_are_made_of_names(name, expected):
    """Accents fall, other signs become hyphens; a name with nothing left gives nothing."""
    assert area_id_of(name) == expected
