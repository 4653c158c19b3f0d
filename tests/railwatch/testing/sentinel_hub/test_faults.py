"""Faults come when they are due, and the same ones every time."""

import pytest

from railwatch.testing.sentinel_hub import Fault, Faults


def test_schedule_names_a_service_and_a_number():
    """Only the third request to Process is cut."""
    faults = Faults(schedule={("process", 3): Fault.RESET})
    drawn = [faults.draw("process", "k") for _ in range(4)]

    assert drawn == [None, None, Fault.RESET, None]
    assert faults.draw("catalog", "k") is None


def test_chance_depends_on_the_request_not_on_the_order():
    """Two runs that ask in other orders meet the same faults; a repeat draws anew."""
    keys = [f"k{i}" for i in range(200)]
    runs = []
    for order in (keys, keys[::-1]):
        faults = Faults(probability={Fault.SERVER_ERROR: 0.2, Fault.DRIP: 0.1}, seed=5)
        runs.append({key: [faults.draw("process", key) for _ in range(3)] for key in order})
    drawn = [fault for three in runs[0].values() for fault in three]

    assert runs[0] == runs[1]
    assert drawn.count(Fault.SERVER_ERROR) / len(drawn) == pytest.approx(0.2, abs=0.05)
    assert drawn.count(Fault.DRIP) / len(drawn) == pytest.approx(0.1, abs=0.04)
