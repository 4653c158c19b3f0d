"""The summary of a run."""

from flows.outcome import Outcome


def test_the_sentence_counts_what_happened_and_why():
    """Ingested, rejected by reason, refused by reason, published."""
    outcome = Outcome(
        area_id="yard",
        store="/s",
        ingested=10,
        rejected={"nodata": 2},
        refused={"cloud": 3, "haze": 1},
        publication="ab12",
        published=True,
    )

    assert outcome.sentence() == (
        "yard: 10 scenes ingested, 2 rejected (nodata), 3 refused (cloud), 1 refused (haze), "
        "published ab12"
    )


def test_nothing_new_is_said_as_such():
    """The publication that is current is named."""
    outcome = Outcome(area_id="yard", store="/s", nothing_new=True, publication="ab12")

    assert outcome.sentence() == "yard: nothing new; publication ab12 is current"
