"""What an operator chooses: refused by name where it cannot be meant."""

import pytest

from flows.operations.settings import Settings, spread
from railwatch.errors import OperatorError


@pytest.fixture
def written(tmp_path, monkeypatch):
    for name in ("RAILWATCH_STORE", "RAILWATCH_ARCHIVE"):
        monkeypatch.delenv(name, raising=False)

    def write(text):
        path = tmp_path / "operations.yaml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("store: /s\nwatch: {cron: never}\n", "watch.cron"),
        ("store: /s\nwatch: {cron: '99 * * * *'}\n", "no cron line"),
        ("store: /s\nwatch: {areas: {yard: 'H H'}}\n", "2 fields"),
        ("store: /s\nlimits: {archive: 0}\n", "limits.archive"),
        ("store: /s\nlimit: {archive: 1}\n", "limit"),
        ("store: s3://key:secret@bucket/x\n", "store"),
        ("store: /s\nnotify: [{name: a, kind: fax, url_from: X}]\n", "notify.0.kind"),
        ("watch: {}\n", "RAILWATCH_STORE"),
        ("- store\n", "keys and values"),
        ("store: [\n", "is not YAML"),
    ],
)
def test_a_wrong_value_is_refused_with_file_and_field(written, text, named):
    """One line that names both."""
    path = written(text)

    with pytest.raises(OperatorError) as refused:
        Settings.read(path)

    assert str(path) in str(refused.value)
    assert named in str(refused.value)


def test_the_environment_comes_before_the_file(written, monkeypatch):
    """RAILWATCH_STORE wins."""
    monkeypatch.setenv("RAILWATCH_STORE", "s3://bucket/prefix")

    assert Settings.read(written("store: /s\n")).store == "s3://bucket/prefix"


def test_areas_start_at_minutes_of_their_own():
    """`H` is the same each time for one area, in range, and not the same for all."""
    minutes = {int(spread("H */6 * * *", f"area-{n}").split()[0]) for n in range(200)}

    assert spread("H H * * *", "yard") == spread("H H * * *", "yard")
    assert minutes <= set(range(60))
    assert len(minutes) > 40
    assert spread("5 4 * * 0", "yard") == "5 4 * * 0"


def test_an_area_may_have_its_own_time_or_none(written):
    """`never` leaves it out."""
    watch = Settings.read(
        written("store: /s\nwatch: {cron: '1 2 * * *', areas: {a: '3 4 * * *', b: never}}\n")
    ).watch

    assert [watch.cron_of(area) for area in "abc"] == ["3 4 * * *", None, "1 2 * * *"]


def test_a_notice_without_its_address_names_the_variable(written, monkeypatch):
    """The address is a secret and comes from the environment alone."""
    monkeypatch.delenv("RAILWATCH_PAGER_URL", raising=False)
    notice = Settings.read(
        written("store: /s\nnotify: [{name: pager, kind: webhook, url_from: RAILWATCH_PAGER_URL}]")
    ).notify[0]

    with pytest.raises(OperatorError, match="RAILWATCH_PAGER_URL"):
        notice.url()
