"""The source over an emulator: right pixels, exact prices, faults survived, nothing paid twice."""

import datetime as dt
import json
import logging
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from railwatch.errors import QuotaError, RailwatchError, SceneError, SourceError, TransientError
from railwatch.grid import PIECE_PX
from railwatch.scene import NODATA, MaskClass, Rejection, Scene
from railwatch.sources import Query
from railwatch.sources.sentinel_hub import (
    Account,
    Budget,
    Collection,
    Credentials,
    Patience,
    SentinelHubSource,
    Spool,
)
from railwatch.store import Store
from railwatch.testing.sentinel_hub import Emulator, Fault, Faults, Limits, rules
from railwatch.testing.sentinel_hub.sample import FIRST, GRID, OPTICAL, REVISIT, write_sample
from railwatch.testing.sentinel_hub.server import CLIENT_ID, CLIENT_SECRET

CANARY = "canary-7f3a9"
WHERE = Query((130.5, 42.3, 130.8, 42.5), collections=("sentinel-2-l2a",))


def scenes(source, query=WHERE):
    found = list(source.search(query))
    assert [f.rejection for f in found if f.scene is None] == []
    return [f.scene for f in found]


def stored(sample, scene):
    (one,) = (s for s in sample[1] if s.id == scene.id)
    return one


def test_search_lists_scenes_in_order(hub, connected, sample):
    """All of the archive's optical scenes, oldest first, as the archive holds them."""
    found = scenes(connected(hub))

    assert [s.id for s in found] == [s.id for s in sample[1] if s.collection == "sentinel-2-l2a"]
    assert [s.acquired for s in found] == [FIRST + n * REVISIT for n in range(3)]


def test_search_keeps_to_its_period(hub, connected):
    """The start is inclusive, the end exclusive, to the millisecond."""
    source = connected(hub)
    inside = replace(WHERE, start=FIRST, end=FIRST + REVISIT)

    assert [s.acquired for s in scenes(source, inside)] == [FIRST]


def test_search_pages_through_everything(tmp_path, connected):
    """130 scenes need two pages of the catalog."""
    write_many(tmp_path, 130)
    with Emulator(archive=tmp_path) as hub:
        found = scenes(connected(hub))

    assert len(found) == 130
    assert len(hub.ledger.entries("catalog")) == 2


def write_many(folder, count):
    """Items without pixels: a search reads none."""
    write_sample(folder, optical=1)
    (path,) = folder.glob("*/*.json")
    item = json.loads(path.read_text())
    for number in range(1, count):
        moment = FIRST + number * dt.timedelta(days=1)
        item["id"] = f"scene-{number:04d}"
        item["properties"]["datetime"] = moment.isoformat()
        (folder / f"{number}.json").write_text(json.dumps(item))


def test_paging_that_goes_in_circles_ends(sample, connected):
    """A page that names itself as next is asked for again, not for ever."""
    with Emulator(archive=sample[0], faults=Faults({("catalog", 1): Fault.PAGING_LOOP})) as hub:
        assert len(scenes(connected(hub))) == 3
    loops = {("catalog", n): Fault.PAGING_LOOP for n in range(1, 99)}
    with (
        Emulator(archive=sample[0], faults=Faults(loops)) as hub,
        pytest.raises(TransientError, match="comes next"),
    ):
        list(connected(hub).search(WHERE))
    assert len(hub.ledger.entries("catalog")) == 6


def test_cloudy_scenes_can_be_left_out(hub, connected):
    """The three scenes have 0, 7.5 and 15 per cent."""
    assert len(scenes(connected(hub, most_cloud=10.0))) == 2


