"""A reader beside a publisher that dies: a small sample of `make readers`."""

import json

import pytest

from railwatch.store import FolderStore
from railwatch.testing.torn_readers import AREA, Read, TornError, follow, leftovers, torment


@pytest.mark.slow
def test_a_reader_meets_whole_publications_in_a_folder(tmp_path):
    """Four publications by a publisher killed at random moments, one reader beside it."""
    done = torment(str(tmp_path), 4)

    assert done.problem == ""
    assert done.published == 4
    assert done.rounds > 4
    assert leftovers(str(tmp_path)) == []


@pytest.mark.slow
@pytest.mark.server
def test_a_reader_meets_whole_publications_in_a_bucket(bucket_url):
    """The same against a real S3 server."""
    done = torment(bucket_url, 3, seed=2)

    assert done.problem == ""
    assert done.rounds > 3
    assert leftovers(bucket_url) == []


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from railwatch.testing.torn_readers import publish_state

    made = FolderStore(tmp_path_factory.mktemp("store"))
    publish_state(made.url, 0)
    publish_state(made.url, 1)
    follow(made, Read())
    return made


@pytest.mark.parametrize("broken", ["mixture", "object", "evidence", "catalog"])
def test_the_reader_sees_what_is_torn(store, broken):
    """Each kind of damage that the publisher must never leave is found, so silence means whole."""
    pointer = json.loads(store.get(f"areas/{AREA}/latest.json"))
    folder = f"areas/{AREA}/publications/{pointer['publication']}"
    manifest_key = f"areas/{AREA}/history/{pointer['publication']}.json"
    manifest = json.loads(store.get(manifest_key))
    (other,) = (
        key for key in store.list(f"areas/{AREA}/history") if pointer["publication"] not in key
    )
    damaged = {
        "mixture": f"{folder}/counts.parquet",
        "object": f"{folder}/sidings.parquet",
        "evidence": f"areas/{AREA}/evidence/{manifest['evidence'][0]}",
        "catalog": "catalog.json",
    }[broken]
    kept = store.get(damaged)
    if broken == "mixture":
        before = other.split("/")[-1].removesuffix(".json")
        store.put(damaged, store.get(f"areas/{AREA}/publications/{before}/counts.parquet"))
    elif broken == "catalog":
        store.put(damaged, kept.replace(pointer["publication"].encode(), b"0123456789abcdef"))
    else:
        store.delete(damaged)
    with pytest.raises(TornError, match="manifest says" if broken == "mixture" else "nowhere"):
        follow(store, Read())
    store.put(damaged, kept)
    follow(store, Read())
