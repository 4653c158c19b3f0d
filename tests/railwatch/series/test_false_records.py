"""Records on simulated sites: how often they are wrong, and whether a surge is called."""

import numpy as np
import pytest

from railwatch.series import Record, RecordStatus, assess
from railwatch.testing.standing_stock import Influx, Seeing, Traffic, seen_counts, standing_cars

DAYS = 1826
ORDINARY = 24
"""Most cars a surge site ever held before: "20 -> 73" with the scatter of counting."""


def seeing(rng: np.random.Generator) -> Seeing:
    return Seeing(
        refused=rng.uniform(0.4, 0.6),
        gain=float(np.exp(0.08 * rng.standard_normal())),
        floor=rng.uniform(1.0, 2.5),
        slope=rng.uniform(0.08, 0.14),
    )


def day_of(record: Record) -> int:
    return int(record.scene_id[-5:])


def announced(traffic: Traffic, sites: int, seed: int) -> tuple[int, int, int]:
    """Announcements, confirmed ones, and those whose latent count was no record at all."""
    said = confirmed = wrong = 0
    for site in range(sites):
        rng = np.random.default_rng([seed, site])
        cars = standing_cars(traffic, rng.uniform(2, 14), DAYS, rng)
        counts = seen_counts("site", cars, seeing(rng), rng)
        usable = {count.scene_id for count in counts if count.refusal is None}
        for record in assess(counts):
            if record.sentence is None:
                continue
            earlier = [
                cars[int(count.scene_id[-5:])]
                for count in counts
                if count.scene_id in usable and count.acquired < record.before
            ]
            said += 1
            confirmed += record.status is RecordStatus.CONFIRMED
            wrong += bool(cars[day_of(record)] <= max(earlier))
    return said, confirmed, wrong


def called(traffic: Traffic, seed: int) -> bool:
    """Is a jump to 73 a candidate on its first clear scene and confirmed on the second?"""
    rng = np.random.default_rng([seed, 99])
    while True:
        surge = Influx(day=int(rng.integers(1100, DAYS - 60)))
        mean = rng.uniform(1, 12)
        state = rng.bit_generator.state
        ordinary = standing_cars(traffic, mean, DAYS, rng)
        if ordinary.max() > ORDINARY:
            continue
        rng.bit_generator.state = state
        counts = seen_counts(
            "site", standing_cars(traffic, mean, DAYS, rng, surge), seeing(rng), rng
        )
        during = [r for r in assess(counts) if surge.day <= day_of(r) < surge.day + surge.days]
        if len(during) >= 2:
            wanted = [RecordStatus.CANDIDATE, RecordStatus.CONFIRMED]
            return [record.status for record in during[:2]] == wanted


@pytest.mark.parametrize("traffic", list(Traffic))
def test_few_sites_have_no_confirmed_record(traffic):
    """Ten site-years of each kind without a surge: nothing is confirmed."""
    assert announced(traffic, 2, seed=1)[1] == 0


@pytest.mark.parametrize("traffic", [Traffic.STEADY, Traffic.BURSTS, Traffic.QUIET])
def test_surge_is_called_by_the_second_clear_scene(traffic):
    """At most 24 cars for years, then 73."""
    assert all(called(traffic, seed) for seed in range(3))


@pytest.mark.slow
@pytest.mark.parametrize("traffic", list(Traffic))
def test_false_records_stay_below_two_in_a_hundred_site_years(traffic):
    """20 sites x 5 years: at most .02 a site-year, wrong candidates and chance records included."""
    _, confirmed, wrong = announced(traffic, 20, seed=2)

    assert confirmed + wrong <= 2


@pytest.mark.slow
@pytest.mark.parametrize("traffic", list(Traffic))
def test_surge_is_called_at_twenty_of_twenty_sites(traffic):
    """Every one of 20 sites, whatever its traffic."""
    assert sum(called(traffic, seed) for seed in range(20)) == 20
