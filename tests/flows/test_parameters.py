"""Parameters of deployments."""

import datetime as dt

import pytest
from pydantic import ValidationError

from flows.parameters import Place, Window


def test_a_window_that_ends_before_it_starts_is_refused():
    """The sentence names both days."""
    with pytest.raises(ValidationError, match="2023-05-02 is after end 2023-05-01"):
        Window(start=dt.date(2023, 5, 2), end=dt.date(2023, 5, 1))


def test_one_day_is_a_window():
    """Both days are included."""
    Window(start=dt.date(2023, 5, 2), end=dt.date(2023, 5, 2))


@pytest.mark.parametrize("url", ["s3://key:secret@bucket/x", "s3://bucket/x?secret=1", ""])
def test_a_store_with_credentials_is_refused(url):
    """Prefect shows parameters in plain text."""
    with pytest.raises(ValidationError, match="store"):
        Place(area="a.yaml", store=url)


def test_a_parameter_nobody_knows_is_refused():
    """A slip of the keyboard does not run with a default."""
    with pytest.raises(ValidationError, match="archiv"):
        Place(area="a.yaml", store="/s", archiv="/a")
