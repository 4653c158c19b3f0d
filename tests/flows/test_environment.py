"""Environment variables for a while."""

import os

import pytest

from flows.environment import environment


def test_what_was_there_is_put_back(monkeypatch):
    """Also after a failure; what was not there is gone again."""
    monkeypatch.setenv("RAILWATCH_TEST_OLD", "before")
    monkeypatch.delenv("RAILWATCH_TEST_NEW", raising=False)

    def fail():
        with environment({"RAILWATCH_TEST_OLD": "during", "RAILWATCH_TEST_NEW": "during"}):
            assert os.environ["RAILWATCH_TEST_OLD"] == os.environ["RAILWATCH_TEST_NEW"] == "during"
            raise ValueError("in the body")

    with pytest.raises(ValueError, match="in the body"):
        fail()

    assert os.environ["RAILWATCH_TEST_OLD"] == "before"
    assert "RAILWATCH_TEST_NEW" not in os.environ
