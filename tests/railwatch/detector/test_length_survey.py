"""Counting scene by scene, from stored state, says what counting all at once says."""

import pickle
import random

import pytest

from railwatch.detector import length, length_survey
from railwatch.detector.leg import Legs
from railwatch.detector.lookout import Lookout
from railwatch.store import Store
from railwatch.testing.small_yard import SmallYard

DAYS = 48
"""39 usable scenes: checkpoints after 24 and 36. The 24th usable is of day 28."""


@pytest.fixture(autouse=True)
def few_trials(monkeypatch):
    """Learn from few injected trains: how well is not judged here, and minutes are saved."""
    monkeypatch.setitem(length.LengthCounter.__init__.__kwdefaults__, "trials", 6)


@pytest.fixture
def spent(monkeypatch):
    """Count scenes looked at, checkpoints learnt and scenes counted."""
    tally = {"looked": 0, "learnt": 0, "counted": 0}
    observe, learn, count = Lookout.observe, length.LengthCounter.learn, Legs.count

    def observing(self, scenes):
        tally["looked"] += len(scenes)
        return observe(self, scenes)

    def learning(self, mark):
        tally["learnt"] += 1
        return learn(self, mark)

    def counting(self, leg):
        tally["counted"] += len(leg.wanted)
        return count(self, leg)

    monkeypatch.setattr(Lookout, "observe", observing)
    monkeypatch.setattr(length.LengthCounter, "learn", learning)
    monkeypatch.setattr(Legs, "count", counting)
    return tally


def yard(folder, name):
    """Make an empty yard."""
    return SmallYard(Store.open(str(folder / name)))


def states(folder):
    """All files of state, by name."""
    top = folder / "records/small/state"
    return {str(p.relative_to(top)): p for p in sorted(top.rglob("*")) if p.is_file()}


def test_scenes_one_by_one_say_what_all_at_once_says(tmp_path, spent):
    """A backfill, and a watch that sees scenes singly; then each new scene costs itself alone."""
    backfill, watch = yard(tmp_path, "backfill"), yard(tmp_path, "watch")
    backfill.arrive(*range(DAYS))
    watch.arrive(*range(26))
    for day in range(26, DAYS - 1):
        watch.arrive(day)
    spent.update(looked=0, learnt=0, counted=0)
    assert watch.arrive(DAYS - 1) == 1

    assert spent == {"looked": 1, "learnt": 0, "counted": 2}  # two blocks
    assert watch.found() == backfill.found()


def test_scenes_in_any_order_say_the_same(tmp_path, spent):
    """Late scenes, of the burn-in too, are inserted where they belong and later ones recounted."""
    backfill, shuffled = yard(tmp_path, "backfill"), yard(tmp_path, "shuffled")
    backfill.arrive(*range(DAYS))
    late = [2, 21, 40]
    shuffled.arrive(*(day for day in range(DAYS) if day not in late))
    spent.update(looked=0, learnt=0, counted=0)
    recounted = shuffled.arrive(40)
    # The second checkpoint now rests on this scene, too: learnt anew for both blocks.
    assert (recounted, spent["looked"], spent["learnt"]) == (DAYS - 40, 1, 2)
    shuffled.arrive(21)
    shuffled.arrive(2)

    assert shuffled.found() == backfill.found()


def test_state_is_a_cache(tmp_path, spent, caplog):
    """Deleted, or damaged in any file, it is made again with equal bytes, and counts are equal."""
    first, second = yard(tmp_path, "first"), yard(tmp_path, "second")
    first.arrive(*range(40))
    second.arrive(*range(40))
    before = {name: path.read_bytes() for name, path in states(tmp_path / "second").items()}
    assert len(before) == 1 + 2  # bearings, and one checkpoint of two blocks
    dice = random.Random(3)
    for path in states(tmp_path / "second").values():
        data = bytearray(path.read_bytes())
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        path.write_bytes(data)
    first.arrive(40)
    second.arrive(40)
    spent.update(learnt=0)
    for path in states(tmp_path / "second").values():
        path.unlink()
    first.arrive(41)
    second.arrive(41)

    assert "is damaged and made again" in caplog.text
    assert spent["learnt"] == 2
    assert {n: p.read_bytes() for n, p in states(tmp_path / "second").items()} == before
    assert second.found() == first.found()


def test_memory_is_bounded_by_stretches(tmp_path, monkeypatch):
    """Cut into stretches of a few scenes, a backfill says the same."""
    whole, cut = yard(tmp_path, "whole"), yard(tmp_path, "cut")
    whole.arrive(*range(DAYS))
    monkeypatch.setattr(length_survey, "STRETCH_BYTES", 1)
    monkeypatch.setattr(length_survey, "SCENES_AT_ONCE", 5)
    cut.arrive(*range(DAYS))

    assert cut.found() == whole.found()


class _Posted:
    """Hands work out as another process would get it: function, unit and result are pickled."""

    def __init__(self):
        self.largest = {"function": 0, "unit": 0, "result": 0}

    def _sent(self, what, value):
        data = pickle.dumps(value)
        self.largest[what] = max(self.largest[what], len(data))
        return pickle.loads(data)

    def __call__(self, function, units):
        there = self._sent("function", function)
        for unit in units:
            result = there(self._sent("unit", unit))
            yield unit, self._sent("result", result)


def test_no_strips_go_through_the_scheduler(tmp_path, monkeypatch):
    """Units are names; workers elsewhere put strips beside the record, which is tidy afterwards."""
    monkeypatch.setattr(length_survey, "STRETCH_BYTES", 1)
    here, elsewhere = yard(tmp_path, "here"), yard(tmp_path, "elsewhere")
    here.arrive(*range(40))
    here.arrive(40, 41, 42)
    post = _Posted()
    elsewhere.arrive(*range(40), each=post)
    elsewhere.arrive(40, 41, 42, each=post)

    assert elsewhere.found() == here.found()
    # A leg that learns names 24 scenes of 60 KB of strips each; scenes' metadata stay.
    assert post.largest["unit"] < 32_000
    assert post.largest["function"] < 32_000
    assert post.largest["result"] < 64_000
    left = [name for name in states(tmp_path / "elsewhere") if name.startswith("strips")]
    assert left == []
