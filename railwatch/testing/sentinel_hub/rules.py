"""The service's written rules: schemas of request bodies and the table of bands.

The JSON files beside this module are an own-words transcription of the service's documented and
recorded behaviour. They are read strictly: a key nobody documented is refused, because what passes
here must pass there, and how the live service treats unknown keys is not known.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jsonschema
from jsonschema.protocols import Validator

LEGACY_TYPES = {
    "S2L2A": "sentinel-2-l2a",
    "S2L1C": "sentinel-2-l1c",
    "S1GRD": "sentinel-1-grd",
}
"""Old names of collections, which requests may still use."""

ERROR_NAMES = {new: old for old, new in LEGACY_TYPES.items()}
"""Error messages call the collections by their old names still."""


def document(name: str) -> Any:
    """Read one of the package's rule files."""
    return json.loads(resources.files(__package__).joinpath("schema", f"{name}.json").read_text())


@functools.cache
def validator(name: str) -> Validator:
    """Compile one of the package's schemas."""
    return jsonschema.Draft202012Validator(document(name))


@functools.cache
def bands(collection: str) -> Mapping[str, Mapping[str, Any]]:
    """Bands of a collection by name: `units`, and where known `common_name`, `resolution_m`.

    A collection of one's own (BYOC) has no table: an empty mapping.
    """
    table: Mapping[str, Mapping[str, Any]] = document("bands").get(collection, {})
    return table


def first_violation(schema: str, body: Any) -> tuple[str, str] | None:
    """Name the first rule of `schema` that `body` breaks: (parameter, violation)."""
    error = jsonschema.exceptions.best_match(validator(schema).iter_errors(body))
    if error is None:
        return None
    parameter = "->".join(str(part) for part in error.absolute_path)
    return parameter, error.message
