"""Telling how far a stage is."""

import pytest

from tasks.progress import listener, stage


class Heard:
    """Writes down what it is told."""

    def __init__(self):
        self.lines = []

    def begin(self, stage, total, unit):
        self.lines.append(("begin", stage, total, unit))

    def advance(self, stage, done):
        self.lines.append(("advance", stage, done))

    def end(self, stage):
        self.lines.append(("end", stage))


@pytest.fixture
def heard():
    """Listen while the test runs."""
    hearing = Heard()
    token = listener.set(hearing)
    yield hearing
    listener.reset(token)


def test_a_stage_says_its_total_its_steps_and_its_end(heard):
    """Units add up."""
    with stage("ingest", "tumangang", 5) as opened:
        opened.advance(2)
        opened.advance(3)

    assert heard.lines == [
        ("begin", "ingest", 5, "scenes"),
        ("advance", "ingest", 2),
        ("advance", "ingest", 5),
        ("end", "ingest"),
    ]


def test_a_stage_that_fails_is_closed(heard):
    """The listener can take its bar down."""
    with pytest.raises(RuntimeError), stage("ingest", "tumangang", 5):
        raise RuntimeError

    assert heard.lines[-1] == ("end", "ingest")
