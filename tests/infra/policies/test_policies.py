"""The policies in infra/policies on a real S3 server: each key does its work and no more."""

import contextlib
import datetime as dt
import json

import pytest

from railwatch.errors import StoreError
from railwatch.publication import Retention, publish
from railwatch.record import Record
from railwatch.store import Store
from railwatch.testing.five_years import DETECTOR, FiveYears, place

pytestmark = pytest.mark.server

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
URL = "s3://limited/store"


@pytest.fixture(scope="module")
def environment():
    """`monkeypatch` for a module."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def opened(object_storage, environment):
    """Open the store with one of the keys; everybody's own, unlimited one by default."""

    def opener(name=None):
        key = object_storage if name is None else object_storage.limited[name]
        for variable, value in key.environment.items():
            environment.setenv(variable, value)
        return Store.open(URL)

    return opener


@pytest.fixture(scope="module")
def published(object_storage, opened):
    """Two publications from a record, made and collected with the publisher's key alone."""
    opened()
    object_storage.make_bucket("limited")
    publisher = opened("publisher")
    for scenes in (2, 3):
        series = FiveYears(place(), scenes)
        with Record.open(publisher, series.area.id, write=True) as record:
            series.fill(record)
        with Record.open(publisher, series.area.id) as record:
            done = publish(
                publisher,
                record,
                series.area,
                detector=DETECTOR,
                now=NOW + dt.timedelta(days=scenes),
                retention=Retention(1, dt.timedelta(0)),
            )
    return done


def test_the_publishers_key_records_publishes_and_collects(published, opened):
    """Everything a watch does works; the first publication was removed by the second."""
    store = opened("publisher")
    keys = list(store.list("areas/tumangang/publications"))

    assert published.changed
    assert keys
    assert all(f"/{published.id}/" in key for key in keys)


@pytest.mark.usefixtures("published")
def test_the_publishers_key_cannot_delete_the_record(opened):
    """Every object of the record is still there after a try at each."""
    store = opened("publisher")
    keys = list(store.list("records/tumangang"))
    for key in keys:
        with pytest.raises(StoreError, match=r"(?i)denied"):
            store.delete(key)

    assert len(keys) > 5
    assert list(opened().list("records/tumangang")) == keys


def test_the_readers_key_reads_what_is_published(published, opened):
    """The pointer, and all that the manifest names."""
    store = opened("reader")
    pointer = json.loads(store.get("areas/tumangang/latest.json"))
    manifest = json.loads(store.get(f"areas/tumangang/history/{pointer['publication']}.json"))

    assert pointer["publication"] == published.id
    for path, (size, _) in manifest["objects"].items():
        assert store.size(f"areas/tumangang/publications/{published.id}/{path}") == size
    assert store.get("catalog.json")
    assert store.get("index.html")


@pytest.mark.usefixtures("published")
def test_the_readers_key_does_nothing_else(opened):
    """It writes nothing, deletes nothing, and sees nothing of the record."""
    record = next(iter(opened("publisher").list("records/tumangang")))
    store = opened("reader")
    for forbidden in (
        lambda: store.get(record),
        lambda: list(store.list("records")),
        lambda: store.put("areas/tumangang/latest.json", b"{}"),
        lambda: store.put("areas/tumangang/new", b""),
        lambda: store.delete("areas/tumangang/latest.json"),
        lambda: store.delete(record),
    ):
        with pytest.raises(StoreError, match=r"(?i)denied"):
            forbidden()
    with contextlib.suppress(KeyError):
        opened().get("areas/tumangang/new")
        pytest.fail("the reader wrote an object")


@pytest.mark.usefixtures("published")
def test_a_stranger_reads_nothing(opened, environment):
    """A key nobody was given is refused."""
    opened("reader")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret-of-anybody")
    with pytest.raises(StoreError):
        Store.open(URL).get("areas/tumangang/latest.json")
