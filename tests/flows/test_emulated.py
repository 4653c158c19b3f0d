"""The whole job through Sentinel Hub: a small sample of `make emulated`."""

import pytest

from benchmarks.emulated_tumangang import MIXED, drive
from railwatch.cli import main
from railwatch.errors import RailwatchError
from railwatch.testing.sentinel_hub import Faults

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.timeout(600)]


@pytest.fixture
def in_process(capsys):
    """Run commands here, on the session's Prefect server, instead of a process each."""
    from flows.backfill import backfill_area
    from flows.parameters import EVERYTHING, STEADILY, Place
    from flows.watch import watch_area

    def railwatch(arguments):
        name, area, *options = arguments
        if name == "plan":
            capsys.readouterr()
            return main(arguments), capsys.readouterr().out
        said = dict(zip(options[::2], options[1::2], strict=True))
        place = Place(area=area, store=said["--store"], archive=said.get("--archive"))
        flow = {"run": watch_area, "backfill": backfill_area}[name]
        try:
            done = flow(place, EVERYTHING, STEADILY) if name == "backfill" else flow(place)
        except RailwatchError as exc:
            return 1, str(exc)
        return 0, done.sentence()

    return railwatch


@pytest.mark.usefixtures("private_prefect")
def test_service_and_archive_give_the_same_counts(in_process, tmp_path, monkeypatch):
    """Fourteen scenes with doubled acquisitions, faults and a quota that ends midway."""
    monkeypatch.setenv("SH_DEPLOYMENT", "cdse")
    for name in ("SH_BASE_URL", "SH_TOKEN_URL", "SH_CLIENT_ID", "SH_CLIENT_SECRET"):
        monkeypatch.setenv(name, "")  # the drive sets them; the patch takes them back
    faults = Faults(probability=MIXED, seed=4, drip_s=0.02, retry_after_ms=20)
    report = drive(tmp_path, 14, in_process, faults)

    assert report.problems() == []
    assert report.scenes == 14
    assert report.first_pu <= report.planned_pu / 2 + 1
    assert 0 < report.spent_pu <= 1.25 * report.planned_pu
