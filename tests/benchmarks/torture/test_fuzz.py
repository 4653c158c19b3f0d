"""A little of what `make torture ONLY=fuzz` feeds the parsers."""

import pytest

from benchmarks.torture.fuzz import run, targets


@pytest.mark.parametrize("number", range(9))
def test_a_parser_refuses_in_a_sentence_or_not_at_all(tmp_path, number):
    """Spoilt areas, sidings, items, rasters and answers raise our errors and nothing else.

    The same ones each time: what a fresh search finds must not stop a change it has no part in.
    """
    target = targets(tmp_path)[number]

    assert run(target, max(6, int(60 / target.dear)), fresh=False) == 0