def test_pixels_and_mask_are_the_archives(hub, connected, sample, every_piece):
    """On the archive's own grid every band comes through unchanged, and classes become a mask."""
    source = connected(hub)
    for scene in scenes(source):
        one = stored(sample, scene)
        raster = source.fetch(scene, GRID, every_piece)
        expected = one.values()
        classes = one.classification()

        assert raster.bands == OPTICAL
        np.testing.assert_array_equal(raster.values, np.where(classes == 0, NODATA, expected))
        np.testing.assert_array_equal(raster.mask == MaskClass.NODATA, classes == 0)
        np.testing.assert_array_equal(raster.mask == MaskClass.CLOUD, np.isin(classes, (8, 9, 10)))
        np.testing.assert_array_equal(raster.mask == MaskClass.SHADOW, classes == 3)
        np.testing.assert_array_equal(raster.mask == MaskClass.SNOW, classes == 11)


def test_radar_is_amplitude_again(hub, connected, sample, every_piece):
    """Power travels, its square root times 10 000 is stored: the archive's own numbers."""
    source = connected(hub)
    scene = scenes(source, replace(WHERE, collections=("sentinel-1-grd",)))[0]
    raster = source.fetch(scene, GRID, every_piece)
    expected = stored(sample, scene).values()

    assert scene.orbit == "desc-R" + f"{(51_900 - 73) % 175 + 1:03d}"
    np.testing.assert_array_equal(raster.values, expected)


def test_only_wanted_pieces_are_asked_for_and_given(hub, connected, every_piece):
    """Two far corners are two requests; what lies between is no data and costs nothing."""
    source = connected(hub)
    pieces = np.zeros_like(every_piece)
    side = 64 // PIECE_PX
    pieces[:side, :side] = pieces[-side:, -side:] = True
    raster = source.fetch(scenes(source)[0], GRID, pieces)
    wanted = np.kron(pieces, np.ones((PIECE_PX, PIECE_PX), dtype=bool))
    price = source.price(scenes(source)[0], GRID, pieces)

    assert price.requests == 2
    assert price.processing_units == pytest.approx(2 * 64**2 / 512**2 * 7 / 3)
    assert (raster.values[:, ~wanted] == NODATA).all()
    assert (raster.mask[~wanted] == MaskClass.NODATA).all()
    assert (raster.values[:, wanted] != NODATA).sum() == 5 * (2 * 64**2 - 15)


@pytest.mark.parametrize("collection", ["sentinel-2-l2a", "sentinel-1-grd"])
def test_price_is_what_is_charged(hub, connected, every_piece, collection):
    """To the last digit, before sending, against the emulator's own reckoning."""
    source = connected(hub)
    scene = scenes(source, replace(WHERE, collections=(collection,)))[0]
    for pieces in (every_piece, np.eye(*every_piece.shape, dtype=bool)):
        before = hub.ledger.spent_pu
        price = source.price(scene, GRID, pieces)
        raster = source.fetch(scene, GRID, pieces)

        assert raster.spent_pu == price.processing_units
        assert hub.ledger.spent_pu - before == pytest.approx(price.processing_units, rel=1e-12)


def test_every_request_body_fits_the_schema(hub, connected, every_piece, monkeypatch):
    """What goes over the wire for every kind of collection is valid by the transcribed rules."""
    own = Collection("byoc-" + "0" * 8 + "-0000" * 3 + "-" + "0" * 12, {"red": "B1"}, 3.0)
    source = connected(hub, own={own.id: own})
    bodies = []
    client = source._hub().client
    exchange = client.transport.exchange

    def record(method, url, headers, body, most_bytes):
        bodies.append((url, body))
        return exchange(method, url, headers, body, most_bytes)

    monkeypatch.setattr(client.transport, "exchange", record)
    for name in ("sentinel-2-l2a", "sentinel-2-l1c", "sentinel-1-grd", own.id):
        scene = Scene("x", name, FIRST, "p", 10.0, ("red",))
        try:
            source.fetch(scene, GRID, every_piece)
            list(source.search(replace(WHERE, collections=(name,))))
        except RailwatchError:
            continue  # the sample holds nothing of some; their bodies were sent all the same
    kinds = {"process": "process-request", "search": "catalog-search-request"}
    checked = []
    for url, body in bodies:
        kind = kinds.get(url.rpartition("/")[2])
        if kind is not None:
            checked.append((kind, rules.first_violation(kind, json.loads(body))))

    assert len([kind for kind, _ in checked if kind == "process-request"]) == 4
    assert {violation for _, violation in checked} == {None}


