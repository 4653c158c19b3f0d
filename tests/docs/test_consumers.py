"""docs/consumers.md: its examples run without railwatch, and its tables are true."""

import datetime as dt
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pystac
import pytest
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from railwatch.publication import publish_content
from railwatch.publication.parquet import COLUMNS
from railwatch.store import FolderStore, Store
from railwatch.testing.five_years import FiveYears, place

PAGE = Path(__file__).parents[2] / "docs/consumers.md"
NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)

# An interpreter that knows the folder of libraries alone: -I and -S leave out the working
# directory and the link by which railwatch itself is installed. Warnings are errors, except one of
# rioxarray's about its own use of affine.
PROLOGUE = """
import importlib.util, sys, warnings
sys.path.append(sys.argv[3])
assert importlib.util.find_spec("railwatch") is None
BUCKET = sys.argv[2]
warnings.simplefilter("error")
warnings.filterwarnings("ignore", category=PendingDeprecationWarning)
STORE = sys.argv[1]
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = FolderStore(tmp_path_factory.mktemp("store"))
    publish_content(made, FiveYears(place(), 20).content(), NOW)
    return made


@pytest.mark.server
def test_examples_run_without_railwatch(store, bucket_url):
    """All Python examples, in order, in an interpreter without railwatch; folder and S3 server."""
    bucket = Store.open(bucket_url)
    for key in store.list():
        bucket.put(key, store.get(key))
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    libraries = sysconfig.get_path("purelib")
    code = PROLOGUE + "\n".join(blocks)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, store.url, bucket_url, libraries],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "AWS_ALLOW_HTTP": "true"},
    )

    assert len(blocks) >= 14
    assert done.returncode == 0, done.stderr


def test_every_column_is_specified_in_its_order():
    """The table of columns is the table that is written."""
    told = re.findall(r"^\| `(\w+)` \| [a-z0-9, A-Z]+ \| ", PAGE.read_text(), re.MULTILINE)

    assert told == [name for name, _, _ in COLUMNS]


@pytest.mark.slow
def test_catalog_is_valid_stac(store):
    """Catalog, collection and items pass the STAC 1.1 schemas that pystac brings."""
    validator = JsonSchemaSTACValidator()
    catalog = pystac.Catalog.from_file(f"{store.url}/catalog.json")
    collection = next(catalog.get_children())
    items = list(collection.get_items())
    series = FiveYears(place(), 20)

    for found in (catalog, collection, *items):
        said = found.to_dict()
        assert said["stac_version"] == "1.1.0"
        validator.validate_core(said, found.STAC_OBJECT_TYPE, "1.1.0")
    assert {item.properties["railwatch:scene_id"] for item in items} == {
        row.item_id for row in series.content().used
    }
    for item in items:
        for asset in item.assets.values():
            assert Path(asset.get_absolute_href()).exists()
