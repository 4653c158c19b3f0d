"""Files of others inside the page."""

import hashlib
import re
from importlib import resources

ASSETS = resources.files("railwatch.publication.report") / "assets"


def test_vendored_files_are_unchanged():
    """Each file of another project is, byte for byte, what VENDORED.md says it is."""
    text = (ASSETS / "VENDORED.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| (uPlot\S+) .* \| ([0-9a-f]{64}) \|$", text, re.MULTILINE)
    held = {item.name for item in ASSETS.iterdir() if item.name.startswith("uPlot")}

    assert {name for name, _ in told} == held
    for name, digest in told:
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == digest