def test_old_processing_is_never_shown(sample, connected, every_piece):
    """CDSE's doubled acquisitions give one scene each, with the newest processing's pixels."""
    for milliseconds in (True, False):
        with Emulator(archive=sample[0], old_copies=True, milliseconds=milliseconds) as hub:
            source = connected(hub)
            found = scenes(source)
            raster = source.fetch(found[0], GRID, every_piece)
            expected = stored(sample, found[0]).values()

            assert len(found) == 3
            np.testing.assert_array_equal(raster.values[:, 5:], expected[:, 5:])


def test_new_paths_serve_as_well(sample, connected, every_piece):
    """One setting moves every request to the paths of March 2026."""
    with Emulator(archive=sample[0]) as hub:
        source = connected(hub, account=Account(hub.url, hub.token_url, new_paths=True))
        raster = source.fetch(scenes(source)[0], GRID, every_piece)

    assert raster.spent_pu > 0


def test_tokens_are_renewed(sample, connected, every_piece):
    """A token that ends and one that is revoked cost one login each, and no scene."""
    with Emulator(archive=sample[0]) as hub:
        source = connected(hub)
        found = scenes(source)
        source.fetch(found[0], GRID, every_piece)
        hub.door.revoke_all()
        source.fetch(found[1], GRID, every_piece)

    assert [e.status for e in hub.ledger.entries("token")] == [200, 200]
    assert [e.status for e in hub.ledger.entries("process")] == [200, 401, 200]


def test_refused_for_good_after_one_login(sample, connected, every_piece):
    """401 with a fresh token is a wrong deployment, which only a person can mend."""
    refusals = {("process", n): Fault.UNAUTHORISED for n in range(1, 9)}
    with Emulator(archive=sample[0], faults=Faults(refusals)) as hub:
        source = connected(hub)
        scene = scenes(source)[0]
        with pytest.raises(SourceError, match="SH_BASE_URL and SH_TOKEN_URL"):
            source.fetch(scene, GRID, every_piece)

    assert len(hub.ledger.entries("process")) == 2


def test_unknown_client_is_told_so(hub, connected):
    """A wrong secret ends at once with the variables to look at."""
    source = connected(hub, credentials=Credentials("nobody", CANARY))
    with pytest.raises(SourceError, match="SH_CLIENT_SECRET") as refused:
        list(source.search(WHERE))

    assert CANARY not in str(refused.value)
    assert len(hub.ledger) == 1


SPOILED = [
    Fault.TRUNCATED,
    Fault.TRUNCATED_UNDECLARED,
    Fault.EMPTY,
    Fault.HTML,
    Fault.DRIP,
    Fault.RESET,
    Fault.REDIRECT,
    Fault.SERVER_ERROR,
    Fault.UNAVAILABLE,
    Fault.TOO_MANY,
    Fault.TOO_MANY_DATE,
    Fault.TOO_MANY_GARBAGE,
    Fault.WRONG_SIZE,
    Fault.WRONG_CRS,
    Fault.WRONG_SCENE,
]


@pytest.mark.parametrize("fault", SPOILED, ids=lambda fault: fault.value)
def test_each_fault_costs_one_more_request(fault, sample, connected, every_piece, tmp_path):
    """The second answer is taken; of the first nothing is kept anywhere."""
    with Emulator(archive=sample[0], faults=Faults({("process", 1): fault}, drip_s=0.01)) as hub:
        spool = Spool(Store.open(str(tmp_path)), "yard")
        source = connected(hub, spool=spool)
        scene = scenes(source)[0]
        raster = source.fetch(scene, GRID, every_piece)
        again = connected(hub, spool=spool).fetch(scene, GRID, every_piece)

    assert len(hub.ledger.entries("process")) == 2
    assert (raster.values[:, 5:] == stored(sample, scene).values()[:, 5:]).all()
    np.testing.assert_array_equal(again.values, raster.values)
    assert raster.spent_pu == pytest.approx(hub.ledger.spent_pu)


