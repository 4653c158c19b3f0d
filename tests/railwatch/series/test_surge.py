import numpy as np
import pytest

from railwatch.series import surges
from railwatch.series.surge import split
from railwatch.testing.standing_stock import (
    FIRST_DAY,
    Influx,
    Seeing,
    Traffic,
    seen_count,
    seen_counts,
    standing_cars,
)


class TestSplit:
    def test_clear_step_is_found_where_it_is(self):
        """Thirty low counts, then five high ones: the thirty-first begins the new level."""
        onset = split(np.array([10.0, 12.0, 9.0] * 10 + [70.0] * 5))

        assert (onset.index, onset.first, onset.last) == (30, 30, 30)
        assert onset.probability > 0.99

    def test_in_between_scene_widens_the_interval(self):
        """A scene half way up may belong to either level, so both dates stay possible."""
        rng = np.random.default_rng(1)
        low, high = rng.poisson(20, 12).astype(float), rng.poisson(36, 4).astype(float)
        onset = split(np.array([*low, 28.0, *high]))

        assert onset.first <= 12 <= onset.last
        assert onset.last > onset.first

    def test_fall_is_no_onset(self):
        """A series that only falls has no rise to date."""
        assert split(np.array([30.0, 20.0, 10.0, 5.0])) is None

    def test_dates_cover_as_often_as_they_say(self):
        """Of 300 simulated steps of moderate height nine in ten lie in the set, or more."""
        rng = np.random.default_rng(2)
        held = []
        for _ in range(300):
            place = int(rng.integers(15, 45))
            cars = rng.poisson(np.where(np.arange(50) < place, 15, 24)).astype(float)
            onset = split(cars)
            held.append(onset is not None and onset.first <= place <= onset.last)

        assert np.mean(held) >= 0.87


class TestSurges:
    def test_onset_lies_between_the_scenes_around_it(self):
        """The jump falls after the last ordinary scene and by the first high one."""
        estimates = [*np.random.default_rng(3).poisson(12, 60), None, 70.0, None, 74.0]
        (found,) = surges(
            seen_count("yard", 5 * index, None if cars is None else float(cars), Seeing())
            for index, cars in enumerate(estimates)
        )

        assert (found.began_after - FIRST_DAY).days == 5 * 59
        assert (found.began_by - FIRST_DAY).days == 5 * 61
        assert found.scenes_to_call == 2
        assert "confirmed 2019-08-16 on usable scene 2" in found.sentence

    def test_unconfirmed_record_has_no_surge(self):
        """One high scene alone is no surge yet."""
        estimates = [*np.random.default_rng(3).poisson(12, 60), 70.0]

        assert not surges(
            seen_count("yard", 5 * index, float(cars), Seeing())
            for index, cars in enumerate(estimates)
        )

    @pytest.mark.slow
    def test_simulated_onsets_lie_in_their_dates(self):
        """Jumps of 40 simulated sites fall into the stated dates nine times in ten or more."""
        held = []
        for site in range(40):
            rng = np.random.default_rng([8, site])
            surge = Influx(day=int(rng.integers(600, 1500)))
            cars = standing_cars(Traffic.STEADY, rng.uniform(4, 12), 1600, rng, surge)
            found = surges(seen_counts("site", cars, Seeing(), rng))
            held += [
                (one.began_after - FIRST_DAY).days < surge.day <= (one.began_by - FIRST_DAY).days
                for one in found[:1]
            ]

        assert len(held) >= 36
        assert np.mean(held) >= 0.9
