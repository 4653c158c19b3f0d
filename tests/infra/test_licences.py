"""What this project is built of may be shipped with it."""

import pytest

from infra.licences import licence_of, refused, table


def test_every_installed_package_has_a_licence_we_may_ship_with():
    """A new dependency with another one, or with none, fails here by name."""
    assert {name: said for name, (_, said) in table().items() if refused(said)} == {}


@pytest.mark.parametrize(
    ("licence", "wrong"),
    [
        ("MIT", False),
        ("Apache-2.0 OR BSD-3-Clause", False),
        ("GNU Lesser General Public License v3", False),
        ("GPL-3.0-or-later", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("AGPL-3.0", True),
        ("Proprietary", True),
        ("", True),
    ],
)
def test_licences_are_judged_by_what_they_are(licence, wrong):
    """Copyleft that would bind this project, and nothing at all, are refused."""
    assert refused(licence) is wrong


def test_a_package_that_states_its_licence_is_read():
    """From the expression, the classifier or the first line of the text."""
    from importlib.metadata import distribution

    assert "BSD" in licence_of(distribution("numpy"))
    assert licence_of(distribution("click")) != ""
