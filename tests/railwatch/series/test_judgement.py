import dataclasses
import datetime as dt

import numpy as np
import pytest

from railwatch.count import (
    FACILITY,
    QUANTILE_LEVELS,
    BaselineState,
    Count,
    Refusal,
    ResolutionClass,
)
from railwatch.series import RecordStatus, Scale, assess, with_records
from railwatch.testing.standing_stock import FIRST_DAY, Seeing, seen_count

SEEING = Seeing()


def series(*estimates: float | None, every_days: int = 5) -> list[Count]:
    """Facility rows of one area, one estimate a scene."""
    return [
        seen_count("yard", every_days * index, estimate, SEEING)
        for index, estimate in enumerate(estimates)
    ]


def history(scenes: int = 60, mean: float = 10.0) -> list[float]:
    """Estimates of an ordinary yard."""
    rng = np.random.default_rng(11)
    return [float(cars) for cars in rng.poisson(mean, scenes)]


def sharp(
    count: Count, cars: float, resolution_class: ResolutionClass = ResolutionClass.A
) -> Count:
    """The same row as a sharper sensor would give it, some hours later."""
    return dataclasses.replace(
        count,
        scene_id=f"{count.scene_id}-sharp",
        acquired=count.acquired + dt.timedelta(hours=2),
        sensor="skysat",
        gsd_m=0.5,
        resolution_class=resolution_class,
        baseline_state=None,
        registration_sigma_m=None,
        quantiles=tuple(cars + level - 0.5 for level in QUANTILE_LEVELS),
        cars=cars,
        cars_low=cars - 0.45,
        cars_high=cars + 0.45,
    )


def statuses(counts: list[Count], last: int) -> list[RecordStatus]:
    return [record.status for record in assess(counts)][-last:]


class TestProbability:
    def test_of_two_sure_counts_the_higher_is_a_record(self):
        """P is 1 above, 0 below and 0 when equal: a tie is no record."""
        row = seen_count("yard", 0, 5.0, SEEING)
        rows = [
            dataclasses.replace(
                row,
                scene_id=str(index),
                acquired=FIRST_DAY + dt.timedelta(days=index),
                quantiles=(cars,) * len(QUANTILE_LEVELS),
            )
            for index, cars in enumerate([5.0, 6.0, 6.0, 3.0])
        ]

        assert [record.p_record for record in assess(rows)] == [None, 1.0, 0.0, 0.0]

    def test_matches_independent_drawing(self):
        """The sum over the lattice is what drawing every latent count many times gives."""
        rows = series(*history(30), 26.0)
        rng = np.random.default_rng(0)
        levels = rng.random((len(rows), 40_000))
        drawn = np.rint(
            [
                np.interp(u, QUANTILE_LEVELS, row.quantiles)
                for u, row in zip(levels, rows, strict=True)
            ]
        )
        by_drawing = float((drawn[-1] > drawn[:-1].max(axis=0)).mean())

        assert by_drawing == pytest.approx(assess(rows)[-1].p_record, abs=0.03)

    def test_is_causal(self):
        """Later scenes change nothing that was said of earlier ones, to the last bit."""
        rows = series(*history(), 70.0, 72.0, 15.0, 90.0)

        assert assess(rows[:-3]) == assess(rows)[:-3]

    def test_order_of_rows_does_not_matter(self):
        """The same set of scenes gives the same records however it arrives."""
        rows = series(*history(), 70.0, 72.0)
        shuffled = [rows[index] for index in np.random.default_rng(1).permutation(len(rows))]

        assert assess(rows) == assess(shuffled)

    def test_window_forgets(self):
        """A count of 90 stands in the way for five years and no longer."""
        rows = series(90.0, *history(), every_days=25)
        within = seen_count("yard", 1820, 60.0, SEEING)
        beyond = seen_count("yard", 1830, 60.0, SEEING)

        assert assess([*rows, within])[-1].p_record < 0.05
        assert assess([*rows, beyond])[-1].p_record > 0.95


class TestComparability:
    def test_classes_do_not_mix(self):
        """A sharp count of 90 does not stand in the way of a class C record, nor count for it."""
        rows = series(*history(), 70.0)

        assert assess(rows)[-1].p_record == assess([sharp(rows[3], 90.0), *rows])[-1].p_record

    def test_classes_meet_on_a_calibrated_scale(self):
        """Where reference counts put both on one scale, the sharp 90 stands in the way."""
        rows = series(*history(), 70.0)
        scale = Scale(frozenset({ResolutionClass.A, ResolutionClass.C}))

        assert assess([sharp(rows[3], 90.0), *rows], scale=scale)[-1].p_record < 0.1

    def test_another_siding_set_is_another_series(self):
        """Sidings added or moved start the comparison anew."""
        rows = series(*history(), 70.0)
        moved = dataclasses.replace(rows[-1], siding_set="ffffffffffff")

        assert assess([*rows[:-1], moved])[-1].p_record is None

    @pytest.mark.parametrize(
        "change",
        [
            {"siding_id": "s1"},
            {"refusal": Refusal.HAZE},
            {"baseline_state": BaselineState.UNANCHORED},
            {"quantiles": ()},
        ],
        ids=str,
    )
    def test_unusable_rows_are_passed_over(self, change):
        """Sidings, refusals, changes without an empty level and rows without cars are left out."""
        rows = series(*history())

        assert len(rows) - 1 == len(assess([*rows[:-1], dataclasses.replace(rows[-1], **change)]))


