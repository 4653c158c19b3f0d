"""The areas that flow runs know."""

import pytest

from flows.places import files_of, known
from railwatch.errors import AreaError, OperatorError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RAILWATCH_AREAS", str(tmp_path))
    for name in ("yard", "port"):
        (tmp_path / f"{name}-file.yaml").write_text(f"id: {name}\n")
    return tmp_path


def test_ids_come_from_the_files_not_from_their_names(folder):
    """Ordered by id."""
    assert known() == {"port": folder / "port-file.yaml", "yard": folder / "yard-file.yaml"}


@pytest.mark.usefixtures("folder")
def test_no_name_means_all_and_a_name_twice_means_once():
    """In the order given."""
    assert list(files_of([])) == ["port", "yard"]
    assert list(files_of(["yard", "port", "yard"])) == ["yard", "port"]


@pytest.mark.usefixtures("folder")
def test_an_unknown_id_is_refused_with_those_that_are_known():
    """The folder is named, too."""
    with pytest.raises(OperatorError, match=r"quay: no such area .* port, yard"):
        files_of(["quay"])


def test_two_files_of_one_id_are_refused(folder):
    """Both are named."""
    (folder / "z.yaml").write_text("id: yard\n")

    with pytest.raises(AreaError, match=r"z\.yaml.*yard is also the id of .*yard-file\.yaml"):
        known()
