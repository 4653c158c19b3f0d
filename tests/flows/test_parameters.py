"""Parameters of deployments."""

import datetime as dt

import pytest
from pydantic import ValidationError

from flows.parameters import Depot, Place, Window


def test_a_window_that_ends_before_it_starts_is_refused():
    """The sentence names both days."""
    with pytest.raises(ValidationError, match="2023-05-02 is after end 2023-05-01"):
        Window(start=dt.date(2023, 5, 2), end=dt.date(2023, 5, 1))


def test_one_day_is_a_window():
    """Both days are included."""
    Window(start=dt.date(2023, 5, 2), end=dt.date(2023, 5, 2))


@pytest.mark.parametrize("form", [Depot, lambda **said: Place(area="a.yaml", **said)])
@pytest.mark.parametrize("field", ["store", "archive"])
@pytest.mark.parametrize("url", ["s3://key:hunter2@bucket/x", "s3://bucket/x?key=hunter2", ""])
def test_a_url_with_credentials_is_refused_without_being_repeated(form, field, url):
    """Prefect shows parameters, and the message that refuses them, in plain text."""
    with pytest.raises(ValidationError, match=field) as refused:
        form(**({"store": "/s"} | {field: url}))

    assert "hunter2" not in str(refused.value)


def test_a_parameter_nobody_knows_is_refused():
    """A slip of the keyboard does not run with a default."""
    with pytest.raises(ValidationError, match="archiv"):
        Place(area="a.yaml", store="/s", archiv="/a")
