"""State is kept by name beside a record, and missed when it is gone or damaged."""

from railwatch.record import Record, parcel
from railwatch.store import Store
from railwatch.testing.made import made_scene


def test_a_parcel_is_kept_and_damage_is_as_good_as_absence(tmp_path, caplog):
    """What was put is got; a flipped byte gives None and a line in the log."""
    store = Store.open(str(tmp_path))
    with Record.open(store, "yard", write=True) as record:
        data = parcel.packed(made_scene(0).bands)
        record.states.put("kind/a", data)

        assert record.states.get("kind/a") == data
        assert record.states.get("kind/b") is None

    (file,) = [p for p in tmp_path.rglob("*") if p.is_file() and p.read_bytes() == data]
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))

    assert record.states.get("kind/a") is None
    assert "kind/a is damaged" in caplog.text


def test_state_of_another_past_is_dropped(tmp_path):
    """What is not named goes, of its own kind only."""
    states = Record.open(Store.open(str(tmp_path)), "yard").states
    data = parcel.packed((1, 2))
    for name in ("kind/a", "kind/b", "other/c"):
        states.put(name, data)

    states.drop_others("kind", {"kind/b"})

    assert [states.get(n) is None for n in ("kind/a", "kind/b", "other/c")] == [True, False, False]
