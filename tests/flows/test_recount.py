"""Counting again from the record alone."""

import shutil

import pytest

from flows.parameters import Depot

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("private_prefect")]


def test_recounting_needs_neither_archive_nor_account(yard, monkeypatch):
    """The record is enough: the scenes are there, nothing is fetched, the publication stands."""
    from flows.recount import recount
    from flows.watch import watch_area

    yard.add(0, 2)
    depot = Depot(store=str(yard.store))
    place = Depot(store=str(yard.store), archive=str(yard.archive)).place(str(yard.area))
    published = watch_area(place).publication
    shutil.rmtree(yard.archive)
    monkeypatch.setenv("RAILWATCH_AREAS", str(yard.area.parent))
    for name in ("SH_CLIENT_ID", "SH_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)

    (again,) = recount(depot, ["yard"])

    assert (again.found, again.ingested, again.scenes) == (0, 0, 2)
    assert again.publication == published
    assert again.nothing_new
