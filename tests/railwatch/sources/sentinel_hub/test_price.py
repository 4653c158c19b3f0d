"""Prices are exact before sending, and a budget holds at every moment."""

import pickle
import threading

import pytest

from railwatch.errors import QuotaError
from railwatch.sources.sentinel_hub import Budget, Collection
from railwatch.sources.sentinel_hub.collection import COLLECTIONS
from railwatch.sources.sentinel_hub.price import processing_units


def three_bands():
    return Collection("c", {"a": "A", "b": "B", "c": "C"}, 10.0)


@pytest.mark.parametrize(
    ("collection", "size", "pu"),
    [
        # Recorded from the live service: 660 657 pixels, three bands.
        (three_bands(), (660657, 1), 2.5202064514160156),
        (three_bands(), (512, 512), 1.0),
        # Documented: the area counts at least 0.01, a request at least 0.005.
        (Collection("c", {"a": "A", "b": "B"}, 10.0), (20, 20), 0.01 * 2 / 3),
        (Collection("c", {"a": "A"}, 10.0), (1, 1), 0.005),
        # Two polarisations, orthorectified: doubled.
        (COLLECTIONS["sentinel-1-grd"], (512, 512), 2 / 3 * 2),
    ],
)
def test_published_formula(collection, size, pu):
    """Vectors recorded or documented."""
    assert processing_units(collection, *size) == pytest.approx(pu, rel=1e-15)


def test_budget_refuses_before_it_would_be_exceeded():
    """What is under way counts, what was not charged is given back."""
    budget = Budget(max_pu=1.0)
    with budget.paying(0.6) as charged:
        with pytest.raises(QuotaError, match="max_pu"), budget.paying(0.5):
            pytest.fail("two requests of 1.1 PU together were let through")
        charged.append(0.0)
    with budget.paying(1.0) as charged:
        charged.append(1.0)

    assert budget.spent_pu == 1.0
    with pytest.raises(QuotaError), budget.paying(0.005):
        pytest.fail("a spent budget let a request through")


def test_closed_budget_stops_everyone():
    """Once the account said it is empty, no later request is sent."""
    budget = Budget()
    budget.close("account empty")

    with pytest.raises(QuotaError, match="account empty"), budget.paying(0.0):
        pytest.fail("a request was let through")


def test_threads_cannot_overspend():
    """Fifty threads that want a tenth each share a budget of one."""
    budget, paid = Budget(max_pu=1.0), []

    def pay():
        try:
            with budget.paying(0.1) as charged:
                charged.append(0.1)
                paid.append(1)
        except QuotaError:
            return

    threads = [threading.Thread(target=pay) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(paid), round(budget.spent_pu, 9)) == (10, 1.0)


def test_budget_travels_to_workers():
    """A pickled budget keeps its limit and what was spent."""
    budget = Budget(max_pu=2.0, spent_pu=1.5)

    with (
        pytest.raises(QuotaError),
        pickle.loads(pickle.dumps(budget)).paying(0.6),
    ):
        pytest.fail("the limit was lost on the way")
