"""The summary of a run."""

from flows.outcome import Left, Outcome


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
    """The publication that is current is named, and where its page is."""
    outcome = Outcome(area_id="yard", store="/s").with_current("ab12")

    assert outcome.report == "/s/areas/yard/report/index.html"
    assert outcome.sentence() == "yard: nothing new; publication ab12 is current"


def test_a_dry_run_says_what_is_left_and_its_price():
    """Scenes, requests, processing units and bytes."""
    left = Left(scenes=3, requests=12, processing_units=1.25, bytes=2_500_000)

    said = Outcome(area_id="yard", store="/s", left=left).sentence()

    assert said == "yard: 3 scenes left to fetch in 12 requests, 1.25 PU, 2.5 MB"
