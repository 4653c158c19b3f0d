"""Waiting: what the service says is obeyed within reason, and everybody waits together."""

import datetime as dt
import time

import pytest

from railwatch.errors import SceneError, TransientError
from railwatch.sources.sentinel_hub import Pace, Patience
from railwatch.sources.sentinel_hub.patience import asked_wait_s, persist

NOW = dt.datetime(2024, 1, 3, 12, 0, 0, tzinfo=dt.UTC)
SHORT = Patience(attempts=3, total_s=5, backoff_s=0.001, wait_floor_s=0.001, wait_cap_s=0.02)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3398", 3.398),  # the documentation's example, milliseconds
        (" 0 ", 0.0),
        ("Wed, 03 Jan 2024 12:00:30 GMT", 30.0),
        ("Wed, 03 Jan 2024 11:00:00 GMT", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("1e3", None),
        ("99999999999999999999", 1e6),
    ],
)
def test_retry_after_in_every_form(header, seconds):
    """Milliseconds, a date, or nothing usable."""
    assert asked_wait_s(header, NOW) == seconds


def test_refusals_are_no_failures_but_waits_double():
    """More 429 than attempts are sat out; each waits longer than the last, up to the cap."""
    pauses, answers = [], iter([TransientError("429", retry_after_s=0.0)] * 6)

    def attempt():
        for refusal in answers:
            raise refusal
        return "through"

    def sleep(seconds):
        pauses.append(seconds)
        time.sleep(seconds)

    assert persist(SHORT, Pace(), "s", attempt, sleep=sleep) == "through"
    assert len(pauses) >= 6
    assert pauses[-1] > pauses[0]
    assert max(pauses) <= 0.02 * 1.1


def test_failures_end_after_the_attempts():
    """The last cause is in the message, after the scene's name."""
    calls = []

    def attempt():
        calls.append(1)
        raise TransientError("cut short")

    with pytest.raises(TransientError, match="scene-9: gave up after 3 tries: cut short"):
        persist(SHORT, Pace(), "scene-9", attempt)
    assert len(calls) == 3


def test_refusals_for_ever_end_with_the_total():
    """A service that says 429 for ever does not hang a run."""
    started = time.monotonic()

    def attempt():
        raise TransientError("429", retry_after_s=0.0)

    with pytest.raises(TransientError, match=r"gave up after 0\.3 s"):
        persist(
            Patience(total_s=0.3, backoff_s=0.01, wait_floor_s=0.01, wait_cap_s=0.05),
            Pace(),
            "s",
            attempt,
        )
    assert time.monotonic() - started < 2


def test_what_cannot_succeed_is_tried_once():
    """A scene the service cannot render is not asked for again."""
    calls = []

    def attempt():
        calls.append(1)
        raise SceneError("s", "asset_unreadable", "gone")

    with pytest.raises(SceneError):
        persist(SHORT, Pace(), "s", attempt)
    assert len(calls) == 1


def test_one_hold_holds_every_process(tmp_path):
    """A second pace on the same file waits although it never saw the refusal."""
    file = tmp_path / "pace"
    Pace(file).hold(30)
    other = Pace(file)

    # The file holds seconds since 1970 as a float: a wait comes back within a millisecond.
    assert 29 < other.wait() < 30.001
    Pace(file).hold(1)
    assert 29 < other.wait() < 30.001
    file.write_text("not a number")
    assert other.wait() == 0


def test_who_asks_for_another_does_not_begin_anew():
    """A login that failed for good inside a request is not tried six times six times."""
    tries = []

    def login():
        tries.append(1)
        raise TransientError("503")

    def request():
        return persist(Patience(attempts=3), Pace(), "login", login, sleep=lambda _: None)

    with pytest.raises(TransientError, match="login: gave up after 3 tries"):
        persist(Patience(attempts=3), Pace(), "catalog", request, sleep=lambda _: None)
    assert len(tries) == 3
