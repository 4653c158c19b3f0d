"""`railwatch reference`: adding and listing by the command line."""

import json

import pytest

from railwatch.cli import main


@pytest.fixture
def add(tmp_path):
    def run(**changed: str) -> int:
        options = {"date": "2023-10-05", "count": "73", "who": "B", "source": "image 7"} | changed
        flags = [text for name, value in options.items() for text in (f"--{name}", value)]
        return main(["reference", "add", "tumangang", "--store", str(tmp_path), *flags])

    return run


def test_added_reference_is_listed(add, tmp_path, capsys):
    """What was added comes back as one JSON object a line, the correction and not the slip."""
    assert add() == 0
    assert add(count="71") == 0
    capsys.readouterr()
    assert main(["reference", "list", "tumangang", "--store", str(tmp_path)]) == 0
    (line,) = capsys.readouterr().out.splitlines()

    assert json.loads(line)["cars"] == 71


def test_wrong_field_is_named_and_nothing_is_kept(add, tmp_path, capsys):
    """A negative count exits 1 with one line that names the field."""
    assert add(count="-3") == 1
    assert capsys.readouterr().err.startswith("railwatch: reference: count: -3")
    assert list(tmp_path.iterdir()) == []


def test_malformed_date_is_wrong_usage(add):
    """A date that is none exits 2."""
    assert add(date="5 October") == 2