def test_corrupt_source_file_is_asked_for_once(sample, connected, every_piece):
    """What the service will never be able to render leaves out the scene, by name."""
    with Emulator(archive=sample[0], faults=Faults({("process", 1): Fault.BAD_SOURCE})) as hub:
        source = connected(hub)
        scene = scenes(source)[0]
        with pytest.raises(SceneError) as refused:
            source.fetch(scene, GRID, every_piece)

    assert refused.value.reason == Rejection.ASSET_UNREADABLE
    assert len(hub.ledger.entries("process")) == 1


def test_nothing_measured_is_a_rejection(hub, connected, every_piece):
    """200 with nothing but zeros is no scene of clear ground."""
    scene = Scene("x", "sentinel-2-l2a", FIRST + dt.timedelta(days=2), "p", 10.0, OPTICAL)
    with pytest.raises(SceneError) as refused:
        connected(hub).fetch(scene, GRID, every_piece)

    assert refused.value.reason == Rejection.NODATA


MIXED = {
    Fault.TOO_MANY: 0.02,
    Fault.TOO_MANY_GARBAGE: 0.01,
    Fault.SERVER_ERROR: 0.02,
    Fault.TRUNCATED: 0.01,
    Fault.TRUNCATED_UNDECLARED: 0.01,
    Fault.RESET: 0.02,
    Fault.DRIP: 0.01,
}


