"""Showing progress."""

import io

from rich.console import Console
from rich.progress import Progress

from flows.display import Bars, Lines, shown
from tasks.progress import listener, stage


def test_lines_say_beginning_and_end(capsys):
    """Off a terminal a stage of a second leaves two lines, on stderr."""
    with shown(), stage("ingest", "yard", 5) as opened:
        opened.advance(2)
        opened.advance(3)

    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["ingest: 5 scenes", "ingest: 5 of 5 scenes done"]


def test_lines_come_now_and_then_in_long_stages(capsys, monkeypatch):
    """After five seconds of silence the next step is said."""
    now = [100.0]
    monkeypatch.setattr("flows.display.time.monotonic", lambda: now[0])
    lines = Lines()
    lines.begin("ingest", 9, "scenes")
    for done in range(1, 10):
        now[0] += 2.0
        lines.advance("ingest", done)

    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()[1:]] == ["3", "6", "9"]


def test_bars_follow_the_stage():
    """One bar a stage, at what was done."""
    with Progress(console=Console(file=io.StringIO())) as progress:
        token = listener.set(Bars(progress))
        with stage("ingest", "yard", 5) as opened:
            opened.advance(4)
        listener.reset(token)

    assert [(bar.completed, bar.total) for bar in progress.tasks] == [(4, 5)]