class TestStatus:
    def test_surge_is_candidate_then_confirmed(self):
        """20 to 73 is a candidate on the first clear scene and confirmed on the second."""
        rows = series(*history(mean=14.0), None, 73.0, None, 70.0, 74.0)

        assert statuses(rows, 3) == [
            RecordStatus.CANDIDATE,
            RecordStatus.CONFIRMED,
            RecordStatus.STANDING,
        ]

    def test_lone_scene_stays_a_candidate(self):
        """When the next scene is ordinary again the candidate lapses and nothing is confirmed."""
        rows = series(*history(), 73.0, 11.0, 9.0)

        assert statuses(rows, 3) == [RecordStatus.CANDIDATE, RecordStatus.NONE, RecordStatus.NONE]

    def test_slow_rise_competes_with_what_stood_before_it(self):
        """A yard filling by three cars a day never beats its eve, yet the record is said."""
        rows = series(*history(60), *(12.0 + 3 * day for day in range(20)), every_days=1)
        found = assess(rows)[-20:]

        assert max(record.p_record for record in found) < 0.95
        assert RecordStatus.CONFIRMED in {record.status for record in found}

    def test_another_sensor_confirms_on_the_same_day(self):
        """A sharp scene two hours later confirms a class C candidate though it has no history."""
        rows = series(*history(), 73.0)
        record = assess([*rows, sharp(rows[-1], 72.0)])[-1]

        assert (record.status, record.p_record) == (RecordStatus.CONFIRMED, None)
        assert "confirms the candidate of 2019-08-01 (class C, sentinel-2b)" in record.sentence

    def test_another_sensor_that_disagrees_confirms_nothing(self):
        """A sharp scene with twelve cars leaves the candidate unconfirmed."""
        rows = series(*history(), 73.0)

        assert RecordStatus.NONE is assess([*rows, sharp(rows[-1], 12.0)])[-1].status

    def test_one_overpass_confirms_nothing(self):
        """Two granules of one overpass are one look."""
        rows = series(*history(), 73.0)
        twin = dataclasses.replace(
            rows[-1], scene_id="twin", acquired=rows[-1].acquired + dt.timedelta(seconds=20)
        )

        assert RecordStatus.STANDING is assess([*rows, twin])[-1].status

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"visible_m": 1300.0}, "only 1300 of 2000 m visible"),
            ({"registration_sigma_m": 2.1}, "registration too uncertain"),
            ({"registration_sigma_m": None}, "registration unknown"),
        ],
        ids=["visible", "registration", "no registration"],
    )
    def test_gate_withholds_with_its_reason(self, change, reason):
        """A scene that sees too little or lies too unsurely is not announced, and says why."""
        rows = series(*history(), 73.0)
        record = assess([*rows[:-1], dataclasses.replace(rows[-1], **change)])[-1]

        assert (RecordStatus.WITHHELD, (reason,), None) == (
            record.status,
            record.reasons,
            record.sentence,
        )

    def test_scene_after_a_withheld_one_can_still_be_announced(self):
        """A withheld first scene does not hide the surge behind itself."""
        rows = series(*history(), 73.0, 72.0, 74.0)
        rows[-3] = dataclasses.replace(rows[-3], registration_sigma_m=2.1)

        assert statuses(rows, 3) == [
            RecordStatus.WITHHELD,
            RecordStatus.CANDIDATE,
            RecordStatus.CONFIRMED,
        ]

    def test_short_history_is_no_ground(self):
        """Fewer than twenty comparable scenes cannot make a record."""
        record = assess(series(*history(15), 73.0))[-1]

        assert RecordStatus.WITHHELD is record.status
        assert record.reasons == ("fewer than 20 comparable observations before the rise",)

    def test_bursty_site_needs_more(self):
        """Where the past often bursts, a new high little above it is left to chance."""
        rng = np.random.default_rng(3)
        bursts = [float(cars) for cars in rng.negative_binomial(1, 1 / 16, 80)]
        record = assess(series(*bursts, max(bursts) * 1.5))[-1]

        assert record.p_record > 0.95
        assert RecordStatus.WITHHELD is record.status
        assert "by chance" in record.reasons[0]


class TestWithRecords:
    def test_fills_facility_rows_only(self):
        """Facility rows get their probability; sidings and refused scenes stay as they are."""
        rows = series(*history(), None, 73.0)
        siding = dataclasses.replace(rows[-1], siding_id="s1")
        filled = with_records([*rows, siding])

        assert [filled[-3].p_record, filled[-1].p_record] == [None, None]
        assert filled[-2].p_record == assess(rows)[-1].p_record
        assert [row.siding_id for row in filled[-2:]] == [FACILITY, "s1"]

    def test_sentence_holds_what_it_is_conditional_on(self):
        """Number, dates, gap, siding set, interval and probability stand in one sentence."""
        rows = series(*history(), None, 73.0)
        said = with_records(rows)[-1].record_sentence

        # 60 earlier scenes every five days from 2018-10-05, one refused, then this one: day 305.
        assert said.startswith(
            "candidate: highest of 61 usable observations since 2018-10-05, longest gap 10 days, "
            "siding set ab12cd34ef56, class C (sentinel-2a), 90 % interval 58-88, P = .99"
        )
