"""A round of areas: each on its own."""

import datetime as dt
from pathlib import Path

import pytest

from flows.outcome import Outcome
from flows.round import UnfinishedError, go_round, held
from railwatch.errors import OperatorError, QuotaError, TransientError
from railwatch.publication import publish_content, stac
from railwatch.store import FolderStore
from railwatch.testing.five_years import FiveYears, place

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("private_prefect")]

AREAS = {name: Path(f"{name}.yaml") for name in ("a", "b", "c")}


def test_one_that_fails_does_not_keep_the_others():
    """All are tried; the sentence at the end names each failure with its reason."""
    tried = []

    def go(area_id, _file):
        tried.append(area_id)
        if area_id == "a":
            raise OperatorError("a.yaml: id: is missing")
        if area_id == "b":
            raise TransientError("the archive is busy")
        return Outcome(area_id=area_id, store="/s")

    with pytest.raises(UnfinishedError, match=r"2 of 3 areas unfinished: a: a.yaml.*; b: the arch"):
        go_round(AREAS, go, occasion="watch")
    assert tried == ["a", "b", "c"]


def test_readers_are_led_to_all_areas_at_the_end(tmp_path):
    """Catalog and page are written once a round, also when an area of it failed."""
    store = FolderStore(tmp_path)
    seen = []

    def go(area_id, _file):
        if area_id == "b":
            raise TransientError("the archive is busy")
        content = FiveYears(place(area_id), 2).content()
        publish_content(store, content, dt.datetime.now(dt.UTC), roots=False)
        seen.append("catalog.json" in store.list())
        return Outcome(area_id=area_id, store=str(tmp_path))

    with pytest.raises(UnfinishedError, match="1 of 3"):
        go_round(AREAS, go, occasion="watch", store=store)
    assert seen == [False, False]
    assert [*stac.children(store.get("catalog.json"))] == ["a", "c"]


def test_a_spent_account_ends_the_round():
    """Nobody after it would be paid for."""
    tried = []

    def go(area_id, _file):
        tried.append(area_id)
        raise QuotaError("the month is spent")

    with pytest.raises(UnfinishedError, match="a: the month is spent"):
        go_round(AREAS, go, occasion="watch")
    assert tried == ["a"]


def test_an_area_that_another_run_holds_is_left_to_it():
    """Held by one, refused to the second, free again afterwards."""
    from prefect.client.orchestration import get_client

    from flows.round import limit_name

    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(limit_name("watch", "a"), 1)
        with held("watch", "a") as ours:
            assert ours
            with held("watch", "a") as theirs:
                assert not theirs
            with held("watch", "b") as other:
                assert other
        with held("watch", "a") as again:
            assert again
