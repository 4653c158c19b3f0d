"""A store: one configured client of a folder or an S3-compatible bucket.

Everything railwatch keeps goes through a `Store`: the record of truth beside it (Icechunk opens the
same place), publications, and archives that are read. Keys are relative, `/`-separated names.
Writes are whole objects and atomic: a reader sees the old object or the new one, also after
kill -9. The store knows no area, scene or count.
"""

from railwatch.store.bucket import BucketStore
from railwatch.store.client import Listed, Store, Stored
from railwatch.store.folder import FolderStore

__all__ = ["BucketStore", "FolderStore", "Listed", "Store", "Stored"]
