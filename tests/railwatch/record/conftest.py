"""A store of its own for each test of the record."""

import pytest

from railwatch.store import Store


@pytest.fixture
def store(tmp_path):
    return Store.open(str(tmp_path / "store"))
