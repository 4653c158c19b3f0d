"""What a run may spend, whichever occasion it is."""

import json

import pytest

from benchmarks.emulated_tumangang import rendered
from flows.purse import Purse
from railwatch.cli import main
from railwatch.errors import OperatorError, QuotaError
from railwatch.testing.sentinel_hub import Emulator
from railwatch.testing.sentinel_hub.server import CLIENT_ID, CLIENT_SECRET


def test_what_one_area_spends_the_next_cannot():
    """The budget is one for all areas; a spent one lets none begin."""
    purse = Purse(1.0)
    purse.check("first")
    with purse.budget.paying(1.0) as charged:
        charged.append(1.0)

    with pytest.raises(QuotaError, match=r"second: max_pu: the run's 1 PU are spent"):
        purse.check("second")


def test_workers_elsewhere_are_refused_with_a_budget():
    """They could not share it; without one they may work."""
    with pytest.raises(OperatorError, match="cannot share one budget"):
        Purse(1.0).crew("tcp://dask:8786")
    assert Purse(None).crew("tcp://dask:8786").address == "tcp://dask:8786"
    assert Purse(1.0).crew().together


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.usefixtures("private_prefect")
def test_a_watch_keeps_to_its_budget(tmp_path, monkeypatch, capsys):
    """With units for one and a half scenes a watch pays for one, and says so; the next goes on."""
    from flows.parameters import EVERYTHING, Place
    from flows.watch import watch_area

    area = rendered(tmp_path, 3)
    place = Place(area=str(area), store=str(tmp_path / "store"))
    with Emulator(archive=tmp_path / "archive") as hub:
        monkeypatch.setenv("SH_BASE_URL", hub.url)
        monkeypatch.setenv("SH_TOKEN_URL", hub.token_url)
        monkeypatch.setenv("SH_CLIENT_ID", CLIENT_ID)
        monkeypatch.setenv("SH_CLIENT_SECRET", CLIENT_SECRET)
        assert main(["plan", str(area), "--json"]) == 0
        total = json.loads(capsys.readouterr().out)["total"]["processing_units"]
        with pytest.raises(QuotaError, match="max_pu"):
            watch_area(place, EVERYTHING, None, total / 2)
        first = hub.ledger.spent_pu
        done = watch_area(place, EVERYTHING, None, total)
        spent = hub.ledger.spent_pu

    assert 0 < first <= total / 2
    assert spent == pytest.approx(total, rel=1e-9)
    assert set(hub.ledger.paid().values()) == {1}
    assert done.scenes == 3
