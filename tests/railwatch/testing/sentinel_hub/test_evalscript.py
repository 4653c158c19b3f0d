"""Scripts really run, each in a context of its own."""

import numpy as np
import pytest

from railwatch.testing.sentinel_hub.answer import Refusal
from railwatch.testing.sentinel_hub.evalscript import BLOCK_PX, Layer, Script, as_sample_type

PLAIN = """//VERSION=3
var seen = 0;
function setup() { return {input: ["B02", "B03"], output: [{id: "sum", bands: 1},
                           {id: "both", bands: 2, sampleType: "FLOAT32"}]}; }
function evaluatePixel(s) { seen += 1; return {sum: [s.B02 + s.B03], both: [s.B03, seen]}; }
"""


def layer(values):
    return Layer("", ("B02", "B03"), values, np.ones(values.shape[1], dtype=bool), {})


def test_every_pixel_runs_once_across_blocks():
    """More pixels than fit a block run in order, each with its own samples."""
    pixels = BLOCK_PX + 7
    values = np.stack([np.arange(pixels), np.arange(pixels) % 5]).astype(float)
    with Script(PLAIN) as script:
        total, both = script.evaluate(script.setup(), [layer(values)], pixels)

    np.testing.assert_array_equal(total[0], values.sum(axis=0))
    np.testing.assert_array_equal(both, [values[1], np.arange(1, pixels + 1)])


def test_nothing_leaks_between_scripts():
    """A global one script counts up starts anew in the next."""
    counted = []
    for _ in range(2):
        with Script(PLAIN) as script:
            counted.append(script.evaluate(script.setup(), [layer(np.ones((2, 3)))], 3)[1][1, -1])

    assert counted == [3, 3]


def test_what_a_script_throws_comes_back():
    """The text of a thrown error is in the refusal, as scripts use to print."""
    thrower = PLAIN.replace("seen += 1;", "throw new Error('scene list here');")
    with (
        Script(thrower) as script,
        pytest.raises(Refusal, match=r"Failed to evaluate script! .*Error: scene list here"),
    ):
        script.evaluate(script.setup(), [layer(np.ones((2, 1)))], 1)


def test_syntax_errors_are_refused():
    """A script V8 cannot parse gives 400, not a crash."""
    with pytest.raises(Refusal, match="Failed to evaluate script!"):
        Script("//VERSION=3\nfunction setup( {")


@pytest.mark.parametrize(
    ("value", "sample_type", "stored"),
    [
        (0.25, "AUTO", 64),
        (1.7, "AUTO", 255),
        (40.6, "UINT8", 41),
        (310, "UINT8", 255),
        (-3, "UINT16", 0),
        (70000, "UINT16", 65535),
        (-129, "INT8", -128),
        (float("nan"), "INT16", 0),
        (0.1, "FLOAT32", np.float32(0.1)),
    ],
)
def test_values_are_rounded_then_clamped(value, sample_type, stored):
    """Documented examples of each sample type."""
    assert as_sample_type(np.array([value]), sample_type)[0] == stored
