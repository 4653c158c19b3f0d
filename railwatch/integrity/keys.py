"""Names of objects: what each key of a store is, and which belong to nobody of ours."""

from __future__ import annotations

import enum
import re

from railwatch.area import ID

_ID = r"[0-9A-HJKMNP-TV-Z]{20}"
"""Icechunk's object ids: base 32 after Crockford."""
_AREA = ID.pattern


class Kind(enum.Enum):
    """What an object is, which decides how it is checked."""

    RECORD = enum.auto()
    """Of Icechunk, never changed once written."""
    STATE = enum.auto()
    """Saves work and holds its own checksum."""
    REFERENCE = enum.auto()
    """Of Icechunk: where a branch or tag stands."""
    NOTE = enum.auto()
    """Saves time, may be lost."""
    POINTER = enum.auto()
    """`latest.json`."""
    MANIFEST = enum.auto()
    """Of a publication."""
    PUBLISHED = enum.auto()
    """In a publication's folder: its manifest holds its digest."""
    EVIDENCE = enum.auto()
    """Shared by publications, never changed once written."""
    FIXED = enum.auto()
    """A fixed name that shows what the current publication says."""
    ROOT = enum.auto()
    """Of all areas."""
    SPOOL = enum.auto()
    """A paid answer with its own digest."""
    COUNTED_BY_EYE = enum.auto()
    """A reference count, named by its digest."""
    OURS = enum.auto()
    """Inventories and quarantine."""


_PATTERNS: tuple[tuple[Kind, str], ...] = (
    (Kind.RECORD, rf"records/{_AREA}/(chunks|manifests|snapshots|transactions)/{_ID}"),
    (Kind.RECORD, rf"records/{_AREA}/(config\.yaml|overwritten/[^/]+)"),
    (Kind.REFERENCE, rf"records/{_AREA}/refs/(branch|tag)\.[^/]+/ref\.json(\.deleted)?"),
    (Kind.NOTE, rf"records/{_AREA}/settled\.json"),
    (Kind.STATE, rf"records/{_AREA}/state/[^/]+/.+"),
    (Kind.POINTER, rf"areas/{_AREA}/latest\.json"),
    (Kind.MANIFEST, rf"areas/{_AREA}/history/[0-9a-f]{{16}}\.json"),
    (Kind.PUBLISHED, rf"areas/{_AREA}/publications/[0-9a-f]{{16}}/.+"),
    (Kind.EVIDENCE, rf"areas/{_AREA}/evidence/[^/]+"),
    (Kind.FIXED, rf"areas/{_AREA}/(counts\.parquet|report/index\.html)"),
    (Kind.ROOT, r"catalog\.json|index\.html"),
    (Kind.SPOOL, rf"spool/{_AREA}/[^/]+/[0-9a-f]{{32}}"),
    (Kind.COUNTED_BY_EYE, rf"areas-config/{_AREA}/references/[^/]+\.json"),
    (Kind.NOTE, rf"claims/{_AREA}/(scenes|publication)/(holders|held)/[^/]+"),
    (Kind.NOTE, r"\.railwatch-probe/[0-9a-f]{32}"),  # a bucket's conditions being proven
    (Kind.OURS, rf"inventories/{_AREA}\.sha256|quarantine/.+"),
)
_COMPILED = tuple((kind, re.compile(pattern)) for kind, pattern in _PATTERNS)


def kind_of(key: str) -> Kind | None:
    """Say what an object is by its name; None: nobody of ours put it there."""
    return next((kind for kind, pattern in _COMPILED if pattern.fullmatch(key)), None)


def prefixes(area_id: str) -> tuple[str, ...]:
    """Where the objects of one area are."""
    return (
        f"records/{area_id}",
        f"areas/{area_id}",
        f"areas-config/{area_id}",
        f"spool/{area_id}",
        f"claims/{area_id}",
    )
