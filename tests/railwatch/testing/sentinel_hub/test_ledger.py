"""The emulator charges the published price and keeps an account's limits."""

import json

import pytest

from railwatch.testing.sentinel_hub.answer import Refusal
from railwatch.testing.sentinel_hub.ledger import Ledger, Limits, Meter, Work, price

RECORDED = [
    # Charges recorded from the live service, and two documented examples.
    (Work(660657, 1, 3), 2.5202064514160156),
    (Work(660657, 1, 3, samples=2), 5.040412902832031),
    (Work(116964, 1, 3, float32=True), 0.892364501953125),
    (Work(1024, 1024, 4, samples=2, float32=True, orthorectify=True), 42.667),
    (Work(20, 20, 2), 0.0067),
    (Work(1, 1, 1), 0.005),
]


@pytest.mark.parametrize(("work", "pu"), RECORDED)
def test_price_reproduces_recorded_charges(work, pu):
    """To the last digit where it was recorded, to the printed one where documented."""
    assert price(work) == pytest.approx(pu, abs=5e-4 if pu in (42.667, 0.0067) else 1e-15)


def test_month_is_refused_with_403(asked, body):
    """Spent units are 403 with their own code, never 429."""
    asked.hub.new_month(Limits(0.01, 100, 300, 300))
    answer = asked.process(body)

    assert answer.status == 403
    assert json.loads(answer.body)["error"]["code"] == "ACCESS_INSUFFICIENT_PROCESSING_UNITS"


def test_minute_is_refused_until_the_bucket_has_enough():
    """60 a minute are one a second: after two the third waits a second, in milliseconds."""
    now = [0.0]
    meter = Meter(Limits(1e9, 1e9, 1e9, 60), clock=lambda: now[0])
    for _ in range(60):
        meter.admit(0)
    with pytest.raises(Refusal) as refused:
        meter.admit(0)
    now[0] += 1.0
    meter.admit(0)

    assert refused.value.answer.status == 429
    assert refused.value.answer.headers["Retry-After"] == "1000"


def test_failures_cost_nothing():
    """What was taken for a request that failed is given back."""
    meter = Meter(Limits())
    meter.admit(5.0)
    meter.give_back(5.0)

    assert meter.spent_pu == 0


def test_ledger_counts_what_was_paid_and_delivered():
    """A spoiled delivery was charged but does not count as delivered."""
    ledger = Ledger()
    for fault in ("truncated", ""):
        ledger.write(method="POST", service="process", key="k", status=200, pu=0.5, fault=fault)

    assert ledger.spent_pu == 1.0
    assert ledger.paid() == {"k": 1}
