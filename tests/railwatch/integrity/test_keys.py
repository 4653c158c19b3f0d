"""Names of objects."""

import pytest

from railwatch.claim import Claims
from railwatch.integrity.keys import Kind, kind_of
from railwatch.store import Store


@pytest.mark.parametrize("kind", ["scenes", "publication"])
def test_claims_are_never_foreign(tmp_path, kind):
    """A scan beside operators who fetch or publish says nothing of what they hold."""
    store = Store.open(str(tmp_path))
    with Claims(store, "yard", kind=kind) as claims:
        claims.take(["S2A_MSIL2A_20231005/half", "planet scene"], 2)
        there = list(store.list())

    assert len(there) == 3
    assert {kind_of(key) for key in there} == {Kind.NOTE}


@pytest.mark.parametrize(
    "key", ["claims/yard/a", "claims/Yard/scenes/held/x", "records/yard/chunks/x", "areas/yard/x"]
)
def test_what_nobody_of_ours_writes_is_foreign(key):
    """A name close to one of ours is not one of ours."""
    assert kind_of(key) is None
