"""An archive of scenes on disk or in a bucket: a tree of STAC Items with GeoTIFF assets."""

from railwatch.sources.archive.source import ArchiveSource

__all__ = ["ArchiveSource"]
