"""Metrics as a Prometheus textfile."""

from prometheus_client.parser import text_string_to_metric_families

from flows import metrics
from flows.outcome import Outcome
from railwatch.store import Store


def test_a_run_says_what_the_record_holds_and_what_it_cost(tmp_path, monkeypatch):
    """Read back by Prometheus's own parser: values, labels, one file an area, replaced whole."""
    monkeypatch.setenv("RAILWATCH_METRICS", str(tmp_path / "m"))
    store = Store.open(str(tmp_path / "store"))
    for scenes in (3, 5):
        done = Outcome(
            area_id="yard",
            store=store.url,
            scenes=scenes,
            ingested=2,
            refused={"cloud": 2, "haze": 1},
            unusable={"nodata": 4},
            charged_pu=1.25,
        )
        metrics.write(store, done, 12.5)

    text = (tmp_path / "m" / "railwatch-yard.prom").read_text()
    found = {
        (s.name, s.labels.get("reason")): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
        if s.labels["area"] == "yard" and s.labels["store"] == store.url
    }
    assert found.pop(("railwatch_run_timestamp_seconds", None)) > 1.7e9
    assert found == {
        ("railwatch_scenes", None): 5,
        ("railwatch_run_scenes", None): 2,
        ("railwatch_run_seconds", None): 12.5,
        ("railwatch_processing_units", None): 1.25,
        ("railwatch_refused_scenes", "cloud"): 2,
        ("railwatch_refused_scenes", "haze"): 1,
        ("railwatch_rejected_items", "nodata"): 4,
    }
    assert [p.name for p in (tmp_path / "m").iterdir()] == ["railwatch-yard.prom"]


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    """RAILWATCH_METRICS unset."""
    monkeypatch.delenv("RAILWATCH_METRICS", raising=False)
    monkeypatch.chdir(tmp_path)

    metrics.write(Store.open(str(tmp_path)), Outcome(area_id="yard", store="/s"), 1.0)

    assert list(tmp_path.iterdir()) == []
