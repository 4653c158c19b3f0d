"""A few blows of `make torture`, so that the suite itself and the promises are tried every day."""

import shutil

import pytest

from benchmarks.torture.kills import Arena, call_kills, random_kills
from benchmarks.torture.zygote import Zygote

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler to build the shim with"),
]


@pytest.fixture(scope="module")
def arena(tmp_path_factory):
    """A yard of six scenes and a process that forks workers."""
    folder = tmp_path_factory.mktemp("torture")
    with Zygote(folder / "zygote") as zygote:
        yield Arena.open(folder, zygote, 6)


def test_killed_at_random_nothing_is_lost_doubled_or_torn(arena):
    """kill -9 was seen to happen, and every figure is nought."""
    figures = list(random_kills(arena, 3, seed=1))
    assert [one.line for one in figures if not one.reached] == []
    assert "3 workers killed (SIGKILL seen)" in figures[0].injected


def test_killed_at_storage_calls_nothing_is_lost_doubled_or_torn(arena):
    """At three calls spread over a backfill."""
    figures = list(call_kills(arena, 3))
    assert [one.line for one in figures if not one.reached] == []


def test_a_figure_is_missed_when_the_blow_never_came(arena):
    """Nothing lost proves nothing if nobody was killed."""
    figures = list(arena.figures("kill", "0 killed", happened=False))
    assert [one.reached for one in figures] == [False, False, True, True]
