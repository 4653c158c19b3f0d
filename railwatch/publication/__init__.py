"""Publication: what consumers read, with no library of ours.

    content     what is published, and the digest that names it
    edition     the objects of one immutable folder: parquet, geojson, stac, feed, report ...
    switch      fills the folder, then switches fixed names and the pointer
    history     what was published before

Derived from the record and rebuildable at any time; docs/consumers.md specifies every output.
"""

from railwatch.publication.content import Content, Listed, Sensitivity, Statement, StatementKind
from railwatch.publication.history import Collected, Manifest, Retention, collect, history
from railwatch.publication.pointer import Pointer, current_pointer, pointer_of
from railwatch.publication.switch import Publication, publish, publish_content

__all__ = [
    "Collected",
    "Content",
    "Listed",
    "Manifest",
    "Pointer",
    "Publication",
    "Retention",
    "Sensitivity",
    "Statement",
    "StatementKind",
    "collect",
    "current_pointer",
    "history",
    "pointer_of",
    "publish",
    "publish_content",
]