@pytest.mark.parametrize(
    "count", [60, pytest.param(700, marks=pytest.mark.slow)], ids=lambda n: f"{n} scenes"
)
def test_a_tenth_of_faults_loses_nothing(count, sample, connected):
    """10 % mixed faults: every scene arrives, in at most 1.25 times the requests, in time."""
    tile = np.zeros((3, 4), dtype=bool)
    tile[1, 1] = True
    pieces = np.kron(tile, np.ones((64 // PIECE_PX,) * 2, dtype=bool))
    scene = Scene("s", "sentinel-2-l2a", FIRST, "sentinel-2a", 10.0, OPTICAL)
    # Requests differ by a fraction of the window, as those of different scenes would.
    wanted = [
        replace(
            scene,
            id=f"s{n}",
            properties={
                "sh:from": FIRST.isoformat(),
                "sh:to": (FIRST + n * dt.timedelta(milliseconds=10)).isoformat(),
            },
        )
        for n in range(1, count + 1)
    ]
    faults = Faults(probability=MIXED, seed=4, drip_s=0.02, retry_after_ms=20)
    with Emulator(archive=sample[0], faults=faults) as hub:
        source = connected(hub)
        with ThreadPoolExecutor(4) as pool:
            rasters = list(pool.map(lambda s: source.fetch(s, GRID, pieces), wanted))
    expected = sample[1][0].values()[:, 64:128, 64:128]
    sent = hub.ledger.entries("process")

    assert all((r.values[:, 64:128, 64:128] == expected).all() for r in rasters)
    assert sum(bool(e.fault) for e in sent) >= 0.05 * count
    assert len(sent) <= 1.25 * count
    assert set(hub.ledger.paid().values()) == {1}


def test_quota_stops_at_once_and_resumes_with_the_rest(sample, connected, every_piece, tmp_path):
    """An empty account ends the run in one refusal; the next run pays for exactly what is left."""
    store = Store.open(str(tmp_path))
    price = 192 * 256 / 512**2 * 7 / 3
    with Emulator(archive=sample[0], limits=Limits(price * 2.5, 1e6, 1e9, 1e9)) as hub:
        first = connected(hub, spool=Spool(store, "yard"))
        found = scenes(first)
        got = {}
        for scene in found:
            try:
                got[scene.id] = first.fetch(scene, GRID, every_piece).values
            except QuotaError:
                continue
        refused_at = len(hub.ledger.entries("process"))
        with pytest.raises(QuotaError):
            first.fetch(found[0], GRID, np.eye(3, 4, dtype=bool))
        assert len(hub.ledger.entries("process")) == refused_at == 3

        hub.new_month(Limits.none())
        # The process died before anything was committed: a new one starts from the store.
        second = connected(hub, spool=Spool(store, "yard"))
        again = {s.id: second.fetch(s, GRID, every_piece).values for s in found}
        paid = hub.ledger.paid()
        second.committed([s.id for s in found])

    assert len(got) == 2
    assert sorted(paid.values()) == [1, 1, 1]
    assert hub.ledger.spent_pu == pytest.approx(3 * price)
    assert all((again[i] == got[i]).all() for i in got)
    assert list(store.list("spool")) == []


def test_max_pu_refuses_before_sending(hub, connected, every_piece):
    """The budget is checked with the exact price, and nothing beyond it goes out."""
    price = 192 * 256 / 512**2 * 7 / 3
    source = connected(hub, budget=Budget(max_pu=1.5 * price))
    found = scenes(source)
    source.fetch(found[0], GRID, every_piece)
    with pytest.raises(QuotaError, match="max_pu"):
        source.fetch(found[1], GRID, every_piece)

    assert len(hub.ledger.entries("process")) == 1
    assert source.budget.spent_pu == pytest.approx(price)


def test_refusals_hold_back_every_thread(sample, connected, every_piece):
    """Once one thread was told to wait, seven others wait with it instead of finding out."""
    faults = Faults({("process", 1): Fault.TOO_MANY}, retry_after_ms=400)
    patience = Patience(backoff_s=0.01, wait_floor_s=0.01, wait_cap_s=2.0, total_s=30)
    with Emulator(archive=sample[0], faults=faults) as hub:
        source = connected(hub, patience=patience)
        scene = scenes(source)[0]
        with ThreadPoolExecutor(8) as pool:
            first = pool.submit(source.fetch, scene, GRID, every_piece)
            while not source.pace.wait() and not first.done():
                time.sleep(0.002)
            assert not first.done()
            rest = [pool.submit(source.fetch, scene, GRID, every_piece) for _ in range(7)]
            for future in (first, *rest):
                future.result()

    assert [e.status for e in hub.ledger.entries("process")] == [429] + [200] * 8


def test_the_secret_appears_nowhere(sample, connected, every_piece, tmp_path, caplog, capfd):
    """Not in a repr, a pickle, a log at its most talkative, an error, or anything stored."""
    caplog.set_level(logging.DEBUG)
    faults = Faults({("process", 1): Fault.UNAUTHORISED, ("token", 2): Fault.SERVER_ERROR})
    with Emulator(archive=sample[0], clients={"canary-id": CANARY}, faults=faults) as hub:
        source = connected(
            hub,
            credentials=Credentials("canary-id", CANARY),
            spool=Spool(Store.open(str(tmp_path)), "yard"),
        )
        scene = scenes(source)[0]
        source.fetch(scene, GRID, every_piece)
        source._hub().client.config.sh_client_secret = CANARY + "-wrong"
        hub.door.revoke_all()
        with pytest.raises(SourceError) as refused:
            source.fetch(scenes(source)[1], GRID, every_piece)
        pickled = pickle.dumps(source)
    output = capfd.readouterr()
    shown = [repr(source), str(refused.value), caplog.text, output.out, output.err, str(scene)]
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]

    assert files
    assert not [text for text in shown if CANARY in text]
    assert not [data for data in (*files, pickled) if CANARY.encode() in data]


def test_a_pickled_source_works_elsewhere(hub, connected, every_piece, monkeypatch):
    """Workers get the settings and read the credentials from their own environment."""
    monkeypatch.setenv("SH_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("SH_CLIENT_SECRET", CLIENT_SECRET)
    source = connected(hub)
    scene = scenes(source)[0]
    with pickle.loads(pickle.dumps(source)) as elsewhere:
        assert isinstance(elsewhere, SentinelHubSource)
        raster = elsewhere.fetch(scene, GRID, every_piece)

    np.testing.assert_array_equal(raster.values, source.fetch(scene, GRID, every_piece).values)
